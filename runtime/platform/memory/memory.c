/*
 * Memory for devices: each piece is an allocation of its own, so that a sanitizer sees what runs
 * past its end. A device's address is the program's plus a constant, so that one taken for the
 * other does not work by chance.
 */
#include "runtime/platform/memory/floor.h"
#include "runtime/platform/platform.h"
#include "runtime/platform/shared/shared.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE_BYTES          4096u
#define RESERVE_BYTES_LARGE (UINT64_C(1) << 20)

static struct span { uint64_t address, bytes; } spans[MEMORY_DMA_SPANS]; /* by address */
static unsigned span_count;
static size_t bytes_left;

void memory_dma_start(size_t bytes_max) {
    bytes_left = bytes_max ? bytes_max : SIZE_MAX;
}

/* How many spans begin at or below an address. */
static unsigned place_of(uint64_t address) {
    unsigned low = 0, high = span_count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (spans[middle].address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void *plat_dma_alloc(size_t bytes) {
    if (bytes == 0 || bytes > SIZE_MAX - PAGE_BYTES || span_count == MEMORY_DMA_SPANS)
        return NULL;
    size_t whole = (bytes + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1);
    void *p = whole <= bytes_left ? aligned_alloc(plat_dma_alignment(bytes), whole) : NULL;
    if (!p)
        return NULL;
    memset(p, 0, whole);
    bytes_left -= whole;
    unsigned at = place_of((uint64_t)p);
    memmove(&spans[at + 1], &spans[at], (span_count++ - at) * sizeof *spans);
    spans[at] = (struct span){(uint64_t)p, whole};
    return p;
}

size_t plat_memory_share(void) {
    return bytes_left;
}

/* Without the pages that are never there: those of the heap have their own guards. What no heap
 * would be asked for is address space of the system's. */
void *plat_reserve(size_t bytes) {
    size_t whole = (bytes + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1);
    if (bytes >= RESERVE_BYTES_LARGE) {
        void *map = mmap(NULL, whole, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        return map == MAP_FAILED ? NULL : map;
    }
    void *p = bytes > 0 && bytes <= SIZE_MAX - PAGE_BYTES ? aligned_alloc(PAGE_BYTES, whole) : NULL;
    return p ? memset(p, 0, whole) : NULL;
}

uint64_t plat_dma_address(const void *p) {
    uint64_t address = (uint64_t)p;
    unsigned at = place_of(address);
    bool inside = at > 0 && address - spans[at - 1].address < spans[at - 1].bytes;
    return inside ? address + MEMORY_DMA_OFFSET : 0;
}
