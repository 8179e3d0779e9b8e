/*
 * The calls of sockets but those that move data (message.c) and options (options.c): addresses are
 * checked here, and what would block waits here; the rest is the kind's.
 */
#include "runtime/posix/socket.h"
#include "runtime/posix/calls.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#define TYPE_FLAGS (SOCK_NONBLOCK | SOCK_CLOEXEC)

struct posix_socket *posix_socket_of(long descriptor, long *error) {
    struct posix_file *f = posix_file_of(descriptor);
    *error = !f ? -EBADF : !f->kind->socket ? -ENOTSOCK : 0;
    return *error ? NULL : (struct posix_socket *)(void *)f;
}

uint64_t posix_socket_deadline(const struct posix_file *f, bool write) {
    const struct posix_socket *s = (const struct posix_socket *)(const void *)f;
    if (!f->kind->socket)
        return POSIX_FOREVER;
    uint64_t us = write ? s->send_us : s->receive_us;
    return us == 0 ? POSIX_FOREVER : posix_deadline_us(us);
}

long posix_socket_error(struct posix_socket *s) {
    int error = s->error;
    s->error = 0;
    return -error;
}

long posix_socket_stat(struct posix_file *f, struct stat *out) {
    (void)f;
    out->st_mode = S_IFSOCK | 0777;
    out->st_nlink = 1;
    out->st_blksize = 4096;
    return 0;
}

/* ---- addresses ---- */

static long address_of(long address, long bytes, struct sockaddr_in *out) {
    if (!address)
        return -EFAULT;
    if (bytes < (long)sizeof(sa_family_t))
        return -EINVAL;
    memcpy(out, (const void *)address, sizeof(sa_family_t));
    if (out->sin_family != AF_INET)
        return -EAFNOSUPPORT;
    if (bytes < (long)sizeof *out)
        return -EINVAL;
    memcpy(out, (const void *)address, sizeof *out);
    return 0;
}

/* As much of it as the caller has room for; *bytes: how long it is. */
static long give_address(const struct sockaddr_storage *from, long have, long to, long bytes) {
    socklen_t *room = (socklen_t *)bytes;
    if (have < 0 || !to)
        return have < 0 ? have : 0;
    if (!room || (int)*room < 0)
        return room ? -EINVAL : -EFAULT;
    memcpy((void *)to, from, *room < (socklen_t)have ? *room : (size_t)have);
    *room = (socklen_t)have;
    return 0;
}

/* ---- the calls ---- */

long posix_sys_socket(long domain, long type, long protocol) {
    int flags = O_RDWR | (type & SOCK_NONBLOCK ? O_NONBLOCK : 0);
    struct posix_socket *s;
    if (domain != AF_INET)
        return -EAFNOSUPPORT;
    switch (type & ~TYPE_FLAGS) {
    case SOCK_STREAM:
        if (protocol != 0 && protocol != IPPROTO_TCP)
            return -EPROTONOSUPPORT;
        s = posix_tcp_new(flags);
        break;
    case SOCK_DGRAM:
        if (protocol != 0 && protocol != IPPROTO_UDP)
            return -EPROTONOSUPPORT;
        s = posix_udp_new(flags);
        break;
    default:
        return -ESOCKTNOSUPPORT;
    }
    return s ? posix_descriptor(&s->file, 0, type & SOCK_CLOEXEC ? O_CLOEXEC : 0) : -ENOBUFS;
}

long posix_sys_bind(long descriptor, long address, long bytes) {
    long error;
    struct sockaddr_in at;
    struct posix_socket *s = posix_socket_of(descriptor, &error);
    if (s)
        error = address_of(address, bytes, &at);
    if (error)
        return error;
    return s->file.kind->socket->bind ? s->file.kind->socket->bind(s, &at) : -EOPNOTSUPP;
}

long posix_sys_listen(long descriptor, long backlog) {
    long error;
    struct posix_socket *s = posix_socket_of(descriptor, &error);
    if (!s)
        return error;
    return s->file.kind->socket->listen ? s->file.kind->socket->listen(s, (int)backlog)
                                        : -EOPNOTSUPP;
}

/* The first to be accepted, once there is one. */
static long accept_one(struct posix_socket *s, struct posix_socket **accepted) {
    uint64_t deadline_tsc = posix_socket_deadline(&s->file, false);
    long result = s->file.kind->socket->accept(s, accepted);
    while (result == -EAGAIN && !(s->file.flags & O_NONBLOCK)) {
        long waited = posix_wait_ready(&s->file, EPOLLIN, deadline_tsc);
        if (waited)
            return waited == -ETIMEDOUT ? -EAGAIN : waited;
        result = s->file.kind->socket->accept(s, accepted);
    }
    return result;
}

long posix_sys_accept4(long descriptor, long address, long bytes, long flags) {
    long error;
    struct posix_socket *s = posix_socket_of(descriptor, &error), *accepted;
    struct sockaddr_storage peer = {0};
    if (!s || (flags & ~TYPE_FLAGS))
        return s ? -EINVAL : error;
    if (!s->file.kind->socket->accept)
        return -EOPNOTSUPP;
    posix_file_keep(&s->file);
    long result = accept_one(s, &accepted);
    if (result == 0) {
        const struct posix_socket_calls *calls = accepted->file.kind->socket;
        long have = calls->name(accepted, true, &peer);
        if (flags & SOCK_NONBLOCK)
            accepted->file.flags |= O_NONBLOCK;
        posix_file_keep(&accepted->file);
        result = posix_descriptor(&accepted->file, 0, flags & SOCK_CLOEXEC ? O_CLOEXEC : 0);
        if (result < 0) {
            s->file.kind->socket->give_back(s, accepted);
        } else {
            posix_file_drop(&accepted->file);
            give_address(&peer, have < 0 ? (long)sizeof(struct sockaddr_in) : have, address, bytes);
        }
    }
    posix_file_drop(&s->file);
    return result;
}

static long connect_to(struct posix_socket *s, const struct sockaddr_in *to) {
    uint64_t deadline_tsc = posix_socket_deadline(&s->file, true);
    long result = s->file.kind->socket->connect(s, to);
    if (result != -EINPROGRESS || (s->file.flags & O_NONBLOCK))
        return result;
    long waited = posix_wait_ready(&s->file, EPOLLOUT, deadline_tsc);
    if (waited)
        return waited == -ETIMEDOUT ? -EINPROGRESS : waited;
    return posix_socket_error(s);
}

long posix_sys_connect(long descriptor, long address, long bytes) {
    long error;
    struct sockaddr_in to;
    struct posix_socket *s = posix_socket_of(descriptor, &error);
    if (!s)
        return error;
    error = address_of(address, bytes, &to);
    bool none = error == -EAFNOSUPPORT && to.sin_family == AF_UNSPEC;
    if (error && !none)
        return error;
    if (!s->file.kind->socket->connect)
        return -EOPNOTSUPP;
    posix_file_keep(&s->file);
    long result = connect_to(s, none ? NULL : &to);
    posix_file_drop(&s->file);
    return result;
}

long posix_sys_shutdown(long descriptor, long how) {
    long error;
    struct posix_socket *s = posix_socket_of(descriptor, &error);
    if (!s)
        return error;
    if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
        return -EINVAL;
    return s->file.kind->socket->shutdown ? s->file.kind->socket->shutdown(s, (int)how)
                                          : -EOPNOTSUPP;
}

static long name_of(long descriptor, bool peer, long address, long bytes) {
    long error;
    struct sockaddr_storage name = {0};
    struct posix_socket *s = posix_socket_of(descriptor, &error);
    if (!s)
        return error;
    if (!address)
        return -EFAULT;
    return give_address(&name, s->file.kind->socket->name(s, peer, &name), address, bytes);
}

long posix_sys_getsockname(long descriptor, long address, long bytes) {
    return name_of(descriptor, false, address, bytes);
}

long posix_sys_getpeername(long descriptor, long address, long bytes) {
    return name_of(descriptor, true, address, bytes);
}
