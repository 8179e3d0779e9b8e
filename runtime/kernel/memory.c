/*
 * States of a block; a bitmap for each of the first two finds them:
 *
 *          free --nk_memory_grant, blocks--> whole --nk_memory_free, release--> free
 *          free --split()--> split (at least one page not free) --the last page is freed--> free
 *
 * Invariants: owned_bytes of all owners add up to all blocks; a split block's owned[] add up to its
 * pages, its free bits are those of its pages that are free, and it has no run of free pages longer
 * than run_max. What is known of blocks lies in memory found at boot, as long as there are blocks;
 * it is not even cleared, so that a large machine starts no later.
 */
#include "memory.h"
#include "bits.h"
#include "board.h"
#include "console.h"
#include "runtime/abi/syscall.h"
#include "worker.h"

#define PAGES       (NK_BLOCK_BYTES / NK_PAGE_BYTES)
#define BLOCK_WORDS (NK_BLOCKS_MAX / 64)
#define PAGE_WORDS  (PAGES / 64)
#define SPLIT       0x7fu
#define IN_USE      0x80u /* of a page; the rest of its byte is its owner */
#define TRIES_MAX   4u    /* split blocks searched in vain before a free one is split */

static struct block {
    uint64_t free[PAGE_WORDS];
    uint16_t owned[NK_OWNERS]; /* pages */
    uint16_t run_max;
    uint8_t owner; /* of a whole one; NK_OWNER_FREE; SPLIT: only then does any other field but
                      in_use count */
    uint8_t in_use;
    uint8_t page[PAGES];
} * blocks;

static unsigned block_count, word_count; /* words of the bitmaps that are in use */
static uint64_t free_blocks[BLOCK_WORDS], roomy_blocks[BLOCK_WORDS]; /* roomy: split, a page free */
static uint64_t usable_bytes, owned_bytes[NK_OWNERS];

/* The part of a range that lies in its first block. */
struct part {
    struct block *block;
    unsigned index, first, count; /* of the block; of the pages */
    bool whole;
};

static struct part part_of(uint64_t physical, uint64_t bytes) {
    struct part part = {.index = (unsigned)(physical / NK_BLOCK_BYTES),
                        .first = (unsigned)(physical % NK_BLOCK_BYTES / NK_PAGE_BYTES)};
    uint64_t left = bytes / NK_PAGE_BYTES;
    part.count = (unsigned)(left < PAGES - part.first ? left : PAGES - part.first);
    part.block = &blocks[part.index];
    part.whole = part.block->owner != SPLIT;
    return part;
}

static void fill(uint8_t *to, unsigned count, uint8_t value) {
    uint64_t words = count / 8, rest = count % 8;
    __asm__ volatile("rep stosq"
                     : "+D"(to), "+c"(words)
                     : "a"(value * 0x0101010101010101ULL)
                     : "memory");
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(rest) : "a"(value) : "memory");
}

/* How many of count bytes have this value before the first that has not. */
static unsigned same(const uint8_t *bytes, unsigned count, uint8_t value) {
    unsigned n = 0;
    uint64_t word;
    for (; n + 8 <= count; n += 8) {
        __builtin_memcpy(&word, bytes + n, sizeof word);
        if (word != value * 0x0101010101010101ULL)
            break;
    }
    while (n < count && bytes[n] == value)
        n++;
    return n;
}

static void account(unsigned from, unsigned to, uint64_t bytes) {
    owned_bytes[from] -= bytes;
    owned_bytes[to] += bytes;
}

/* ---- whole blocks ---- */

static void block_own(unsigned index, unsigned owner, bool in_use) {
    account(blocks[index].owner, owner, NK_BLOCK_BYTES);
    blocks[index].owner = (uint8_t)owner;
    blocks[index].in_use = in_use;
    nk_bits_set(free_blocks, index, 1, owner == NK_OWNER_FREE);
}

static uint64_t take_blocks(unsigned owner, uint64_t count, bool in_use) {
    uint64_t scratch[BLOCK_WORDS];
    if (count == 0 || count > block_count)
        return 0;
    unsigned first = nk_bits_run(free_blocks, word_count, (unsigned)count, scratch);
    if (first == NK_BITS_NONE)
        return 0;
    for (unsigned i = 0; i < count; i++)
        block_own(first + i, owner, in_use);
    return first * NK_BLOCK_BYTES;
}

/* ---- pages ---- */

/* A free block, or one of the machine's, becomes pages of that owner. */
static void split(unsigned index) {
    struct block *b = &blocks[index];
    bool is_free = b->owner == NK_OWNER_FREE;
    fill(b->page, PAGES, b->owner);
    nk_zero(b->free, sizeof b->free);
    for (unsigned i = 0; i < NK_OWNERS; i++)
        b->owned[i] = 0;
    b->owned[b->owner] = PAGES;
    b->owner = SPLIT;
    b->run_max = PAGES;
    nk_bits_set(b->free, 0, PAGES, is_free);
    nk_bits_set(free_blocks, index, 1, false);
    nk_bits_set(roomy_blocks, index, 1, is_free);
}

/* Pages of a split block go from one owner to another, one of whom is NK_OWNER_FREE. */
static void pages_own(unsigned index, unsigned first, unsigned count, unsigned from, unsigned to,
                      bool in_use) {
    struct block *b = &blocks[index];
    account(from, to, count * NK_PAGE_BYTES);
    b->owned[from] = (uint16_t)(b->owned[from] - count);
    b->owned[to] = (uint16_t)(b->owned[to] + count);
    if (to == NK_OWNER_FREE)
        b->run_max = PAGES;
    if (b->owned[NK_OWNER_FREE] == PAGES) {
        b->owner = NK_OWNER_FREE;
        nk_bits_set(free_blocks, index, 1, true);
        nk_bits_set(roomy_blocks, index, 1, false);
        return;
    }
    fill(b->page + first, count, (uint8_t)(to | (in_use ? IN_USE : 0)));
    nk_bits_set(b->free, first, count, to == NK_OWNER_FREE);
    nk_bits_set(roomy_blocks, index, 1, b->owned[NK_OWNER_FREE] > 0);
}

static uint64_t take_pages(unsigned owner, unsigned count, bool in_use) {
    uint64_t scratch[PAGE_WORDS];
    unsigned index, first = 0, tries = 0;
    unsigned spare = nk_bits_next(free_blocks, word_count, 0);
    if (count == 0 || count > PAGES)
        return 0;
    for (index = nk_bits_next(roomy_blocks, word_count, 0); index != NK_BITS_NONE;
         index = nk_bits_next(roomy_blocks, word_count, index + 1)) {
        struct block *b = &blocks[index];
        if (b->run_max < count)
            continue;
        if (tries++ == TRIES_MAX && spare != NK_BITS_NONE) {
            index = NK_BITS_NONE;
            break;
        }
        first = nk_bits_run(b->free, PAGE_WORDS, count, scratch);
        if (first != NK_BITS_NONE)
            break;
        b->run_max = (uint16_t)(count - 1);
    }
    if (index == NK_BITS_NONE) {
        if (spare == NK_BITS_NONE)
            return 0;
        index = spare;
        first = 0;
        split(index);
    }
    pages_own(index, first, count, NK_OWNER_FREE, owner, in_use);
    return index * NK_BLOCK_BYTES + first * NK_PAGE_BYTES;
}

/* ---- what the machine has ---- */

static struct nk_range kept[6];

/* Usable memory, but for what is kept of it; whole pages. */
static void give(uint64_t start, uint64_t end, unsigned next_kept) {
    for (unsigned k = next_kept; k < sizeof kept / sizeof kept[0]; k++) {
        uint64_t kept_end = kept[k].start + kept[k].bytes;
        if (end <= kept[k].start || start >= kept_end)
            continue;
        if (start < kept[k].start)
            give(start, kept[k].start, k + 1);
        if (end > kept_end)
            give(kept_end, end, k + 1);
        return;
    }
    start = (start + NK_PAGE_BYTES - 1) & ~(NK_PAGE_BYTES - 1);
    end &= ~(NK_PAGE_BYTES - 1);
    while (start < end) {
        struct part part = part_of(start, end - start);
        if (part.whole && part.count == PAGES) {
            block_own(part.index, NK_OWNER_FREE, false);
        } else {
            if (part.whole)
                split(part.index);
            pages_own(part.index, part.first, part.count, NK_OWNER_MACHINE, NK_OWNER_FREE, false);
        }
        start += part.count * NK_PAGE_BYTES;
    }
}

/* Usable memory for so many bytes behind the image that is not the initrd's. */
static uint64_t place(const struct nk_boot *boot, uint64_t image_end, uint64_t bytes) {
    uint64_t initrd_end = boot->initrd.start + boot->initrd.bytes;
    for (unsigned i = 0; i < boot->memory_count; i++) {
        uint64_t start = boot->memory[i].start, end = start + boot->memory[i].bytes;
        if (end > NK_MEMORY_END)
            end = NK_MEMORY_END;
        if (start < image_end)
            start = image_end;
        if (start < initrd_end && start + bytes > boot->initrd.start)
            start = initrd_end;
        start = (start + NK_PAGE_BYTES - 1) & ~(NK_PAGE_BYTES - 1);
        if (start < end && bytes <= end - start)
            return start;
    }
    nk_panic("no memory to keep account of memory in");
}

void nk_memory_start(const struct nk_boot *boot) {
    extern const uint8_t nk_image_end[];
    uint64_t image_end = nk_image_physical(nk_image_end), top = 0, given = 0;
    for (unsigned i = 0; i < boot->memory_count; i++) {
        uint64_t end = boot->memory[i].start + boot->memory[i].bytes;
        usable_bytes += boot->memory[i].bytes;
        if (boot->memory[i].start < NK_MEMORY_END && end > top)
            top = end < NK_MEMORY_END ? end : NK_MEMORY_END;
    }
    block_count = (unsigned)((top + NK_BLOCK_BYTES - 1) / NK_BLOCK_BYTES);
    word_count = (block_count + 63) / 64;
    uint64_t bytes = block_count * sizeof *blocks, at = place(boot, image_end, bytes);
    blocks = nk_direct(at);
    for (unsigned i = 0; i < block_count; i++)
        blocks[i].owner = NK_OWNER_MACHINE;
    owned_bytes[NK_OWNER_MACHINE] = block_count * NK_BLOCK_BYTES;

    kept[0] = (struct nk_range){0, NK_LOW_KEPT_BYTES};
    kept[1] = (struct nk_range){NK_IMAGE_PHYSICAL, image_end - NK_IMAGE_PHYSICAL};
    kept[2] = boot->initrd;
    kept[3] = (struct nk_range){at, bytes};
    kept[4] = (struct nk_range){NK_SMM_ENTRY, NK_PAGE_BYTES};
    kept[5] = (struct nk_range){NK_SMM_STATE, NK_PAGE_BYTES};
    for (unsigned i = 0; i < boot->memory_count; i++) {
        uint64_t start = boot->memory[i].start, end = start + boot->memory[i].bytes;
        /* Each page once, also where a firmware names it twice. */
        start = start > given ? start : given;
        end = end < NK_MEMORY_END ? end : NK_MEMORY_END;
        if (start < end) {
            give(start, end, 0);
            given = end;
        }
    }
    nk_board_memory(owned_bytes[NK_OWNER_FREE]);
}

/* ---- calls ---- */

static uint64_t handed_out(uint64_t physical, uint64_t bytes) {
    if (physical) {
        nk_worker_clear(physical, bytes);
        nk_board_memory(owned_bytes[NK_OWNER_FREE]);
    }
    return physical;
}

/* Clearing takes as long as the memory is large, and meanwhile others want the lock: so it is the
 * kernel's until it is clear. */
static uint64_t grant_blocks(unsigned owner, uint64_t count) {
    uint64_t physical = take_blocks(NK_OWNER_KERNEL, count, true);
    for (uint64_t i = 0; physical && i < count; i++) {
        if (i >= NOM_CHANNEL_BYTES_MAX / NK_BLOCK_BYTES)
            nk_lock_lend();
        nk_worker_clear(physical + i * NK_BLOCK_BYTES, NK_BLOCK_BYTES);
    }
    for (uint64_t i = 0; physical && i < count; i++)
        block_own((unsigned)(physical / NK_BLOCK_BYTES + i), owner, false);
    nk_board_memory(owned_bytes[NK_OWNER_FREE]);
    return physical;
}

uint64_t nk_memory_grant(unsigned owner, uint64_t bytes) {
    if (bytes > NK_MEMORY_END)
        return 0;
    if (bytes >= NOM_FRAMES_LARGE)
        return grant_blocks(owner, (bytes + NK_BLOCK_BYTES - 1) / NK_BLOCK_BYTES);
    uint64_t count = (bytes + NK_PAGE_BYTES - 1) / NK_PAGE_BYTES;
    return handed_out(take_pages(owner, (unsigned)count, false), count * NK_PAGE_BYTES);
}

uint64_t nk_memory_blocks(unsigned owner, uint64_t count) {
    return handed_out(take_blocks(owner, count, true), count * NK_BLOCK_BYTES);
}

uint64_t nk_memory_pages(unsigned owner, unsigned count) {
    return handed_out(take_pages(owner, count, true), count * NK_PAGE_BYTES);
}

uint64_t nk_memory_kernel_pages(unsigned count) {
    return nk_memory_pages(NK_OWNER_KERNEL, count);
}

int nk_memory_check(unsigned owner, uint64_t physical, uint64_t bytes, bool *large) {
    if (bytes == 0 || (physical | bytes) % NK_PAGE_BYTES)
        return -NOM_EINVAL;
    if (physical >= block_count * NK_BLOCK_BYTES || bytes > block_count * NK_BLOCK_BYTES - physical)
        return -NOM_EPERM;
    *large = part_of(physical, bytes).whole;
    while (bytes > 0) {
        struct part part = part_of(physical, bytes);
        if (part.whole) {
            if (part.block->owner != owner)
                return -NOM_EPERM;
            if (part.count != PAGES || !*large)
                return -NOM_EINVAL;
            if (part.block->in_use)
                return -NOM_EBUSY;
        } else {
            const uint8_t *pages = part.block->page + part.first;
            unsigned good = same(pages, part.count, (uint8_t)owner);
            if (good < part.count)
                return (pages[good] & ~IN_USE) == owner ? -NOM_EBUSY : -NOM_EPERM;
            if (*large)
                return -NOM_EINVAL;
        }
        physical += part.count * NK_PAGE_BYTES;
        bytes -= part.count * NK_PAGE_BYTES;
    }
    return 0;
}

void nk_memory_use(uint64_t physical, uint64_t bytes, bool in_use) {
    while (bytes > 0) {
        struct part part = part_of(physical, bytes);
        uint8_t *pages = part.block->page + part.first;
        if (part.whole)
            part.block->in_use = in_use;
        else
            fill(pages, part.count, (uint8_t)((pages[0] & ~IN_USE) | (in_use ? IN_USE : 0)));
        physical += part.count * NK_PAGE_BYTES;
        bytes -= part.count * NK_PAGE_BYTES;
    }
}

void nk_memory_free(uint64_t physical, uint64_t bytes) {
    while (bytes > 0) {
        struct part part = part_of(physical, bytes);
        if (part.whole)
            block_own(part.index, NK_OWNER_FREE, false);
        else
            pages_own(part.index, part.first, part.count, part.block->page[part.first] & ~IN_USE,
                      NK_OWNER_FREE, false);
        physical += part.count * NK_PAGE_BYTES;
        bytes -= part.count * NK_PAGE_BYTES;
    }
    nk_board_memory(owned_bytes[NK_OWNER_FREE]);
}

static void release_pages(unsigned index, unsigned owner) {
    struct block *b = &blocks[index];
    if (b->owned[owner] + b->owned[NK_OWNER_FREE] == PAGES) {
        pages_own(index, 0, b->owned[owner], owner, NK_OWNER_FREE, false);
        return;
    }
    for (unsigned p = 0; b->owned[owner] > 0; p++)
        if ((b->page[p] & ~IN_USE) == owner)
            pages_own(index, p, same(b->page + p, PAGES - p, b->page[p]), owner, NK_OWNER_FREE,
                      false);
}

uint64_t nk_memory_release(unsigned owner) {
    uint64_t bytes = owned_bytes[owner];
    for (unsigned i = 0; i < block_count && owned_bytes[owner] > 0; i++) {
        if (blocks[i].owner == owner)
            block_own(i, NK_OWNER_FREE, false);
        else if (blocks[i].owner == SPLIT && blocks[i].owned[owner] > 0)
            release_pages(i, owner);
    }
    nk_board_memory(owned_bytes[NK_OWNER_FREE]);
    return bytes;
}

uint64_t nk_memory_usable_bytes(void) {
    return usable_bytes;
}

uint64_t nk_memory_owned_bytes(unsigned owner) {
    return owned_bytes[owner];
}

uint64_t nk_memory_free_bytes(void) {
    return owned_bytes[NK_OWNER_FREE];
}
