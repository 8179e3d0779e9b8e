/*
 * Invariants: a block has one owner; a block that is not free was cleared when it was given to its
 * owner, before the owner could see it; pages are carved from the app's newest small block and
 * come back only with the whole app. So nothing is searched or linked but one byte a block.
 */
#include "memory.h"
#include "console.h"
#include "runtime/abi/start.h"
#include "worker.h"

#define FREE            0
#define KEPT            0xff
#define PAGES_PER_BLOCK (NK_BLOCK_BYTES / NK_PAGE_BYTES)

static uint8_t owner[NK_BLOCKS_MAX];
static unsigned blocks_end; /* past the last that may be free */
static uint64_t usable_bytes, free_blocks;
static struct {
    uint64_t next; /* physical; unused pages of its newest small block */
    unsigned left;
} small[NOM_APPS_MAX + 1];

static void keep(uint64_t start, uint64_t bytes) {
    uint64_t last = (start + bytes - 1) / NK_BLOCK_BYTES;
    for (uint64_t i = start / NK_BLOCK_BYTES; i <= last && i < NK_BLOCKS_MAX; i++)
        owner[i] = KEPT;
}

void nk_memory_start(const struct nk_boot *boot) {
    keep(0, NK_PHYSICAL_END);
    for (unsigned i = 0; i < boot->memory_count; i++) {
        uint64_t start = boot->memory[i].start, bytes = boot->memory[i].bytes;
        usable_bytes += bytes;
        if (start >= NK_PHYSICAL_END)
            continue;
        if (bytes > NK_PHYSICAL_END - start)
            bytes = NK_PHYSICAL_END - start;
        uint64_t first = (start + NK_BLOCK_BYTES - 1) / NK_BLOCK_BYTES;
        uint64_t end = (start + bytes) / NK_BLOCK_BYTES;
        for (uint64_t b = first; b < end; b++)
            owner[b] = FREE;
        if (end > blocks_end)
            blocks_end = (unsigned)end;
    }
    keep(0, NK_IMAGE_PHYSICAL + NK_IMAGE_BYTES_MAX);
    if (boot->initrd.bytes > 0)
        keep(boot->initrd.start, boot->initrd.bytes);
    for (unsigned b = 0; b < blocks_end; b++)
        free_blocks += owner[b] == FREE;
}

uint64_t nk_memory_blocks(unsigned app, uint64_t count) {
    uint64_t run = 0;
    if (count == 0 || count > free_blocks)
        return 0;
    for (unsigned b = 0; b < blocks_end; b++) {
        run = owner[b] == FREE ? run + 1 : 0;
        if (run < count)
            continue;
        uint64_t first = b + 1 - count;
        for (uint64_t i = first; i <= b; i++)
            owner[i] = (uint8_t)app;
        free_blocks -= count;
        nk_worker_clear(first * NK_BLOCK_BYTES, count * NK_BLOCK_BYTES);
        return first * NK_BLOCK_BYTES;
    }
    return 0;
}

bool nk_memory_reserve(unsigned app, unsigned count) {
    if (count <= small[app].left)
        return true;
    if (count > PAGES_PER_BLOCK)
        return false;
    uint64_t block = nk_memory_blocks(app, 1);
    if (!block)
        return false;
    small[app].next = block;
    small[app].left = PAGES_PER_BLOCK;
    return true;
}

uint64_t nk_memory_pages(unsigned app, unsigned count) {
    if (!nk_memory_reserve(app, count))
        return 0;
    uint64_t pages = small[app].next;
    small[app].next += count * NK_PAGE_BYTES;
    small[app].left -= count;
    return pages;
}

void nk_memory_release(unsigned app) {
    for (unsigned b = 0; b < blocks_end; b++) {
        if (owner[b] == app) {
            owner[b] = FREE;
            free_blocks++;
        }
    }
    small[app].next = 0;
    small[app].left = 0;
}

uint64_t nk_memory_usable_bytes(void) {
    return usable_bytes;
}

uint64_t nk_memory_free_bytes(void) {
    return free_blocks * NK_BLOCK_BYTES;
}
