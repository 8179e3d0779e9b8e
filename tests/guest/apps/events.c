/*
 * Events, faults and cores of one app:
 *
 *   events faults    page faults in its own address space, resolved by its handler; others
 *   events decline   its handler declines one
 *   events self      notifies itself: as a flag, as the end of a wait, as an upcall
 *   events cores     takes every free core, does that between two of them; gives them back
 *   events hold MS   takes every free core, gives them back so long after app 2 is there
 *   events take      beside app 1, which holds: waits until a core is free, and takes it
 *   events tell N    publishes prices when so many "events hear" are there
 *   events hear      beside app 1, which tells: waits for them
 */
#include "runtime/abi/prices.h"
#include "upcall.h"
#include <stdlib.h>

#define PAGES 64u
#define FAR   0x2000000000ULL

#define PATIENCE_MS 20000u /* for what takes microseconds: hosts stand still at times */

static const struct nom_board *board;
static struct nom_context *first;

/* ---- faults ---- */

static struct nom_frames frames;
static volatile unsigned fault_count, skipped;

static uint64_t repair(struct nom_context *context, uint64_t events) {
    if (events & NOM_EVENT_PREEMPT)
        plat_call(NOM_SYS_YIELD, 0, 0, 0);
    if (!(events & NOM_EVENT_FAULT))
        return NOM_RESUME_SAVED;
    uint64_t page = context->fault_address & ~4095ULL;
    fault_count++;
    if (context->fault_vector == 6) { /* ud2 */
        context->saved.rip += 2;
        context->saved.rax = 0x1234;
        skipped++;
        return NOM_RESUME_SAVED;
    }
    if (context->fault_vector != 14 || page < FAR || page >= FAR + PAGES * 4096 ||
        plat_call(NOM_SYS_GRANT, 4096, 0, (uint64_t)&frames) != 0 ||
        plat_call4(NOM_SYS_MAP, page, frames.physical, 4096, NOM_RIGHT_WRITE) != 0)
        return NOM_RESUME_FAULT;
    return NOM_RESUME_SAVED;
}

static int faults(void) {
    struct registers in, out;
    uint64_t value = 0, flags_kept;
    upcalls(first, repair, 0);
    for (unsigned i = 0; i < PAGES; i++) {
        volatile uint64_t *word = (volatile uint64_t *)(FAR + i * 4096ULL + i * 8);
        CHECK(*word == 0);
        *word = i + 1;
        CHECK(*word == i + 1);
        CHECK(fault_count == i + 1);
    }
    CHECK(board->counters.exceptions >= PAGES && board->events.upcalls >= PAGES);
    /* Any exception, and a register changed by the handler; flags and the rest stay. */
    __asm__ volatile("std; stc; movl $7, %%ecx; ud2; setc %b1; cld; lea (%%rax, %%rcx), %0"
                     : "=r"(value), "=&r"(flags_kept)
                     :
                     : "rax", "rcx", "cc");
    CHECK(value == 0x1234 + 7 && (flags_kept & 1) == 1 && skipped == 1);
    registers_fill(&in, 0x77);
    memset(&out, 0, sizeof out);
    registers_hold(&in, &out, 1000);
    CHECK(memcmp(&in, &out, sizeof in) == 0);
    return check_end("events faults");
}

/* ---- notification ---- */

static volatile uint64_t heard; /* events that upcalls brought */

static uint64_t hear(struct nom_context *context, uint64_t events) {
    if (events & NOM_EVENT_PREEMPT)
        plat_call(NOM_SYS_YIELD, 0, 0, 0);
    events &= NOM_EVENTS_PENDING;
    __atomic_fetch_and(&context->pending, ~events, __ATOMIC_SEQ_CST);
    heard |= events;
    return NOM_RESUME_SAVED;
}

static int64_t notify(uint32_t index) {
    return plat_call(NOM_SYS_NOTIFY, NOM_NOTIFY_CORE, index, 0);
}

static int self(void) {
    upcalls(first, hear, 0);
    uint64_t brought = board->events.upcalls;
    CHECK(notify(0) == 0);
    CHECK(first->pending == NOM_EVENT_CORE && board->events.upcalls == brought);
    CHECK(call_losing(NOM_SYS_WAIT, NOM_EVENT_CORE, 0) == NOM_EVENT_CORE && first->pending == 0);
    first->upcall_events = NOM_EVENT_CORE;
    CHECK(heard == 0 && notify(0) == 0);
    CHECK(heard == NOM_EVENT_CORE && first->pending == 0 && board->events.upcalls == brought + 1);
    uint64_t begin = plat_now_us();
    CHECK(call_losing(NOM_SYS_WAIT, NOM_EVENT_CORE, 20000000) == NOM_EVENT_TIME);
    CHECK(plat_now_us() - begin >= 20000);
    return check_end("events self");
}

/* ---- two cores ---- */

enum step { STARTS, POLLS, WAITS, COMPUTES, LEAVES, GONE };
static volatile enum step step;
static volatile int64_t waited;
static volatile uint64_t turns, arrived;
static uint8_t second_stack[CORES][16384] __attribute__((aligned(64)));

/* On the second core, with no C library. */
__attribute__((used)) static void second(uint64_t argument, struct nom_context *context) {
    (void)argument;
    context->upcall_stack = (uint64_t)upcall.stack[context->index] + STACK - 64;
    context->upcall_events = 0;
    context->upcall_entry = (uint64_t)upcall_entry;
    step = POLLS;
    while (!(*(volatile uint64_t *)&context->pending & NOM_EVENT_CORE))
        turns++;
    __atomic_fetch_and(&context->pending, ~NOM_EVENT_CORE, __ATOMIC_SEQ_CST);
    step = WAITS;
    waited = plat_call(NOM_SYS_WAIT, NOM_EVENT_CORE, 0, 0);
    context->upcall_events = NOM_EVENT_CORE;
    heard = 0;
    step = COMPUTES;
    while (!heard)
        turns++;
    step = LEAVES;
    plat_call(NOM_SYS_RELEASE, context->core + 1, 0, 0);
    step = GONE; /* never */
}

__attribute__((used)) static void third(uint64_t argument, struct nom_context *context) {
    (void)argument;
    __atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
    while (*(volatile enum step *)&step != LEAVES)
        turns++;
    plat_call(NOM_SYS_RELEASE, context->core + 1, 0, 0);
}

/* rsp as a function finds it. */
static int64_t take(uint32_t core, void (*entry)(uint64_t, struct nom_context *)) {
    struct nom_core_start start = {(uint64_t)entry,
                                   (uint64_t)second_stack[core] + sizeof second_stack[core] - 8, 7};
    return plat_call(NOM_SYS_ACQUIRE, core + 1, (uint64_t)&start, 0);
}

static bool within(uint64_t ms, bool (*what)(uint64_t), uint64_t value) {
    uint64_t end = plat_now_us() + ms * 1000;
    while (plat_now_us() < end)
        if (what(value))
            return true;
    return what(value);
}
static bool step_is(uint64_t value) {
    return step == (enum step)value;
}
static bool core_free(uint64_t core) {
    return *(volatile uint32_t *)&board->resources[core].owner == 0;
}
static bool arrived_all(uint64_t count) {
    return arrived == count;
}

static uint32_t free_core(void) {
    for (uint32_t i = 0; i < board->cores; i++)
        if (board->resources[i].owner == 0)
            return i;
    return 0;
}

static void nap(uint64_t ms) {
    call_losing(NOM_SYS_WAIT, NOM_EVENT_PRICES, ms * 1000000);
}

static int cores(void) {
    upcalls(first, hear, 0);
    uint32_t core = free_core();
    uint64_t brought = board->events.upcalls, before;
    CHECK(core > 0);
    int64_t index = take(core, second);
    CHECK(index == 1);
    CHECK(board->resources[core].owner == board->resources[0].owner);
    CHECK(take(core, second) == -NOM_EBUSY);
    CHECK(within(PATIENCE_MS, step_is, POLLS));
    for (before = turns; turns == before;) /* both run at once */
        ;
    CHECK(notify(1) == 0 && within(PATIENCE_MS, step_is, WAITS));
    nap(20);
    CHECK(step == WAITS && waited == 0);
    CHECK(notify(1) == 0 && within(PATIENCE_MS, step_is, COMPUTES));
    CHECK(waited == NOM_EVENT_CORE && board->events.upcalls == brought);
    for (before = turns; turns == before;)
        ;
    CHECK(notify(1) == 0 && within(PATIENCE_MS, step_is, LEAVES));
    CHECK(heard == NOM_EVENT_CORE && board->events.upcalls == brought + 1);
    CHECK(within(PATIENCE_MS, core_free, core));
    CHECK(notify(1) == -NOM_ENOENT && step == LEAVES);

    step = STARTS;
    uint64_t count = 0;
    for (core = 0; core < board->cores; core++)
        if (core_free(core)) {
            CHECK(take(core, third) == (int64_t)++count);
        }
    CHECK(within(PATIENCE_MS, arrived_all, count) && free_core() == 0);
    CHECK(plat_call(NOM_SYS_RELEASE, 2, 0, 0) == -NOM_EINVAL); /* of another core */
    step = LEAVES;
    for (core = 1; core < board->cores; core++)
        CHECK(within(PATIENCE_MS, core_free, core));
    return check_end("events cores");
}

/* ---- several apps ---- */

/* For the others: tells app 1 that the caller is there, by a channel that nobody uses. */
static void arrive(void) {
    struct nom_channel channel = {.bytes = 4096};
    int64_t error;
    /* App 1 may not have been loaded yet. */
    while ((error = plat_call(NOM_SYS_CHANNEL, NOM_CHANNEL_OFFER, 1, (uint64_t)&channel)) ==
           -NOM_ENOENT)
        call_losing(NOM_SYS_YIELD, 0, 0);
    CHECK(error == 0);
}

/* For app 1: waits until so many others are there. */
static void gather(int count) {
    const volatile uint64_t *channels = &first->channels;
    uint64_t end = plat_now_us() + PATIENCE_MS * 1000;
    while (__builtin_popcountll(*channels) < count && plat_now_us() < end)
        nap(10);
    CHECK(__builtin_popcountll(*channels) == count);
}

static int hold(uint64_t ms) {
    uint32_t core;
    uint64_t count = 0;
    upcalls(first, hear, 0);
    while ((core = free_core()) != 0 && take(core, third) > 0)
        count++;
    CHECK(count > 0 && within(PATIENCE_MS, arrived_all, count));
    gather(1);
    nap(ms);
    step = LEAVES;
    nap(300);
    return check_end("events hold");
}

static int take_one(void) {
    uint32_t core;
    upcalls(first, hear, 0);
    for (uint64_t end = plat_now_us() + PATIENCE_MS * 1000; free_core() && plat_now_us() < end;)
        nap(10);
    __atomic_fetch_and(&first->pending, ~NOM_EVENT_RESOURCES, __ATOMIC_SEQ_CST);
    CHECK(free_core() == 0);
    arrive();
    while ((core = free_core()) == 0)
        CHECK(call_losing(NOM_SYS_WAIT, NOM_EVENT_RESOURCES, PATIENCE_MS * 1000000ULL) ==
              NOM_EVENT_RESOURCES);
    CHECK(take(core, third) == 1 && within(PATIENCE_MS, arrived_all, 1));
    return check_end("events take"); /* its end takes the core back too */
}

/* ---- prices ---- */

static int tell(int hearers) {
    uint64_t address = 0;
    uint32_t id = 1;
    upcalls(first, hear, 0);
    while (board->resources[id - 1].kind != NOM_RESOURCE_PRICES)
        id++;
    gather(hearers);
    nap(200); /* by then they wait, most likely */
    CHECK(plat_call(NOM_SYS_NOTIFY, NOM_NOTIFY_PRICES, 0, 0) == -NOM_EPERM);
    CHECK(plat_call(NOM_SYS_ACQUIRE, id, (uint64_t)&address, 0) == 0);
    struct nom_prices *prices = (struct nom_prices *)address;
    prices->generation = 1234;
    CHECK(plat_call(NOM_SYS_NOTIFY, NOM_NOTIFY_PRICES, 0, 0) == 0);
    return check_end("events tell");
}

static int hear_prices(char **argv) {
    const volatile struct nom_prices *prices =
        (const volatile struct nom_prices *)start_page(argv)->prices;
    upcalls(first, hear, 0);
    CHECK(prices->generation == 0);
    arrive();
    CHECK(call_losing(NOM_SYS_WAIT, NOM_EVENT_PRICES, PATIENCE_MS * 1000000ULL) ==
          NOM_EVENT_PRICES);
    CHECK(prices->generation == 1234);
    return check_end("events hear");
}

int plat_main(int argc, char **argv) {
    const char *kind = argc > 1 ? argv[1] : "";
    first = context_of(argv, 0);
    board = plat_board();
    if (strcmp(kind, "faults") == 0)
        return faults();
    if (strcmp(kind, "decline") == 0) {
        upcalls(first, repair, 0);
        return (int)*(volatile uint64_t *)(FAR - 8);
    }
    if (strcmp(kind, "self") == 0)
        return self();
    if (strcmp(kind, "cores") == 0)
        return cores();
    if (strcmp(kind, "hold") == 0)
        return hold(argc > 2 ? strtoul(argv[2], NULL, 0) : 0);
    if (strcmp(kind, "take") == 0)
        return take_one();
    if (strcmp(kind, "tell") == 0)
        return tell(argc > 2 ? atoi(argv[2]) : 1);
    if (strcmp(kind, "hear") == 0)
        return hear_prices(argv);
    return 2;
}
