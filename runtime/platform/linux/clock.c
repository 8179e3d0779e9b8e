/*
 * The date is the kernel's. The frequency of the TSC: the median of several short readings against
 * the kernel's raw clock, for on a busy machine a single one may be far off, and would silently
 * rescale every delay.
 */
#include "floor.h"
#include "runtime/platform/platform.h"
#include <cpuid.h>
#include <stdlib.h>
#include <time.h>

#define READINGS        5
#define READING_NS      9000000
#define TRIES           8
#define LEAF_POWER      0x80000007u
#define POWER_INVARIANT (1u << 8) /* of edx */
#define NS_PER_S        INT64_C(1000000000)

struct moment {
    uint64_t tsc;
    int64_t ns;
};

bool plat_clock_is_invariant(void) {
    unsigned a, b, c, d;
    return __get_cpuid(LEAF_POWER, &a, &b, &c, &d) && (d & POWER_INVARIANT) != 0;
}

/* Both clocks at one moment: of several tries the one in the least time. */
static struct moment now(void) {
    struct moment best = {0, 0};
    uint64_t best_took = UINT64_MAX;
    for (int i = 0; i < TRIES; i++) {
        struct timespec t;
        uint64_t from = plat_now_tsc();
        clock_gettime(CLOCK_MONOTONIC_RAW, &t);
        uint64_t took = plat_now_tsc() - from;
        if (took < best_took) {
            best_took = took;
            best = (struct moment){from + took / 2, t.tv_sec * NS_PER_S + t.tv_nsec};
        }
    }
    return best;
}

static uint64_t read_hz(void) {
    struct timespec wait = {.tv_nsec = READING_NS};
    struct moment from = now();
    nanosleep(&wait, NULL);
    struct moment to = now();
    while (to.ns - from.ns < READING_NS / 2) /* woken by a signal */
        to = now();
    return (uint64_t)((unsigned __int128)(to.tsc - from.tsc) * (uint64_t)NS_PER_S /
                      (uint64_t)(to.ns - from.ns));
}

static int compare(const void *a, const void *b) {
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

uint64_t plat_wall_ns(void) {
    struct timespec t;
    return clock_gettime(CLOCK_REALTIME, &t) == 0 ? (uint64_t)(t.tv_sec * NS_PER_S + t.tv_nsec) : 0;
}

uint64_t plat_clock_measure_hz(void) {
    uint64_t hz[READINGS];
    for (int i = 0; i < READINGS; i++)
        hz[i] = read_hz();
    qsort(hz, READINGS, sizeof *hz, compare);
    return hz[READINGS / 2];
}
