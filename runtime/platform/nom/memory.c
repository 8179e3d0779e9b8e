/*
 * One arena for devices, grown by grants of the kernel and never given back. Grants that adjoin
 * both for the app and for devices become one span, so that plat_dma_address rarely looks at more
 * than one. Memory comes in large pages, and where the machine has none left in the small ones that
 * remain.
 */
#include "call.h"
#include "floor.h"
#include "runtime/platform/platform.h"
#include "runtime/platform/shared/shared.h"
#include "upcall.h"
#include <stdbool.h>

#define PAGE_BYTES  4096u
#define GRANT_BYTES (2u << 20) /* least to ask the kernel for */
#define FIRST_BYTES 65536u     /* the first time: many apps need no more */
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

static uint64_t round_up(uint64_t bytes, uint64_t to) {
    return (bytes + to - 1) & ~(to - 1);
}

/* Frames mapped at map_next, or if they are large at the next address that suits them. */
static int map_more(uint64_t bytes, struct nom_frames *frames) {
    int error = (int)plat_call(NOM_SYS_GRANT, bytes, 0, (uint64_t)frames);
    if (error < 0)
        return error;
    if (frames->bytes >= NOM_FRAMES_LARGE)
        map_next = round_up(map_next, GRANT_BYTES);
    error =
        (int)plat_call4(NOM_SYS_MAP, map_next, frames->physical, frames->bytes, NOM_RIGHT_WRITE);
    if (error < 0)
        plat_call(NOM_SYS_FREE, frames->physical, frames->bytes, 0);
    return error;
}

/* By at least so many bytes. Who was refused is so again, without a call, until there is more
 * memory than there was. */
static int grow(uint64_t bytes) {
    static uint64_t refused_bytes = UINT64_MAX, refused_free;
    struct nom_frames grant;
    uint64_t free_bytes = *(const volatile uint64_t *)&plat_board()->memory_free_bytes;
    if (span_count == SPANS_MAX || (bytes >= refused_bytes && free_bytes <= refused_free))
        return -1;
    uint64_t least = span_count == 0 ? FIRST_BYTES : GRANT_BYTES;
    if (map_more(bytes < least ? least : bytes, &grant) < 0 &&
        (bytes >= NOM_FRAMES_LARGE || map_more(bytes, &grant) < 0)) {
        refused_bytes = bytes;
        refused_free = free_bytes;
        return -1;
    }
    uint64_t address = map_next;
    map_next += grant.bytes;
    struct span *last = span_count ? &spans[span_count - 1] : NULL;
    if (last && last->address + last->bytes == address &&
        last->physical + last->bytes == grant.physical) {
        last->bytes += grant.bytes;
        left += grant.bytes;
        return 0;
    }
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
    map_next = round_up(address + grant.bytes, GRANT_BYTES);
    return (void *)address;
}

void *plat_dma_alloc(size_t bytes) {
    if (bytes == 0 || bytes > SIZE_MAX - GRANT_BYTES)
        return NULL;
    uint64_t whole = round_up(bytes, PAGE_BYTES), alignment = plat_dma_alignment(bytes);
    uint64_t unaligned = -next & (alignment - 1);
    /* A grant that does not adjoin leaves the old rest unused; one that adjoins may still be too
     * small only by what was left, so the second try always does, or the third after an odd page.
     */
    while (left < unaligned + whole) {
        if (grow(whole + (-map_next & (alignment - 1))) < 0)
            return NULL;
        unaligned = -next & (alignment - 1);
    }
    void *p = (void *)(next + unaligned);
    next += unaligned + whole;
    left -= unaligned + whole;
    return p;
}

size_t plat_memory_share(void) {
    const struct nom_board *board = plat_board();
    uint64_t apps = 0;
    for (unsigned i = 0; i < NOM_APPS_MAX; i++)
        apps += board->apps[i].state == NOM_APP_RUNS;
    return board->memory_free_bytes / (apps > 0 ? apps : 1);
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
