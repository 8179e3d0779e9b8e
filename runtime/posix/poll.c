/*
 * poll, ppoll, select, pselect6. Each call looks at all it was given, after a turn; only where
 * nothing is ready are watches put on the files, until the call comes back.
 */
#include "runtime/net/pool.h"
#include "runtime/platform/platform.h"
#include "runtime/posix/calls.h"
#include "runtime/posix/list.h"
#include "runtime/posix/masked.h"
#include "runtime/posix/posix.h"
#include <errno.h>
#include <string.h>
#include <sys/select.h>
#include <time.h>

#define FEW          16 /* watches on the caller's stack */
#define CHUNK        64 /* watches of one block of the pool */
#define SELECT_MAX   FD_SETSIZE
#define SELECT_READ  (POLLIN | POLLRDNORM | POLLHUP | POLLERR)
#define SELECT_WRITE (POLLOUT | POLLWRNORM | POLLERR)

struct watched {
    struct posix_watch watch;
    struct posix_waiter *waiter;
};

struct chunk {
    struct chunk *next;
    struct watched watched[CHUNK];
};

static struct net_pool chunks = {.block_bytes = sizeof(struct chunk),
                                 .blocks_max = 4 * POSIX_FILES_MAX / CHUNK};

static void wake(struct posix_watch *w, uint32_t events) {
    (void)events;
    posix_wake(POSIX_OF(w, struct watched, watch)->waiter);
}

/* How many have something to say. */
static long look(struct pollfd *polled, unsigned count) {
    long n = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct posix_file *f = polled[i].fd < 0 ? NULL : posix_file_of(polled[i].fd);
        polled[i].revents = 0;
        if (polled[i].fd < 0)
            continue;
        uint32_t wanted = (uint16_t)polled[i].events | POLLERR | POLLHUP;
        uint32_t ready = f ? posix_poll_bits(posix_readiness((struct posix_file *)f)) : POLLNVAL;
        polled[i].revents = (short)(ready & (wanted | POLLNVAL));
        n += polled[i].revents != 0;
    }
    return n;
}

static void watch(struct watched *w, const struct pollfd *polled, struct posix_waiter *waiter) {
    struct posix_file *f = polled->fd < 0 ? NULL : posix_file_of(polled->fd);
    *w = (struct watched){
        .watch = {.events = posix_watch_bits((uint16_t)polled->events), .notify = wake},
        .waiter = waiter};
    if (f)
        posix_watch_add(&w->watch, f);
}

/* Waits until one of them changes; what posix_block says, or -ENOMEM. */
static long wait_for(const struct pollfd *polled, unsigned count, uint64_t deadline_tsc) {
    struct watched few[FEW];
    struct chunk *more = NULL, *c;
    struct posix_waiter waiter = {0};
    long result = 0;
    unsigned i = 0, at = CHUNK;
    for (; i < count; i++) {
        if (i >= FEW && at == CHUNK) {
            c = net_pool_take(&chunks, sizeof *c);
            if (!c) {
                result = -ENOMEM;
                break;
            }
            c->next = more;
            more = c;
            at = 0;
        }
        watch(i < FEW ? &few[i] : &more->watched[at++], &polled[i], &waiter);
    }
    if (result == 0)
        result = posix_block(&waiter, deadline_tsc);
    while (i > FEW) {
        posix_watch_remove(&more->watched[--at].watch);
        i--;
        if (at == 0) {
            c = more;
            more = c->next;
            net_pool_give(c);
            at = CHUNK;
        }
    }
    while (i > 0)
        posix_watch_remove(&few[--i].watch);
    return result;
}

static long poll_until(struct pollfd *polled, unsigned count, uint64_t deadline_tsc) {
    long waited = posix_turn() ? -EINTR : 0;
    for (;;) {
        long n = look(polled, count);
        if (n > 0)
            return n;
        if (waited == 0 && plat_now_tsc() >= deadline_tsc)
            return 0;
        if (waited)
            return waited == -ETIMEDOUT ? 0 : waited;
        waited = wait_for(polled, count, deadline_tsc);
    }
}

/* ---- poll ---- */

long posix_sys_poll(long polled, long count, long timeout_ms) {
    if (count < 0 || count > POSIX_FILES_MAX)
        return -EINVAL;
    uint64_t deadline_tsc = (int)timeout_ms < 0 ? POSIX_FOREVER
                            : timeout_ms == 0   ? 0
                                                : posix_deadline_us((uint64_t)timeout_ms * 1000);
    return poll_until((struct pollfd *)polled, (unsigned)count, deadline_tsc);
}

long posix_sys_ppoll(long polled, long count, long interval, long mask, long mask_bytes) {
    uint64_t deadline_tsc;
    struct posix_masked masked;
    long error = posix_deadline((const struct timespec *)interval, &deadline_tsc);
    if (count < 0 || count > POSIX_FILES_MAX)
        return -EINVAL;
    if (!error)
        error = posix_mask(&masked, mask, mask_bytes);
    if (error)
        return error;
    long result = poll_until((struct pollfd *)polled, (unsigned)count, deadline_tsc);
    posix_unmask(&masked);
    return result;
}

/* ---- select, by poll ---- */

static bool is_in(const fd_set *set, int fd) {
    return set && FD_ISSET(fd, set);
}

/* Those asked for; how many. */
static unsigned gather(struct pollfd *polled, int count, const fd_set *read, const fd_set *write,
                       const fd_set *except) {
    unsigned n = 0;
    for (int fd = 0; fd < count; fd++) {
        int events = (is_in(read, fd) ? POLLIN : 0) | (is_in(write, fd) ? POLLOUT : 0) |
                     (is_in(except, fd) ? POLLPRI : 0);
        if (events)
            polled[n++] = (struct pollfd){.fd = fd, .events = (short)events};
    }
    return n;
}

static void clear(fd_set *set, int count) {
    for (int fd = 0; set && fd < count; fd++)
        FD_CLR(fd, set);
}

static long select_until(int count, fd_set *read, fd_set *write, fd_set *except,
                         uint64_t deadline_tsc) {
    struct pollfd polled[SELECT_MAX];
    long found = 0;
    unsigned n = gather(polled, count, read, write, except);
    for (unsigned i = 0; i < n; i++) {
        if (!posix_file_of(polled[i].fd))
            return -EBADF;
    }
    /* What only an error or the other's end makes ready wakes the call, and may be of no set. */
    long result = poll_until(polled, n, deadline_tsc);
    if (result < 0)
        return result;
    clear(read, count);
    clear(write, count);
    clear(except, count);
    for (unsigned i = 0; i < n; i++) {
        if ((polled[i].events & POLLIN) && (polled[i].revents & SELECT_READ)) {
            FD_SET(polled[i].fd, read);
            found++;
        }
        if ((polled[i].events & POLLOUT) && (polled[i].revents & SELECT_WRITE)) {
            FD_SET(polled[i].fd, write);
            found++;
        }
        if ((polled[i].events & POLLPRI) && (polled[i].revents & POLLPRI)) {
            FD_SET(polled[i].fd, except);
            found++;
        }
    }
    return found;
}

long posix_sys_select(long count, long read, long write, long except, long timeout) {
    const struct timeval *t = (const struct timeval *)timeout;
    struct timespec interval;
    uint64_t deadline_tsc;
    if (count < 0)
        return -EINVAL;
    if (t && (t->tv_sec < 0 || t->tv_usec < 0))
        return -EINVAL;
    if (t)
        interval = (struct timespec){t->tv_sec + t->tv_usec / 1000000, t->tv_usec % 1000000 * 1000};
    long error = posix_deadline(t ? &interval : NULL, &deadline_tsc);
    if (error)
        return error;
    int most = count < SELECT_MAX ? (int)count : SELECT_MAX;
    return select_until(most, (fd_set *)read, (fd_set *)write, (fd_set *)except, deadline_tsc);
}

long posix_sys_pselect6(long count, long read, long write, long except, long interval,
                        long masking) {
    const struct { long mask, bytes; } *with = (const void *)masking;
    uint64_t deadline_tsc;
    struct posix_masked masked = {0};
    long error = posix_deadline((const struct timespec *)interval, &deadline_tsc);
    if (count < 0)
        return -EINVAL;
    if (!error && with)
        error = posix_mask(&masked, with->mask, with->bytes);
    if (error)
        return error;
    int most = count < SELECT_MAX ? (int)count : SELECT_MAX;
    long result =
        select_until(most, (fd_set *)read, (fd_set *)write, (fd_set *)except, deadline_tsc);
    posix_unmask(&masked);
    return result;
}
