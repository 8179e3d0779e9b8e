/*
 * Paging is the app's (spec K9): memory that fills as it is touched. A page fault in a lazy region
 * is repaired with a piece of up to CHUNK_BYTES around it, or where the machine has no more so much
 * in one piece, with one page. Everything else is asked of the app's own handler, and declined.
 *
 * Regions are kept in order of address. Two cores may fault on one piece: whoever comes second
 * finds it mapped, and gives its frames back.
 */
#include "call.h"
#include "floor.h"
#include "runtime/abi/start.h"
#include "runtime/platform/event.h"
#include "upcall.h"

#define PAGE_BYTES      UINT64_C(4096)
#define CHUNK_BYTES     UINT64_C(65536)
#define REGIONS_MAX     1024u
#define PAGE_FAULT      14u
#define ERROR_PRESENT   1u
#define ERROR_EXECUTION 16u
/* Where plat_reserve looks for room; below it lies what plat_dma_alloc maps. */
#define RESERVE_START   UINT64_C(0x2000000000)

static struct region { uint64_t address, bytes; } regions[REGIONS_MAX];
static uint32_t region_count;
static uint64_t reserve_next = RESERVE_START;
static uint32_t locked;
static bool (*handler)(struct nom_context *context);

static void lock(void) {
    while (__atomic_exchange_n(&locked, 1, __ATOMIC_ACQUIRE))
        __builtin_ia32_pause();
}

static void unlock(void) {
    __atomic_store_n(&locked, 0, __ATOMIC_RELEASE);
}

void plat_on_fault(bool (*handle)(struct nom_context *context)) {
    __atomic_store_n(&handler, handle, __ATOMIC_RELEASE);
}

/* Of the regions, by address: the first that ends behind it, or region_count. */
static uint32_t place_of(uint64_t address) {
    uint32_t low = 0, high = region_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (regions[middle].address + regions[middle].bytes > address)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static int add(uint64_t address, uint64_t bytes) {
    uint32_t at = place_of(address);
    if (region_count == REGIONS_MAX)
        return -NOM_ENOMEM;
    if (at < region_count && regions[at].address < address + bytes)
        return -NOM_EINVAL;
    for (uint32_t i = region_count++; i > at; i--)
        regions[i] = regions[i - 1];
    regions[at] = (struct region){address, bytes};
    return 0;
}

int plat_lazy(uint64_t address, uint64_t bytes) {
    if (bytes == 0 || address % PAGE_BYTES || bytes % PAGE_BYTES || address < NOM_MAP_START ||
        address > NOM_MAP_END || bytes > NOM_MAP_END - address)
        return -NOM_EINVAL;
    lock();
    int error = add(address, bytes);
    unlock();
    return error;
}

void *plat_reserve(size_t bytes) {
    uint64_t whole = ((uint64_t)bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
    if (bytes == 0 || bytes > NOM_MAP_END - RESERVE_START)
        return NULL;
    lock();
    uint64_t address = reserve_next + CHUNK_BYTES; /* never there: the page below */
    uint64_t next = (address + whole + CHUNK_BYTES - 1) & ~(CHUNK_BYTES - 1);
    int error = next > NOM_MAP_END - CHUNK_BYTES ? -NOM_ENOMEM : add(address, whole);
    if (!error)
        reserve_next = next;
    unlock();
    return error ? NULL : (void *)address;
}

/* 0, or a negated enum nom_error; somebody else having mapped it is as good. */
static int fill(uint64_t address, uint64_t bytes) {
    struct nom_frames frames;
    int error = (int)plat_call(NOM_SYS_GRANT, bytes, 0, (uint64_t)&frames);
    if (error)
        return error;
    error = (int)plat_call4(NOM_SYS_MAP, address, frames.physical, frames.bytes, NOM_RIGHT_WRITE);
    if (error)
        plat_call(NOM_SYS_FREE, frames.physical, frames.bytes, 0);
    return error;
}

static bool repair(uint64_t address) {
    uint32_t at = place_of(address);
    if (at == region_count || regions[at].address > address)
        return false;
    const struct region *r = &regions[at];
    uint64_t start = address & ~(CHUNK_BYTES - 1), end = start + CHUNK_BYTES;
    start = start > r->address ? start : r->address;
    end = end < r->address + r->bytes ? end : r->address + r->bytes;
    if (fill(start, end - start) == 0)
        return true;
    int error = fill(address & ~(PAGE_BYTES - 1), PAGE_BYTES);
    return error == 0 || error == -NOM_EBUSY;
}

bool plat_fault(struct nom_context *context) {
    bool (*ask)(struct nom_context *) = __atomic_load_n(&handler, __ATOMIC_ACQUIRE);
    bool repaired = false;
    if (context->fault_vector == PAGE_FAULT &&
        (context->fault_error & (ERROR_PRESENT | ERROR_EXECUTION)) == 0) {
        lock();
        repaired = repair(context->fault_address);
        unlock();
    }
    return repaired || (ask && ask(context));
}
