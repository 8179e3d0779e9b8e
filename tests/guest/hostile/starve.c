/*
 * Takes every core and all memory that there is, never answers pre-emption, and makes as many
 * calls as it can; then prices, which it publishes as nonsense, and storms of notifications. Gives
 * nothing back before it ends.
 */
#include "hostile.h"
#include "runtime/platform/nom/upcall.h"
#include <string.h>

#define LEFT_BYTES    (2u << 20) /* what a neighbour may still need */
#define STACK_BYTES   16384u
#define CALLS_A_ROUND 64u

static uint8_t stacks[PLAT_CORES_MAX][STACK_BYTES] __attribute__((aligned(16)));

/* Where an upcall begins: it never ends. */
static _Noreturn void spin(void) {
    for (;;)
        __asm__ volatile("pause");
}

/* As that, for as long as this app lasts. */
static uint64_t stubborn_end_tsc;
static _Noreturn void stubborn(void) {
    while (plat_now_tsc() < stubborn_end_tsc)
        __asm__ volatile("pause");
    for (;;)
        plat_call(NOM_SYS_RESUME, NOM_RESUME_SAVED, 0, 0);
}

static _Noreturn void core(uint64_t index, struct nom_context *context) {
    context->upcall_stack = (uint64_t)stacks[index] + STACK_BYTES / 2 - 8;
    __atomic_store_n(&context->upcall_entry, (uint64_t)spin, __ATOMIC_RELEASE);
    spin();
}

static unsigned take_cores(void) {
    const struct nom_board *board = plat_board();
    unsigned taken = 0;
    for (uint32_t i = 0; i < board->resource_count; i++) {
        const struct nom_resource *r = &board->resources[i];
        struct nom_core_start start = {.entry = (uint64_t)core,
                                       .stack_top =
                                           (uint64_t)stacks[i % PLAT_CORES_MAX] + STACK_BYTES - 8,
                                       .argument = i % PLAT_CORES_MAX};
        if (r->kind == NOM_RESOURCE_CORE && r->owner == 0 && taken < PLAT_CORES_MAX)
            taken += plat_call(NOM_SYS_ACQUIRE, r->id, (uint64_t)&start, 0) >= 0;
    }
    return taken;
}

static uint64_t take_memory(void) {
    struct nom_frames frames;
    uint64_t taken = 0;
    for (uint64_t bytes = 32 << 20; bytes >= PAGE; bytes /= 2)
        while (plat_board()->memory_free_bytes >= bytes + LEFT_BYTES &&
               plat_call(NOM_SYS_GRANT, bytes, 0, (uint64_t)&frames) == 0)
            taken += frames.bytes;
    return taken;
}

/* A page that is always being written, and full of nonsense. */
static struct nom_prices *take_prices(void) {
    struct nom_prices *prices = plat_prices_own();
    if (!prices)
        return NULL;
    memset(prices, 0xff, sizeof *prices);
    prices->magic = NOM_PRICES_MAGIC;
    prices->version = NOM_PRICES_VERSION;
    return prices;
}

static void storm(const struct nom_prices *prices) {
    static uint8_t text[NOM_PRINT_MAX];
    for (unsigned i = 0; i < CALLS_A_ROUND; i++) {
        plat_call(NOM_SYS_NOTIFY, NOM_NOTIFY_CORE, i % PLAT_CORES_MAX, 0);
        plat_call(NOM_SYS_QUERY, NOM_QUERY_PHYSICAL, (uint64_t)text, (uint64_t)text);
        plat_call(NOM_SYS_UNMAP, NOM_MAP_START, NOM_MAP_END - NOM_MAP_START, 0);
        plat_call_losing(NOM_SYS_WAIT, NOM_EVENT_CHANNEL, 1);
        if (prices && i % 8 == 0)
            plat_prices_notify();
    }
    plat_call_losing(NOM_SYS_YIELD, 0, 0);
}

int hostile_starve(uint64_t seconds) {
    unsigned cores = take_cores();
    uint64_t bytes = take_memory(), end = plat_now_us() + seconds * 1000000;
    const struct nom_prices *prices = take_prices();
    struct nom_context *context = hostile_context();
    plat_log("hostile: took %u cores and %llu MiB%s", cores, (unsigned long long)bytes >> 20,
             prices ? ", and publishes prices" : "");
    while (plat_now_us() < end - seconds * 500000)
        storm(prices);
    /* Now it keeps its core for itself, and answers nothing. */
    stubborn_end_tsc = plat_now_tsc() + plat_us_to_tsc((double)seconds * 500000);
    __atomic_store_n(&context->upcall_entry, (uint64_t)stubborn, __ATOMIC_RELEASE);
    while (plat_now_us() < end)
        __asm__ volatile("pause");
    plat_core_enter(&plat_cores[0], context); /* with the usual upcalls */
    plat_log("hostile: was cut %llu times", (unsigned long long)context->cuts);
    return 0;
}
