/* timerfd: a count of times that have come. */
#include "runtime/net/pool.h"
#include "runtime/posix/alarm.h"
#include "runtime/posix/calls.h"
#include "runtime/posix/clock.h"
#include "runtime/posix/parts.h"
#include "runtime/posix/posix.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

/* Accepted and without effect: nobody sets the clock. */
#define CANCEL_ON_SET 2

struct timerfd {
    struct posix_file file;
    struct posix_alarm alarm;
    long clock;
};

static struct net_pool pool = {.block_bytes = sizeof(struct timerfd),
                               .blocks_max = POSIX_FILES_MAX};

static struct timerfd *timerfd_of(struct posix_file *f) {
    return (struct timerfd *)f;
}

static long timerfd_read(struct posix_file *f, const struct iovec *parts, int count,
                         int64_t offset) {
    struct timerfd *t = timerfd_of(f);
    uint64_t rings = t->alarm.rings;
    (void)offset;
    if (posix_parts_bytes(parts, count) < sizeof rings)
        return -EINVAL;
    if (rings == 0)
        return -EAGAIN;
    t->alarm.rings = 0;
    return (long)posix_parts_put(parts, count, &rings, sizeof rings);
}

static uint32_t timerfd_ready(struct posix_file *f) {
    return timerfd_of(f)->alarm.rings > 0 ? EPOLLIN : 0;
}

static void timerfd_close(struct posix_file *f) {
    posix_alarm_clear(&timerfd_of(f)->alarm);
    net_pool_give(f);
}

static void rang(struct posix_alarm *a) {
    struct timerfd *t = (struct timerfd *)(void *)((char *)a - offsetof(struct timerfd, alarm));
    posix_ready(&t->file, EPOLLIN);
}

static const struct posix_kind timerfd_kind = {
    .name = "timerfd", .read = timerfd_read, .ready = timerfd_ready, .close = timerfd_close};

long posix_sys_timerfd_create(long clock, long flags) {
    if ((clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME) ||
        (flags & ~(long)(TFD_NONBLOCK | TFD_CLOEXEC)))
        return -EINVAL;
    struct timerfd *t = net_pool_take(&pool, sizeof *t);
    if (!t)
        return -ENOMEM;
    *t = (struct timerfd){.clock = clock, .alarm.rang = rang};
    posix_file_init(&t->file, &timerfd_kind, O_RDWR | ((int)flags & O_NONBLOCK));
    return posix_descriptor(&t->file, 0, (int)flags & O_CLOEXEC);
}

static struct itimerspec left(const struct timerfd *t) {
    return (struct itimerspec){posix_ns_timespec(t->alarm.interval_ns),
                               posix_ns_timespec(posix_alarm_left_ns(&t->alarm))};
}

long posix_sys_timerfd_settime(long descriptor, long flags, long value, long before) {
    long error;
    struct posix_file *f = posix_file_of_kind(descriptor, &timerfd_kind, -EINVAL, &error);
    const struct itimerspec *new = (const struct itimerspec *)value;
    uint64_t first_ns, interval_ns, now_ns;
    if (error)
        return error;
    if ((flags & ~(long)(TFD_TIMER_ABSTIME | CANCEL_ON_SET)) ||
        !posix_timespec_ns(&new->it_value, &first_ns) ||
        !posix_timespec_ns(&new->it_interval, &interval_ns))
        return -EINVAL;
    struct timerfd *t = timerfd_of(f);
    if (before)
        *(struct itimerspec *)before = left(t);
    posix_clock_ns(t->clock, &now_ns);
    if (first_ns == 0)
        posix_alarm_clear(&t->alarm);
    else if (flags & TFD_TIMER_ABSTIME)
        posix_alarm_set(&t->alarm, first_ns > now_ns ? first_ns - now_ns : 0, interval_ns);
    else
        posix_alarm_set(&t->alarm, first_ns, interval_ns);
    return 0;
}

long posix_sys_timerfd_gettime(long descriptor, long out) {
    long error;
    const struct posix_file *f = posix_file_of_kind(descriptor, &timerfd_kind, -EINVAL, &error);
    if (f)
        *(struct itimerspec *)out = left((const struct timerfd *)f);
    return error;
}
