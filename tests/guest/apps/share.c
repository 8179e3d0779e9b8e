/*
 * Apps that share cores, or do not:
 *
 *   share spin BYTE MS  computes with this byte in all vector registers, which must stay there;
 *                       so long and until it has been pre-empted often, if apps outnumber cores
 *   share hog MS        gets the upcall and never answers; so long and until it was cut often
 *   share mute MS       the same, with no entry for upcalls
 *   share deaf BYTE MS  as spin, with no entry for upcalls: cut each time
 *   share peek N        yields N times, looks for what another app left in the registers
 *   share poll MS       polls, with no call; no timer may interrupt anybody meanwhile
 *   share sleep N MS    waits N times for so long each
 *   share faults        faults in its handler
 *   share wait BYTE     computes until no slice of its ends any more
 */
#include "upcall.h"
#include <stdlib.h>

static const struct nom_board *board;
static volatile uint64_t preemptions, hog_end_us;

#define OFTEN   3u /* what a test looks for */
#define ENOUGH  6u /* after which an app may end; others have had about as many */
#define LONG_US 20000000u

static uint64_t answer(struct nom_context *context, uint64_t events) {
    (void)context;
    if (events & NOM_EVENT_PREEMPT) {
        preemptions++;
        plat_call(NOM_SYS_YIELD, 0, 0, 0);
    }
    return events & NOM_EVENT_FAULT ? NOM_RESUME_FAULT : NOM_RESUME_SAVED;
}

static bool cores_are_shared(void) {
    unsigned count = 0;
    for (unsigned i = 0; i < NOM_APPS_MAX; i++)
        count += *(const volatile uint32_t *)&board->apps[i].state == NOM_APP_RUNS;
    return count > board->cores;
}

/* Counted by the kernel at any moment, so not to be read once. */
static uint64_t counter(const uint64_t *which) {
    return *(const volatile uint64_t *)which;
}

/* How often it had to leave its core: by its answer, or without. */
static uint64_t left(const struct nom_context *context) {
    return preemptions + counter(&context->cuts);
}

static void spin(struct nom_context *context, const char *byte, uint64_t ms, bool deaf) {
    struct registers in, out;
    uint64_t rounds = 0, broken = 0, begin = plat_now_us(), time_us = 0;
    upcalls(context, answer, 0);
    if (deaf)
        __atomic_store_n(&context->upcall_entry, 0, __ATOMIC_SEQ_CST);
    registers_fill(&in, (uint8_t)strtoul(byte, NULL, 0));
    while (time_us < ms * 1000 ||
           (cores_are_shared() && left(context) < ENOUGH && time_us < LONG_US)) {
        time_us = plat_now_us() - begin;
        memset(&out, 0, sizeof out);
        registers_hold(&in, &out, 300000);
        rounds++;
        broken += memcmp(&in, &out, sizeof in) != 0;
    }
    plat_log("%s %s: rounds %s, preempted %s, answers %s, registers of %u bytes broken %llu times",
             deaf ? "deaf" : "spin", byte, rounds > OFTEN ? "many" : "few",
             left(context) >= OFTEN ? "often" : "hardly", preemptions > 0 ? "some" : "none",
             (unsigned)upcall_vectors, (unsigned long long)broken);
}

_Noreturn static uint64_t ignore(struct nom_context *context, uint64_t events) {
    (void)context;
    (void)events;
    for (;;)
        if (plat_now_us() > hog_end_us &&
            (counter(&context->cuts) > OFTEN || plat_now_us() > hog_end_us + LONG_US))
            plat_call(NOM_SYS_EXIT, context->cuts > OFTEN ? 0 : 1, 0, 0);
}

static void hog(struct nom_context *context, uint64_t ms, bool mute) {
    hog_end_us = plat_now_us() + ms * 1000;
    if (mute) /* the library had set its own */
        __atomic_store_n(&context->upcall_entry, 0, __ATOMIC_SEQ_CST);
    else
        upcalls(context, ignore, 0);
    ignore(context, 0);
}

/* Neither the pattern of another, nor anything but what the processor starts with. */
static void peek(struct nom_context *context, unsigned turns) {
    struct registers in, out, clean;
    unsigned kept = 0, wiped = 0, foreign = 0;
    upcalls(context, answer, 0);
    registers_fill(&in, 0x11);
    for (unsigned i = 0; i < turns; i++) {
        memset(&out, 0, sizeof out);
        registers_yield(&in, &out);
        memset(&clean, 0, sizeof clean);
        clean.vector_control = 0x1f80;
        clean.x87_control = 0x37f;
        memcpy(clean.x87, out.x87, sizeof clean.x87); /* fstpt of an empty stack: its NaN */
        static const uint8_t pi[8] = {0x35, 0xc2, 0x68, 0x21, 0xa2, 0xda, 0x0f, 0xc9};
        if (memcmp(&out, &in, sizeof in) == 0)
            kept++;
        else if (memcmp(&out, &clean, sizeof clean) == 0 && memcmp(out.x87, pi, 8) != 0)
            wiped++;
        else
            foreign++;
    }
    plat_log("peek: wiped %s, foreign %u, kept %s", wiped > 5 ? "often" : "hardly", foreign,
             kept <= turns ? "else" : "");
}

/* Until so many milliseconds after the kernel's first instruction: a moment that all apps share. */
static void until(uint64_t ms) {
    while ((__builtin_ia32_rdtsc() - board->entry_tsc) / (board->tsc_hz / 1000) < ms)
        ;
}

/* All that poll look at the same time, when all have started and none has ended. */
static void poll(uint64_t ms) {
    const uint64_t *timers = &board->counters.timer_interrupts;
    const uint64_t *calls = &board->counters.system_calls;
    until(ms);
    uint64_t timers_before = counter(timers), calls_before = counter(calls);
    until(ms + ms / 4);
    uint64_t timers_after = counter(timers), calls_after = counter(calls);
    until(ms * 2);
    plat_log("poll: timer interrupts %llu, calls %llu",
             (unsigned long long)(timers_after - timers_before),
             (unsigned long long)(calls_after - calls_before));
}

static void sleeps(struct nom_context *context, unsigned turns, uint64_t ms) {
    unsigned early = 0, wrong = 0;
    upcalls(context, answer, 0);
    for (unsigned i = 0; i < turns; i++) {
        uint64_t begin = plat_now_us();
        wrong += call_losing(NOM_SYS_WAIT, NOM_EVENT_PRICES, ms * 1000000) != NOM_EVENT_TIME;
        early += plat_now_us() - begin < ms * 1000;
    }
    plat_log("sleep: %u times, early %u, wrong %u", turns, early, wrong);
}

/* Alone on its core once no timer comes for a while, whoever else runs. */
static void wait_alone(struct nom_context *context) {
    uint64_t ends, count;
    upcalls(context, answer, 0);
    do {
        count = left(context);
        ends = plat_now_us() + 200000;
        while (plat_now_us() < ends)
            ;
    } while (left(context) != count);
    uint32_t other = 1 - context->core;
    uint32_t owner = board->resources[context->core].owner;
    CHECK(owner != 0 && other < board->cores && board->resources[other].owner != owner);
    if (check_end("wait") == 0)
        plat_log("wait: own core, no slices any more");
    ends = plat_now_us() + 500000;
    while (plat_now_us() < ends)
        ;
}

static uint64_t fall(struct nom_context *context, uint64_t events) {
    if (!(events & NOM_EVENT_FAULT))
        return answer(context, events);
    return *(volatile uint64_t *)context->fault_address;
}

int plat_main(int argc, char **argv) {
    struct nom_context *context = context_of(argv, 0);
    const char *kind = argc > 1 ? argv[1] : "";
    uint64_t number = argc > 2 ? strtoul(argv[2], NULL, 0) : 0;
    uint64_t ms = argc > 3 ? strtoul(argv[3], NULL, 0) : 0;
    board = plat_board();
    if (strcmp(kind, "spin") == 0 || strcmp(kind, "deaf") == 0) {
        spin(context, argv[2], ms, kind[0] == 'd');
    } else if (strcmp(kind, "hog") == 0 || strcmp(kind, "mute") == 0) {
        hog(context, number, kind[0] == 'm');
    } else if (strcmp(kind, "peek") == 0) {
        peek(context, (unsigned)number);
    } else if (strcmp(kind, "poll") == 0) {
        poll(number);
    } else if (strcmp(kind, "sleep") == 0) {
        sleeps(context, (unsigned)number, ms);
    } else if (strcmp(kind, "wait") == 0) {
        wait_alone(context);
    } else if (strcmp(kind, "faults") == 0) {
        upcalls(context, fall, 0);
        return (int)*(volatile uint64_t *)(NOM_MAP_END - 4096);
    } else {
        return 2;
    }
    return 0;
}
