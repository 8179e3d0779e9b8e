/* eventfd: a counter that can be waited for. */
#include "runtime/net/pool.h"
#include "runtime/posix/calls.h"
#include "runtime/posix/parts.h"
#include "runtime/posix/posix.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#define COUNT_MAX (UINT64_MAX - 1)

struct eventfd {
    struct posix_file file;
    uint64_t count;
    bool semaphore;
};

static struct net_pool pool = {.block_bytes = sizeof(struct eventfd),
                               .blocks_max = POSIX_FILES_MAX};

static struct eventfd *eventfd_of(struct posix_file *f) {
    return (struct eventfd *)f;
}

static long event_read(struct posix_file *f, const struct iovec *parts, int count, int64_t offset) {
    struct eventfd *e = eventfd_of(f);
    uint64_t taken = e->semaphore ? 1 : e->count;
    (void)offset;
    if (posix_parts_bytes(parts, count) < sizeof taken)
        return -EINVAL;
    if (e->count == 0)
        return -EAGAIN;
    e->count -= taken;
    posix_ready(f, EPOLLOUT);
    return (long)posix_parts_put(parts, count, &taken, sizeof taken);
}

static long event_write(struct posix_file *f, const struct iovec *parts, int count,
                        int64_t offset) {
    struct eventfd *e = eventfd_of(f);
    uint64_t more;
    (void)offset;
    if (posix_parts_get(parts, count, &more, sizeof more) < sizeof more || more > COUNT_MAX)
        return -EINVAL;
    if (more > COUNT_MAX - e->count)
        return -EAGAIN;
    e->count += more;
    if (e->count > 0)
        posix_ready(f, EPOLLIN);
    return sizeof more;
}

static uint32_t event_ready(struct posix_file *f) {
    const struct eventfd *e = eventfd_of(f);
    return (e->count > 0 ? EPOLLIN : 0) | (e->count < COUNT_MAX ? EPOLLOUT : 0);
}

static void eventfd_close(struct posix_file *f) {
    net_pool_give(f);
}

static const struct posix_kind eventfd_kind = {.name = "eventfd",
                                               .read = event_read,
                                               .write = event_write,
                                               .ready = event_ready,
                                               .close = eventfd_close};

long posix_sys_eventfd2(long count, long flags) {
    if (flags & ~(long)(EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC))
        return -EINVAL;
    struct eventfd *e = net_pool_take(&pool, sizeof *e);
    if (!e)
        return -ENOMEM;
    posix_file_init(&e->file, &eventfd_kind, O_RDWR | ((int)flags & O_NONBLOCK));
    e->count = (uint32_t)count;
    e->semaphore = (flags & EFD_SEMAPHORE) != 0;
    return posix_descriptor(&e->file, 0, (int)flags & O_CLOEXEC);
}
