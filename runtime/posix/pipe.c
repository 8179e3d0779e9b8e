/*
 * Pipes. Up to PIPE_BUF bytes are written whole or not at all; a pipe is ready for writing while it
 * has room for so many, so that a writer is not woken for each byte that is read.
 */
#include "runtime/net/pool.h"
#include "runtime/posix/calls.h"
#include "runtime/posix/posix.h"
#include "runtime/posix/ring.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

struct pipe_end {
    struct posix_file file;
    struct pipe *pipe;
    bool open;
};

struct pipe {
    struct pipe_end reader, writer;
    struct posix_ring ring;
};

static struct net_pool pool = {.block_bytes = sizeof(struct pipe),
                               .blocks_max = POSIX_FILES_MAX / 2};

static struct pipe *pipe_of(struct posix_file *f) {
    return ((struct pipe_end *)f)->pipe;
}

static long pipe_read(struct posix_file *f, const struct iovec *parts, int count, int64_t offset) {
    struct pipe *p = pipe_of(f);
    bool was_full = posix_ring_room(&p->ring) < PIPE_BUF;
    (void)offset;
    if (p->ring.used == 0)
        return p->writer.open ? -EAGAIN : 0;
    size_t got = posix_ring_peek(&p->ring, parts, count, SIZE_MAX);
    posix_ring_skip(&p->ring, got);
    if (was_full && posix_ring_room(&p->ring) >= PIPE_BUF && p->writer.open)
        posix_ready(&p->writer.file, EPOLLOUT);
    return (long)got;
}

static long pipe_write(struct posix_file *f, const struct iovec *parts, int count, int64_t offset) {
    struct pipe *p = pipe_of(f);
    size_t bytes = posix_parts_bytes(parts, count), room = posix_ring_room(&p->ring);
    (void)offset;
    if (!p->reader.open)
        return posix_broken_pipe();
    if (room == 0 || (bytes <= PIPE_BUF && room < bytes))
        return -EAGAIN;
    size_t put = posix_ring_put(&p->ring, parts, count);
    posix_ready(&p->reader.file, EPOLLIN);
    return (long)put;
}

static uint32_t reader_ready(struct posix_file *f) {
    const struct pipe *p = pipe_of(f);
    return (p->ring.used > 0 ? EPOLLIN : 0) | (p->writer.open ? 0 : EPOLLHUP);
}

static uint32_t writer_ready(struct posix_file *f) {
    const struct pipe *p = pipe_of(f);
    return (posix_ring_room(&p->ring) >= PIPE_BUF ? EPOLLOUT : 0) | (p->reader.open ? 0 : EPOLLERR);
}

static long pipe_stat(struct posix_file *f, struct stat *out) {
    (void)f;
    out->st_mode = S_IFIFO | 0600;
    out->st_nlink = 1;
    out->st_blksize = PIPE_BUF;
    return 0;
}

static long pipe_control(struct posix_file *f, unsigned long request, void *argument) {
    if (request != FIONREAD)
        return -ENOTTY;
    *(int *)argument = (int)pipe_of(f)->ring.used;
    return 0;
}

static void pipe_close(struct posix_file *f) {
    struct pipe *p = pipe_of(f);
    struct pipe_end *end = (struct pipe_end *)f;
    end->open = false;
    if (p->writer.open) {
        posix_ready(&p->writer.file, EPOLLERR);
    } else if (p->reader.open) {
        posix_ready(&p->reader.file, EPOLLHUP);
    } else {
        posix_ring_close(&p->ring);
        net_pool_give(p);
    }
}

static const struct posix_kind reader_kind = {.name = "pipe",
                                              .read = pipe_read,
                                              .ready = reader_ready,
                                              .stat = pipe_stat,
                                              .control = pipe_control,
                                              .close = pipe_close};
static const struct posix_kind writer_kind = {.name = "pipe",
                                              .write = pipe_write,
                                              .ready = writer_ready,
                                              .stat = pipe_stat,
                                              .control = pipe_control,
                                              .close = pipe_close};

static int open_pipe(int flags, struct pipe **out) {
    struct pipe *p = net_pool_take(&pool, sizeof *p);
    if (!p || posix_ring_open(&p->ring) != 0) {
        if (p)
            net_pool_give(p);
        return -ENFILE;
    }
    p->reader.pipe = p->writer.pipe = p;
    p->reader.open = p->writer.open = true;
    posix_file_init(&p->reader.file, &reader_kind, O_RDONLY | (flags & O_NONBLOCK));
    posix_file_init(&p->writer.file, &writer_kind, O_WRONLY | (flags & O_NONBLOCK));
    *out = p;
    return 0;
}

long posix_sys_pipe2(long descriptors, long flags) {
    int *out = (int *)descriptors;
    struct pipe *p;
    if (flags & ~(long)(O_NONBLOCK | O_CLOEXEC))
        return -EINVAL;
    int error = open_pipe((int)flags, &p);
    if (error)
        return error;
    long reader = posix_descriptor(&p->reader.file, 0, (int)flags & O_CLOEXEC);
    if (reader < 0) {
        posix_file_drop(&p->writer.file);
        return reader;
    }
    long writer = posix_descriptor(&p->writer.file, 0, (int)flags & O_CLOEXEC);
    if (writer < 0) {
        posix_sys_close(reader);
        return writer;
    }
    out[0] = (int)reader;
    out[1] = (int)writer;
    return 0;
}
