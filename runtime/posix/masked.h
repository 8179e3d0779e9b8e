/* What poll.c and epoll.c share: signals blocked while a call waits, and bits of events. */
#ifndef POSIX_MASKED_H
#define POSIX_MASKED_H

#include "runtime/posix/posix.h"
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#define POSIX_MASK_BYTES 8 /* of Linux's set of signals */

struct posix_masked {
    bool changed;
    uint64_t before;
};

/* The signals of the mask (its address, 0: none) are blocked until posix_unmask. What is pending
 * and no longer blocked is left to the wait, which it ends. 0 or -errno. */
static inline long posix_mask(struct posix_masked *m, long mask, long bytes) {
    m->changed = mask != 0 && bytes == POSIX_MASK_BYTES;
    if (m->changed)
        m->before = posix_signals_block(*(const uint64_t *)mask);
    return mask == 0 || m->changed ? 0 : -EINVAL;
}

static inline void posix_unmask(const struct posix_masked *m) {
    if (m->changed)
        posix_signals_block(m->before);
}

/* What a file says, in all its names: POLLRDNORM is POLLIN, POLLWRNORM is POLLOUT. */
static inline uint32_t posix_poll_bits(uint32_t ready) {
    return ready | (ready & POLLIN ? POLLRDNORM : 0) | (ready & POLLOUT ? POLLWRNORM : 0);
}

/* And back: what to watch for where one of those names is asked for. */
static inline uint32_t posix_watch_bits(uint32_t events) {
    return events | (events & POLLRDNORM ? POLLIN : 0) | (events & POLLWRNORM ? POLLOUT : 0);
}

#endif
