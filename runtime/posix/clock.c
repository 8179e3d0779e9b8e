/*
 * All clocks but that of the date count by the TSC, from UP_NS before the machine's start (hosted:
 * the app's): programs know a machine that has been up for a while, and take a time of less than a
 * second for one that was never set (libevent, of less than five seconds).
 * The program has its core to itself: the time that it used is all there was but what it slept.
 */
#include "runtime/posix/clock.h"
#include "runtime/app/loop.h"
#include "runtime/platform/platform.h"
#include "runtime/posix/calls.h"
#include "runtime/posix/posix.h"
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#define NS_PER_S      UINT64_C(1000000000)
#define S_MAX         (UINT64_MAX / NS_PER_S)
#define FOREVER_NS    (UINT64_C(100) * 365 * 86400 * NS_PER_S)
#define RESOLUTION_NS 1
#define UP_NS         (UINT64_C(60) * NS_PER_S)

static uint64_t up_ns(void) {
    return UP_NS + plat_tsc_to_ns(plat_now_tsc() - plat_board()->entry_tsc);
}

static uint64_t used_ns(void) {
    return plat_tsc_to_ns(plat_now_tsc() - plat_board()->entry_tsc - app_slept_tsc());
}

bool posix_clock_ns(long clock, uint64_t *ns) {
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        *ns = plat_wall_ns();
        return true;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
        *ns = up_ns();
        return true;
    case CLOCK_PROCESS_CPUTIME_ID:
    case CLOCK_THREAD_CPUTIME_ID: /* not counted apart */
        *ns = used_ns();
        return true;
    default:
        return false;
    }
}

bool posix_timespec_ns(const struct timespec *t, uint64_t *ns) {
    if (t->tv_sec < 0 || t->tv_nsec < 0 || (uint64_t)t->tv_nsec >= NS_PER_S)
        return false;
    *ns = (uint64_t)t->tv_sec < S_MAX ? (uint64_t)t->tv_sec * NS_PER_S + (uint64_t)t->tv_nsec
                                      : UINT64_MAX;
    return true;
}

struct timespec posix_ns_timespec(uint64_t ns) {
    return (struct timespec){.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
}

/* Rounded up: nothing comes too early. */
uint64_t posix_tsc_after_ns(uint64_t ns) {
    unsigned __int128 product = (unsigned __int128)ns * plat_tsc_hz;
    if (ns >= FOREVER_NS)
        return POSIX_FOREVER;
    return plat_now_tsc() + (uint64_t)((product + NS_PER_S - 1) / NS_PER_S);
}

long posix_sys_clock_gettime(long clock, long out) {
    uint64_t ns;
    if (!posix_clock_ns(clock, &ns))
        return -EINVAL;
    *(struct timespec *)out = posix_ns_timespec(ns);
    return 0;
}

long posix_sys_clock_getres(long clock, long out) {
    uint64_t ns;
    if (!posix_clock_ns(clock, &ns))
        return -EINVAL;
    if (out)
        *(struct timespec *)out = posix_ns_timespec(RESOLUTION_NS);
    return 0;
}

long posix_sys_clock_nanosleep(long clock, long flags, long time, long left) {
    uint64_t now_ns, ns;
    struct posix_waiter nobody = {0};
    if (!posix_clock_ns(clock, &now_ns) || clock == CLOCK_THREAD_CPUTIME_ID ||
        (flags & ~(long)TIMER_ABSTIME) || !posix_timespec_ns((const struct timespec *)time, &ns))
        return -EINVAL;
    if (flags & TIMER_ABSTIME)
        ns = ns > now_ns ? ns - now_ns : 0;
    uint64_t until_tsc = posix_tsc_after_ns(ns);
    long result = posix_block(&nobody, until_tsc);
    if (result != -EINTR)
        return 0;
    if (left && !(flags & TIMER_ABSTIME)) {
        uint64_t woken_tsc = plat_now_tsc();
        *(struct timespec *)left =
            posix_ns_timespec(until_tsc > woken_tsc ? plat_tsc_to_ns(until_tsc - woken_tsc) : 0);
    }
    return -EINTR;
}

long posix_sys_getrusage(long who, long out) {
    struct rusage *r = (struct rusage *)out;
    if (who != RUSAGE_SELF && who != RUSAGE_CHILDREN && who != RUSAGE_THREAD)
        return -EINVAL;
    memset(r, 0, sizeof *r);
    if (who == RUSAGE_CHILDREN)
        return 0;
    uint64_t us = used_ns() / 1000;
    r->ru_utime = (struct timeval){.tv_sec = (time_t)(us / 1000000), .tv_usec = us % 1000000};
    return 0;
}
