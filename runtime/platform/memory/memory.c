/*
 * Memory for devices: each piece is an allocation of its own, so that a sanitizer sees what runs
 * past its end. A device's address is the program's plus a constant, so that one taken for the
 * other does not work by chance.
 */
#include "runtime/platform/memory/floor.h"
#include "runtime/platform/platform.h"
#include <stdlib.h>
#include <string.h>

#define PAGE_BYTES 4096u

static struct span { uint64_t address, bytes; } spans[MEMORY_DMA_SPANS];
static unsigned span_count;
static size_t bytes_left;

void memory_dma_start(size_t bytes_max) {
    bytes_left = bytes_max ? bytes_max : SIZE_MAX;
}

void *plat_dma_alloc(size_t bytes) {
    if (bytes == 0 || bytes > SIZE_MAX - PAGE_BYTES || span_count == MEMORY_DMA_SPANS)
        return NULL;
    size_t whole = (bytes + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1);
    void *p = whole <= bytes_left ? aligned_alloc(PAGE_BYTES, whole) : NULL;
    if (!p)
        return NULL;
    memset(p, 0, whole);
    bytes_left -= whole;
    spans[span_count++] = (struct span){(uint64_t)p, whole};
    return p;
}

/* Without the pages that are never there: those of the heap have their own guards. */
void *plat_reserve(size_t bytes) {
    size_t whole = (bytes + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1);
    void *p = bytes > 0 && bytes <= SIZE_MAX - PAGE_BYTES ? aligned_alloc(PAGE_BYTES, whole) : NULL;
    return p ? memset(p, 0, whole) : NULL;
}

uint64_t plat_dma_address(const void *p) {
    uint64_t address = (uint64_t)p;
    for (unsigned i = 0; i < span_count; i++)
        if (address - spans[i].address < spans[i].bytes)
            return address + MEMORY_DMA_OFFSET;
    return 0;
}
