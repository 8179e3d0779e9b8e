/* setitimer: SIGALRM after a time, as alarm() has it. Times of the processor's use are not there.
 */
#include "runtime/posix/alarm.h"
#include "runtime/posix/calls.h"
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>

#define NS_PER_S  UINT64_C(1000000000)
#define NS_PER_US UINT64_C(1000)

static void rang(struct posix_alarm *a) {
    (void)a;
    posix_signal(SIGALRM);
}

static struct posix_alarm alarm_clock = {.rang = rang};

static bool to_ns(const struct timeval *t, uint64_t *ns) {
    if (t->tv_sec < 0 || t->tv_usec < 0 || t->tv_usec >= 1000000 ||
        (uint64_t)t->tv_sec >= UINT64_MAX / NS_PER_S)
        return false;
    *ns = (uint64_t)t->tv_sec * NS_PER_S + (uint64_t)t->tv_usec * NS_PER_US;
    return true;
}

/* Rounded up, so that what is left is never 0. */
static struct timeval from_ns(uint64_t ns) {
    uint64_t us = (ns + NS_PER_US - 1) / NS_PER_US;
    return (struct timeval){.tv_sec = (time_t)(us / 1000000), .tv_usec = (long)(us % 1000000)};
}

long posix_sys_getitimer(long which, long out) {
    if (which != ITIMER_REAL)
        return posix_sys_missing(SYS_getitimer);
    *(struct itimerval *)out = (struct itimerval){from_ns(alarm_clock.interval_ns),
                                                  from_ns(posix_alarm_left_ns(&alarm_clock))};
    return 0;
}

long posix_sys_setitimer(long which, long value, long before) {
    const struct itimerval *new = (const struct itimerval *)value;
    uint64_t first_ns = 0, interval_ns = 0;
    if (which != ITIMER_REAL)
        return posix_sys_missing(SYS_setitimer);
    if (new && (!to_ns(&new->it_value, &first_ns) || !to_ns(&new->it_interval, &interval_ns)))
        return -EINVAL;
    if (before)
        posix_sys_getitimer(which, before);
    if (first_ns == 0)
        posix_alarm_clear(&alarm_clock);
    else
        posix_alarm_set(&alarm_clock, first_ns, interval_ns);
    return 0;
}
