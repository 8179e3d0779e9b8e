/*
 * Reading and writing: the calls, and the waiting that no kind of file does itself. A transfer that
 * has moved some bytes returns them; one that would block waits, unless it may not.
 */
#include "runtime/posix/calls.h"
#include "runtime/posix/posix.h"
#include "runtime/posix/socket.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#define PARTS_MAX      1024
#define SENDFILE_BYTES 16384 /* on the caller's stack */

typedef long (*transfer)(struct posix_file *f, const struct iovec *parts, int count,
                         int64_t offset);

size_t posix_parts_bytes(const struct iovec *parts, int count) {
    size_t bytes = 0;
    for (int i = 0; i < count; i++)
        bytes += parts[i].iov_len;
    return bytes;
}

static long repeat(struct posix_file *f, transfer move, uint32_t event, const struct iovec *parts,
                   int count, int64_t offset, bool nonblocking, uint64_t deadline_tsc) {
    long moved = move(f, parts, count, offset);
    if (moved != -EAGAIN || nonblocking || (f->flags & O_NONBLOCK))
        return moved;
    posix_file_keep(f);
    do {
        long waited = posix_wait_ready(f, event, deadline_tsc);
        moved = waited == -ETIMEDOUT ? -EAGAIN : waited ? waited : move(f, parts, count, offset);
        if (waited)
            break;
    } while (moved == -EAGAIN);
    posix_file_drop(f);
    return moved;
}

long posix_read_parts(struct posix_file *f, const struct iovec *parts, int count, int64_t offset,
                      bool nonblocking, uint64_t deadline_tsc) {
    return repeat(f, f->kind->read, EPOLLIN, parts, count, offset, nonblocking, deadline_tsc);
}

/* A blocking write comes back when all is written, as far as nothing else ends it. */
long posix_write_parts(struct posix_file *f, const struct iovec *parts, int count, int64_t offset,
                       bool nonblocking, uint64_t deadline_tsc) {
    long written =
        repeat(f, f->kind->write, EPOLLOUT, parts, count, offset, nonblocking, deadline_tsc);
    if (written < 0 || nonblocking || (f->flags & O_NONBLOCK))
        return written;
    size_t done = 0, more = (size_t)written;
    posix_file_keep(f);
    for (;;) {
        done += more;
        while (count > 0 && more >= parts->iov_len) {
            more -= parts->iov_len;
            parts++;
            count--;
        }
        if (count == 0)
            break;
        struct iovec rest = {(char *)parts->iov_base + more, parts->iov_len - more};
        size_t skipped = more;
        written = repeat(f, f->kind->write, EPOLLOUT, &rest, 1,
                         offset < 0 ? offset : offset + (int64_t)done, false, deadline_tsc);
        if (written <= 0)
            break;
        more = skipped + (size_t)written;
        done -= skipped;
    }
    posix_file_drop(f);
    return (long)done;
}

static bool may(const struct posix_file *f, bool write) {
    int mode = f->flags & O_ACCMODE;
    return mode == O_RDWR || mode == (write ? O_WRONLY : O_RDONLY);
}

static long transfer_parts(long descriptor, const struct iovec *parts, long count, int64_t offset,
                           bool write) {
    struct posix_file *f = posix_file_of(descriptor);
    if (!f || !may(f, write))
        return -EBADF;
    if (count < 0 || count > PARTS_MAX)
        return -EINVAL;
    if (!(write ? f->kind->write : f->kind->read))
        return -EINVAL;
    if (offset != -1 && !f->kind->seek)
        return -ESPIPE;
    for (long i = 0, sum = 0; i < count; i++) {
        if (parts[i].iov_len > (size_t)(LONG_MAX - sum))
            return -EINVAL;
        sum += (long)parts[i].iov_len;
    }
    if (posix_parts_bytes(parts, (int)count) == 0)
        return 0;
    return (write ? posix_write_parts : posix_read_parts)(f, parts, (int)count, offset, false,
                                                          posix_socket_deadline(f, write));
}

/* ---- the calls ---- */

long posix_sys_read(long descriptor, long buffer, long bytes) {
    struct iovec part = {(void *)buffer, (size_t)bytes};
    return transfer_parts(descriptor, &part, 1, -1, false);
}

long posix_sys_write(long descriptor, long buffer, long bytes) {
    struct iovec part = {(void *)buffer, (size_t)bytes};
    return transfer_parts(descriptor, &part, 1, -1, true);
}

long posix_sys_readv(long descriptor, long parts, long count) {
    return transfer_parts(descriptor, (const struct iovec *)parts, count, -1, false);
}

long posix_sys_writev(long descriptor, long parts, long count) {
    return transfer_parts(descriptor, (const struct iovec *)parts, count, -1, true);
}

long posix_sys_pread64(long descriptor, long buffer, long bytes, long offset) {
    struct iovec part = {(void *)buffer, (size_t)bytes};
    return offset < 0 ? -EINVAL : transfer_parts(descriptor, &part, 1, offset, false);
}

long posix_sys_pwrite64(long descriptor, long buffer, long bytes, long offset) {
    struct iovec part = {(void *)buffer, (size_t)bytes};
    return offset < 0 ? -EINVAL : transfer_parts(descriptor, &part, 1, offset, true);
}

long posix_sys_preadv(long descriptor, long parts, long count, long offset) {
    return offset < 0
               ? -EINVAL
               : transfer_parts(descriptor, (const struct iovec *)parts, count, offset, false);
}

long posix_sys_pwritev(long descriptor, long parts, long count, long offset) {
    return offset < 0
               ? -EINVAL
               : transfer_parts(descriptor, (const struct iovec *)parts, count, offset, true);
}

long posix_sys_lseek(long descriptor, long offset, long whence) {
    struct posix_file *f = posix_file_of(descriptor);
    if (!f)
        return -EBADF;
    return f->kind->seek ? f->kind->seek(f, offset, (int)whence) : -ESPIPE;
}

long posix_sys_ftruncate(long descriptor, long bytes) {
    struct posix_file *f = posix_file_of(descriptor);
    if (!f)
        return -EBADF;
    return bytes < 0 || !f->kind->truncate || !may(f, true) ? -EINVAL : f->kind->truncate(f, bytes);
}

long posix_sys_fstat(long descriptor, long out) {
    struct posix_file *f = posix_file_of(descriptor);
    struct stat *s = (struct stat *)out;
    if (!f)
        return -EBADF;
    *s = (struct stat){0};
    return f->kind->stat ? f->kind->stat(f, s) : 0;
}

long posix_sys_getdents64(long descriptor, long entries, long bytes) {
    struct posix_file *f = posix_file_of(descriptor);
    if (!f)
        return -EBADF;
    return f->kind->list ? f->kind->list(f, (void *)entries, (size_t)bytes) : -ENOTDIR;
}

long posix_sys_ioctl(long descriptor, long request, long argument) {
    struct posix_file *f = posix_file_of(descriptor);
    if (!f)
        return -EBADF;
    if (request == FIONBIO) {
        f->flags = *(const int *)argument ? f->flags | O_NONBLOCK : f->flags & ~O_NONBLOCK;
        return 0;
    }
    return f->kind->control ? f->kind->control(f, (unsigned long)request, (void *)argument)
                            : -ENOTTY;
}

long posix_sys_fsync(long descriptor) {
    return posix_file_of(descriptor) ? 0 : -EBADF;
}

long posix_sys_fdatasync(long descriptor) {
    return posix_sys_fsync(descriptor);
}

/* Through a buffer: what reads and what writes know nothing of each other. */
long posix_sys_sendfile(long out, long in, long offset, long bytes) {
    char buffer[SENDFILE_BYTES];
    int64_t *at = (int64_t *)offset;
    struct posix_file *from = posix_file_of(in);
    if (!from || !posix_file_of(out))
        return -EBADF;
    if (!from->kind->seek)
        return -EINVAL;
    long moved = 0;
    while (moved < bytes) {
        long part = bytes - moved < (long)sizeof buffer ? bytes - moved : (long)sizeof buffer;
        int64_t begin = at ? *at : from->kind->seek(from, 0, SEEK_CUR);
        long got = posix_sys_pread64(in, (long)buffer, part, begin);
        long put = got > 0 ? posix_sys_write(out, (long)buffer, got) : got;
        if (put <= 0)
            return moved > 0 ? moved : put;
        if (at)
            *at = begin + put;
        else
            from->kind->seek(from, begin + put, SEEK_SET);
        moved += put;
        if (put < got)
            break;
    }
    return moved;
}
