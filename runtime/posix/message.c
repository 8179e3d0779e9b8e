/* Calls that move data through sockets, with flags and addresses; read and write are io.c's. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* struct mmsghdr */
#endif
#include "runtime/platform/platform.h"
#include "runtime/posix/calls.h"
#include "runtime/posix/socket.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>

#define PARTS_MAX  1024
#define SEND_FLAGS (MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE | MSG_CONFIRM | MSG_EOR)
#define RECEIVE_FLAGS                                                                              \
    (MSG_DONTWAIT | MSG_PEEK | MSG_TRUNC | MSG_WAITALL | MSG_NOSIGNAL | MSG_CMSG_CLOEXEC)

/* Skips what was moved; false if that was all. */
static bool go_on(struct iovec **parts, int *count, size_t moved) {
    while (*count > 0 && moved >= (*parts)->iov_len) {
        moved -= (*parts)->iov_len;
        ++*parts;
        --*count;
    }
    if (*count == 0)
        return false;
    (*parts)->iov_base = (char *)(*parts)->iov_base + moved;
    (*parts)->iov_len -= moved;
    return true;
}

static bool may_wait(const struct posix_socket *s, int flags) {
    return !(s->file.flags & O_NONBLOCK) && !(flags & MSG_DONTWAIT);
}

/* m's parts are used up on the way. A blocking stream sends all, or what it could before an error.
 */
static long send_whole(struct posix_socket *s, struct posix_message *m, struct iovec *parts) {
    uint64_t deadline_tsc = posix_socket_deadline(&s->file, true);
    long done = 0, result;
    for (;;) {
        m->parts = parts;
        result = s->file.kind->socket->send(s, m);
        if (result >= 0) {
            done += result;
            if (s->type != SOCK_STREAM || !may_wait(s, m->flags) ||
                !go_on(&parts, &m->count, (size_t)result))
                return done;
            continue;
        }
        if (result != -EAGAIN || !may_wait(s, m->flags))
            break;
        long waited = posix_wait_ready(&s->file, EPOLLOUT, deadline_tsc);
        if (waited) {
            result = waited == -ETIMEDOUT ? -EAGAIN : waited;
            break;
        }
    }
    return done > 0 ? done : result;
}

/* With MSG_WAITALL until it has all, or an end or error comes. */
static long receive_whole(struct posix_socket *s, struct posix_message *m, struct iovec *parts) {
    uint64_t deadline_tsc = posix_socket_deadline(&s->file, false);
    long done = 0, result;
    for (;;) {
        m->parts = parts;
        result = s->file.kind->socket->receive(s, m);
        if (result >= 0) {
            done += result;
            bool all = (m->flags & MSG_WAITALL) && s->type == SOCK_STREAM && result > 0 &&
                       !(m->flags & MSG_PEEK) && may_wait(s, m->flags);
            if (!all || !go_on(&parts, &m->count, (size_t)result))
                return done;
            continue;
        }
        if (result != -EAGAIN || !may_wait(s, m->flags))
            break;
        long waited = posix_wait_ready(&s->file, EPOLLIN, deadline_tsc);
        if (waited) {
            result = waited == -ETIMEDOUT ? -EAGAIN : waited;
            break;
        }
    }
    return done > 0 ? done : result;
}

static long send_to(long descriptor, struct iovec *parts, int count, long flags, const void *to,
                    socklen_t to_bytes) {
    long error;
    struct posix_message m = {.count = count, .flags = (int)flags};
    struct posix_socket *s = posix_socket_of(descriptor, &error);
    if (!s)
        return error;
    if (flags & ~(long)SEND_FLAGS || !s->file.kind->socket->send)
        return -EOPNOTSUPP;
    if (to && s->type != SOCK_STREAM) {
        if (to_bytes < sizeof m.address)
            return -EINVAL;
        memcpy(&m.address, to, sizeof m.address);
        if (m.address.sin_family != AF_INET)
            return -EAFNOSUPPORT;
        m.has_address = true;
    }
    if (s->type == SOCK_STREAM && posix_parts_bytes(parts, count) == 0)
        return 0;
    posix_file_keep(&s->file);
    long result = send_whole(s, &m, parts);
    posix_file_drop(&s->file);
    return result;
}

/* m: what is received, its address and whether it was cut. */
static long receive_from(long descriptor, struct iovec *parts, int count, long flags,
                         struct posix_message *m) {
    long error;
    *m = (struct posix_message){.count = count, .flags = (int)flags};
    struct posix_socket *s = posix_socket_of(descriptor, &error);
    if (!s)
        return error;
    if (flags & MSG_ERRQUEUE)
        return -EAGAIN; /* nothing is ever in that queue */
    if (flags & MSG_OOB)
        return -EINVAL; /* as Linux where there is no urgent data */
    if (flags & ~(long)RECEIVE_FLAGS || !s->file.kind->socket->receive)
        return -EOPNOTSUPP;
    if (s->type == SOCK_STREAM && posix_parts_bytes(parts, count) == 0)
        return 0;
    posix_file_keep(&s->file);
    long result = receive_whole(s, m, parts);
    posix_file_drop(&s->file);
    return result;
}

static socklen_t give(const struct posix_message *m, void *to, socklen_t room) {
    if (!m->has_address)
        return 0;
    memcpy(to, &m->address, room < sizeof m->address ? room : sizeof m->address);
    return sizeof m->address;
}

/* ---- the calls ---- */

long posix_sys_sendto(long descriptor, long buffer, long bytes, long flags, long to,
                      long to_bytes) {
    struct iovec part = {(void *)buffer, (size_t)bytes};
    return send_to(descriptor, &part, 1, flags, (const void *)to, (socklen_t)to_bytes);
}

long posix_sys_recvfrom(long descriptor, long buffer, long bytes, long flags, long from,
                        long from_bytes) {
    struct iovec part = {(void *)buffer, (size_t)bytes};
    struct posix_message m;
    long result = receive_from(descriptor, &part, 1, flags, &m);
    socklen_t *room = (socklen_t *)from_bytes;
    if (result >= 0 && from && room)
        *room = give(&m, (void *)from, *room);
    return result;
}

/* The caller's parts, copied: they are used up. 0 or -errno. */
static long copy_parts(const struct msghdr *h, struct iovec *parts, int *count) {
    if (h->msg_iovlen > PARTS_MAX)
        return -EMSGSIZE;
    *count = (int)h->msg_iovlen;
    memcpy(parts, h->msg_iov, (size_t)*count * sizeof *parts);
    return 0;
}

long posix_sys_sendmsg(long descriptor, long header, long flags) {
    const struct msghdr *h = (const struct msghdr *)header;
    struct iovec parts[PARTS_MAX];
    int count;
    long error = copy_parts(h, parts, &count);
    if (error)
        return error;
    if (h->msg_controllen > 0 && h->msg_control)
        return -EOPNOTSUPP; /* no descriptors, no packet options */
    return send_to(descriptor, parts, count, flags, h->msg_name, h->msg_namelen);
}

long posix_sys_recvmsg(long descriptor, long header, long flags) {
    struct msghdr *h = (struct msghdr *)header;
    struct iovec parts[PARTS_MAX];
    struct posix_message m;
    int count;
    long error = copy_parts(h, parts, &count);
    if (error)
        return error;
    long result = receive_from(descriptor, parts, count, flags, &m);
    if (result < 0)
        return result;
    h->msg_namelen = h->msg_name ? give(&m, h->msg_name, h->msg_namelen) : 0;
    h->msg_controllen = 0;
    h->msg_flags = m.cut ? MSG_TRUNC : 0;
    return result;
}

/* ---- several at once ---- */

/* An error is told only where nothing was moved before it; another call meets it again. */
long posix_sys_sendmmsg(long descriptor, long headers, long count, long flags) {
    struct mmsghdr *h = (struct mmsghdr *)headers;
    long n = 0, result = 0;
    for (; n < count && n < PARTS_MAX; n++) {
        result = posix_sys_sendmsg(descriptor, (long)&h[n].msg_hdr, flags);
        if (result < 0)
            break;
        h[n].msg_len = (unsigned)result;
    }
    return n > 0 ? n : result;
}

/* The time-out is looked at between messages alone, as Linux does it. */
long posix_sys_recvmmsg(long descriptor, long headers, long count, long flags, long timeout) {
    struct mmsghdr *h = (struct mmsghdr *)headers;
    uint64_t deadline_tsc;
    long n = 0, result = posix_deadline((const struct timespec *)timeout, &deadline_tsc);
    if (result)
        return result;
    for (; n < count && n < PARTS_MAX; n++) {
        long more = n > 0 && (flags & MSG_WAITFORONE) ? MSG_DONTWAIT : 0;
        result = posix_sys_recvmsg(descriptor, (long)&h[n].msg_hdr,
                                   (flags & ~(long)MSG_WAITFORONE) | more);
        if (result < 0)
            break;
        h[n].msg_len = (unsigned)result;
        if (plat_now_tsc() >= deadline_tsc) {
            n++;
            break;
        }
    }
    return n > 0 ? n : result;
}
