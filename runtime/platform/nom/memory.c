/*
 * One arena for devices, grown by grants of the kernel and never given back. Grants that adjoin
 * both for the app and for devices become one span, so that plat_dma_address rarely looks at more
 * than one.
 */
#include "call.h"
#include "floor.h"
#include "runtime/platform/platform.h"
#include "upcall.h"
#include <stdbool.h>

#define PAGE_BYTES  4096u
#define GRANT_BYTES (2u << 20) /* least to ask the kernel for */
#define SPANS_MAX   64u

static struct span { uint64_t address, bytes, physical; } spans[SPANS_MAX];
static unsigned span_count;
static uint64_t next, left; /* what is not handed out, at the end of the last span */
static uint64_t map_next = NOM_MAP_START;
static struct span initrd;
static bool translated; /* by an IOMMU, which knows the app's own addresses */

void plat_memory_start(const struct nom_start *start) {
    initrd = (struct span){start->initrd, start->initrd_bytes, start->initrd_physical};
}

void plat_memory_translated(void) {
    translated = true;
}

static int grow(uint64_t bytes) {
    struct nom_frames grant;
    if (plat_call(NOM_SYS_GRANT, bytes < GRANT_BYTES ? GRANT_BYTES : bytes, 0, (uint64_t)&grant) <
            0 ||
        plat_call4(NOM_SYS_MAP, map_next, grant.physical, grant.bytes, NOM_RIGHT_WRITE) < 0)
        return -1;
    uint64_t address = map_next;
    map_next += grant.bytes;
    struct span *last = span_count ? &spans[span_count - 1] : NULL;
    if (last && last->address + last->bytes == address &&
        last->physical + last->bytes == grant.physical) {
        last->bytes += grant.bytes;
        left += grant.bytes;
        return 0;
    }
    if (span_count == SPANS_MAX)
        return -1;
    spans[span_count++] = (struct span){address, grant.bytes, grant.physical};
    next = address;
    left = grant.bytes;
    return 0;
}

void *plat_memory_map(size_t bytes) {
    struct nom_frames grant;
    uint64_t address = map_next + PAGE_BYTES;
    if (plat_call(NOM_SYS_GRANT, bytes, 0, (uint64_t)&grant) < 0)
        return NULL;
    if (plat_call4(NOM_SYS_MAP, address, grant.physical, grant.bytes, NOM_RIGHT_WRITE) < 0) {
        plat_call(NOM_SYS_FREE, grant.physical, grant.bytes, 0);
        return NULL;
    }
    map_next = (address + grant.bytes + GRANT_BYTES - 1) & ~(uint64_t)(GRANT_BYTES - 1);
    return (void *)address;
}

void *plat_dma_alloc(size_t bytes) {
    if (bytes == 0 || bytes > SIZE_MAX - PAGE_BYTES)
        return NULL;
    uint64_t whole = ((uint64_t)bytes + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
    /* A grant that does not adjoin leaves the old rest unused; one that adjoins may still be too
     * small only by what was left, so the second try always does. */
    while (left < whole)
        if (grow(whole) < 0)
            return NULL;
    void *p = (void *)next;
    next += whole;
    left -= whole;
    return p;
}

uint64_t plat_dma_address(const void *p) {
    uint64_t address = (uint64_t)p;
    for (unsigned i = 0; i < span_count; i++)
        if (address - spans[i].address < spans[i].bytes)
            return translated ? address : spans[i].physical + (address - spans[i].address);
    if (address - initrd.address < initrd.bytes)
        return translated ? address : initrd.physical + (address - initrd.address);
    return 0;
}
