/*
 * Pairs of connected sockets of AF_UNIX: a stream, or datagrams, each way through a ring. In the
 * ring of datagrams each is preceded by its length. No descriptors and no names are passed.
 */
#include "runtime/net/pool.h"
#include "runtime/posix/calls.h"
#include "runtime/posix/ring.h"
#include "runtime/posix/socket.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

/* With less room than what a write may need a side is not ready for writing. */
#define STREAM_ROOM_BYTES   4096
#define DATAGRAM_ROOM_BYTES (POSIX_RING_BYTES / 2)
#define DATAGRAM_BYTES_MAX  (DATAGRAM_ROOM_BYTES - sizeof(uint32_t))

struct side {
    struct posix_socket socket; /* first */
    struct pair *pair;
    struct side *peer;
    struct posix_ring in;
    bool open;
    bool sends, receives; /* until shutdown */
};

struct pair {
    struct side sides[2];
};

static struct net_pool pool = {.block_bytes = sizeof(struct pair),
                               .blocks_max = POSIX_FILES_MAX / 2};

static struct side *side_of(struct posix_file *f) {
    return (struct side *)f;
}

static bool is_stream(const struct side *s) {
    return s->socket.type == SOCK_STREAM;
}

/* Nothing more will come to it. Who waits for datagrams waits on. */
static bool at_end(const struct side *s) {
    return !s->receives || (is_stream(s) && (!s->peer->open || !s->peer->sends));
}

static bool has_room(const struct side *s) {
    return posix_ring_room(&s->in) >= (is_stream(s) ? STREAM_ROOM_BYTES : DATAGRAM_ROOM_BYTES);
}

/* ---- sending ---- */

static long broken(int flags) {
    return flags & MSG_NOSIGNAL ? -EPIPE : posix_broken_pipe();
}

static long send_parts(struct side *s, const struct iovec *parts, int count, int flags) {
    struct side *peer = s->peer;
    size_t bytes = posix_parts_bytes(parts, count), room = posix_ring_room(&peer->in);
    if (!is_stream(s) && !peer->open)
        return -ECONNREFUSED;
    if (!s->sends || !peer->open || !peer->receives)
        return broken(flags);
    if (is_stream(s)) {
        if (bytes > 0 && room == 0)
            return -EAGAIN;
        bytes = posix_ring_put(&peer->in, parts, count);
    } else {
        uint32_t length = (uint32_t)bytes;
        const struct iovec head = {&length, sizeof length};
        if (bytes > DATAGRAM_BYTES_MAX)
            return -EMSGSIZE;
        if (room < bytes + sizeof length)
            return -EAGAIN;
        posix_ring_put(&peer->in, &head, 1);
        posix_ring_put(&peer->in, parts, count);
    }
    posix_ready(&peer->socket.file, EPOLLIN);
    return (long)bytes;
}

static long pair_write(struct posix_file *f, const struct iovec *parts, int count, int64_t offset) {
    (void)offset;
    return send_parts(side_of(f), parts, count, 0);
}

static long pair_send(struct posix_socket *s, const struct posix_message *m) {
    if (m->has_address)
        return -EISCONN;
    return send_parts((struct side *)s, m->parts, m->count, m->flags);
}

/* ---- receiving ---- */

static void took(struct side *s, size_t bytes) {
    bool had_room = has_room(s);
    posix_ring_skip(&s->in, bytes);
    if (s->peer->open && !had_room && has_room(s))
        posix_ready(&s->peer->socket.file, EPOLLOUT);
}

/* Of a datagram what fits, the rest is lost. *length: all of it. */
static long receive_datagram(struct side *s, const struct iovec *parts, int count, bool stays,
                             uint32_t *length) {
    const struct iovec head = {length, sizeof *length};
    struct posix_ring behind = s->in;
    posix_ring_peek(&s->in, &head, 1, sizeof *length);
    posix_ring_skip(&behind, sizeof *length);
    size_t got = posix_ring_peek(&behind, parts, count, *length);
    if (!stays)
        took(s, sizeof *length + *length);
    return (long)got;
}

static long receive_parts(struct side *s, const struct iovec *parts, int count, int flags,
                          uint32_t *length) {
    *length = 0;
    if (s->in.used == 0 || !s->receives)
        return at_end(s) ? 0 : -EAGAIN;
    if (!is_stream(s))
        return receive_datagram(s, parts, count, flags & MSG_PEEK, length);
    size_t got = posix_ring_peek(&s->in, parts, count, SIZE_MAX);
    if (!(flags & MSG_PEEK))
        took(s, got);
    *length = (uint32_t)got;
    return (long)got;
}

static long pair_read(struct posix_file *f, const struct iovec *parts, int count, int64_t offset) {
    uint32_t length;
    (void)offset;
    return receive_parts(side_of(f), parts, count, 0, &length);
}

static long pair_receive(struct posix_socket *s, struct posix_message *m) {
    uint32_t length;
    long got = receive_parts((struct side *)s, m->parts, m->count, m->flags, &length);
    m->cut = got >= 0 && (uint32_t)got < length;
    m->has_address = false;
    return m->cut && (m->flags & MSG_TRUNC) ? (long)length : got;
}

/* ---- what else ---- */

static uint32_t pair_ready(struct posix_file *f) {
    const struct side *s = side_of(f);
    bool gone = !s->peer->open || (!s->receives && !s->sends);
    uint32_t ready = s->in.used > 0 || at_end(s) ? EPOLLIN : 0;
    if (is_stream(s))
        ready |= (at_end(s) ? EPOLLRDHUP : 0) | (gone ? EPOLLHUP : 0);
    if (!s->peer->open || has_room(s->peer))
        ready |= EPOLLOUT;
    return ready;
}

static long pair_shutdown(struct posix_socket *socket, int how) {
    struct side *s = (struct side *)socket;
    if (how == SHUT_RD || how == SHUT_RDWR)
        s->receives = false;
    if (how == SHUT_WR || how == SHUT_RDWR)
        s->sends = false;
    posix_ready(&s->socket.file, pair_ready(&s->socket.file));
    if (s->peer->open)
        posix_ready(&s->peer->socket.file, pair_ready(&s->peer->socket.file));
    return 0;
}

/* Neither has a name. */
static long pair_name(struct posix_socket *s, bool peer, struct sockaddr_storage *out) {
    (void)s;
    (void)peer;
    memset(out, 0, sizeof *out);
    out->ss_family = AF_UNIX;
    return sizeof out->ss_family;
}

static long pair_control(struct posix_file *f, unsigned long request, void *argument) {
    const struct side *s = side_of(f);
    uint32_t there = s->in.used;
    if (request != FIONREAD)
        return -ENOTTY;
    if (!is_stream(s) && there > 0)
        posix_ring_peek(&s->in, &(struct iovec){&there, sizeof there}, 1, sizeof there);
    *(int *)argument = (int)there;
    return 0;
}

static void pair_close(struct posix_file *f) {
    struct side *s = side_of(f);
    s->open = false;
    posix_ring_close(&s->in);
    if (s->peer->open)
        posix_ready(&s->peer->socket.file, pair_ready(&s->peer->socket.file));
    else
        net_pool_give(s->pair);
}

static const struct posix_socket_calls pair_calls = {
    .shutdown = pair_shutdown, .name = pair_name, .send = pair_send, .receive = pair_receive};
static const struct posix_kind pair_kind = {.name = "pair",
                                            .read = pair_read,
                                            .write = pair_write,
                                            .ready = pair_ready,
                                            .stat = posix_socket_stat,
                                            .control = pair_control,
                                            .close = pair_close,
                                            .socket = &pair_calls};

/* ---- opening ---- */

static int start(struct side *s, struct pair *p, struct side *peer, int type, int flags) {
    *s = (struct side){.pair = p, .peer = peer, .open = true, .sends = true, .receives = true};
    posix_file_init(&s->socket.file, &pair_kind, O_RDWR | flags);
    s->socket.domain = AF_UNIX;
    s->socket.type = (uint16_t)type;
    s->socket.receive_bytes = s->socket.send_bytes = POSIX_RING_BYTES;
    return posix_ring_open(&s->in);
}

long posix_sys_socketpair(long domain, long type, long protocol, long descriptors) {
    int kind = (int)type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
    int flags = (int)type & SOCK_NONBLOCK, close_on_exec = (int)type & SOCK_CLOEXEC;
    int *out = (int *)descriptors;
    if (domain != AF_UNIX)
        return domain == AF_INET ? -EOPNOTSUPP : -EAFNOSUPPORT;
    if (kind != SOCK_STREAM && kind != SOCK_DGRAM)
        return -EPROTONOSUPPORT;
    if (protocol != 0)
        return -EPROTONOSUPPORT;
    struct pair *p = net_pool_take(&pool, sizeof *p);
    if (!p)
        return -ENFILE;
    struct side *a = &p->sides[0], *b = &p->sides[1];
    if (start(a, p, b, kind, flags) != 0 || start(b, p, a, kind, flags) != 0) {
        posix_ring_close(&a->in);
        net_pool_give(p);
        return -ENFILE;
    }
    long first = posix_descriptor(&a->socket.file, 0, close_on_exec);
    if (first < 0) {
        posix_file_drop(&b->socket.file);
        return first;
    }
    long second = posix_descriptor(&b->socket.file, 0, close_on_exec);
    if (second < 0) {
        posix_sys_close(first);
        return second;
    }
    out[0] = (int)first;
    out[1] = (int)second;
    return 0;
}
