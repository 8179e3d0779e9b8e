/*
 * The bytes of streams. What comes stays in the pbufs it came in until it is read; what is written
 * is copied once, into segments. Nothing is sent at once: streams that wrote are listed, and
 * posix_sockets_flush, before the network is polled, lets lwIP send for each. So the writes of one
 * turn leave in as few segments as they fill.
 */
#include "runtime/net/park.h"
#include "runtime/posix/tcp.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>

#define WRITE_BYTES_MAX   65535u /* of one tcp_write */
#define WRITE_BYTES_LEAST 512u   /* it is not tried with less where there is no memory */

static struct posix_link unsent = POSIX_LIST(unsent);
static struct posix_link starved = POSIX_LIST(starved);

/* ---- reading ---- */

void posix_stream_append(struct posix_stream *s, struct pbuf *p) {
    *(s->last ? &s->last->next : &s->first) = p;
    s->unread += p->tot_len;
    while (p->next)
        p = p->next;
    s->last = p;
}

void posix_stream_drop_unread(struct posix_stream *s) {
    while (s->first) {
        struct pbuf *p = s->first;
        s->first = p->next;
        p->next = NULL;
        pbuf_free(p);
    }
    s->last = NULL;
    s->unread = s->offset = 0;
}

static size_t take(struct posix_stream *s, const struct iovec *parts, int count, bool peek) {
    struct pbuf *p = s->first;
    size_t at = s->offset, taken = 0;
    for (int i = 0; i < count && p; i++) {
        char *to = parts[i].iov_base;
        size_t left = parts[i].iov_len;
        while (left > 0 && p) {
            size_t n = LWIP_MIN(left, p->len - at);
            memcpy(to, (const char *)p->payload + at, n);
            to += n;
            left -= n;
            at += n;
            taken += n;
            if (at == p->len) {
                struct pbuf *next = p->next;
                if (!peek) {
                    p->next = NULL;
                    pbuf_free(p);
                }
                p = next;
                at = 0;
            }
        }
    }
    if (!peek) {
        s->first = p;
        if (!p)
            s->last = NULL;
        s->offset = (uint16_t)at;
        s->unread -= (uint32_t)taken;
    }
    return taken;
}

long posix_stream_receive(struct posix_stream *s, const struct iovec *parts, int count, int flags) {
    if (s->unread > 0) {
        size_t taken = take(s, parts, count, (flags & MSG_PEEK) != 0);
        if (s->pcb && !(flags & MSG_PEEK)) {
            net_unpark(s->pcb);
            tcp_recved(s->pcb, (u16_t)taken); /* the window bounds it */
        }
        return (long)taken;
    }
    long error = posix_socket_error(&s->socket);
    if (error)
        return error;
    if (s->state == STREAM_NEW || s->state == STREAM_LISTENING)
        return -ENOTCONN;
    return s->read_shut || s->ended ? 0 : -EAGAIN;
}

long posix_stream_read(struct posix_file *f, const struct iovec *parts, int count, int64_t offset) {
    (void)offset;
    return posix_stream_receive((struct posix_stream *)(void *)f, parts, count, 0);
}

/* ---- writing ---- */

/* How much of it lwIP has taken: 0 where it has no memory. Negative: the connection is over. */
static long put(struct tcp_pcb *pcb, const char *data, size_t bytes, bool more) {
    for (;;) {
        u8_t flags = TCP_WRITE_FLAG_COPY | (more ? TCP_WRITE_FLAG_MORE : 0);
        err_t error = tcp_write(pcb, data, (u16_t)bytes, flags);
        if (error == ERR_OK)
            return (long)bytes;
        if (error != ERR_MEM)
            return -EPIPE;
        if (bytes <= WRITE_BYTES_LEAST)
            return 0;
        bytes /= 2;
        more = true;
    }
}

static size_t put_all(struct posix_stream *s, const struct iovec *parts, int count, bool more) {
    size_t sent = 0;
    for (int i = 0; i < count; i++) {
        const char *at = parts[i].iov_base;
        size_t left = parts[i].iov_len;
        while (left > 0) {
            size_t room = LWIP_MIN(tcp_sndbuf(s->pcb), WRITE_BYTES_MAX);
            size_t n = LWIP_MIN(left, room);
            long done = n == 0 ? 0 : put(s->pcb, at, n, more || i + 1 < count || n < left);
            if (done <= 0) {
                if (n > 0 && !posix_linked(&s->starved))
                    posix_list_append(&starved, &s->starved);
                return sent;
            }
            at += done;
            left -= (size_t)done;
            sent += (size_t)done;
        }
    }
    return sent;
}

static long broken(int flags) {
    if (!(flags & MSG_NOSIGNAL))
        return posix_broken_pipe();
    return -EPIPE;
}

long posix_stream_send(struct posix_stream *s, const struct iovec *parts, int count, int flags) {
    long error = posix_socket_error(&s->socket);
    if (error)
        return error == -EPIPE ? broken(flags) : error;
    if (s->state == STREAM_CONNECTING)
        return -EAGAIN;
    if (s->state != STREAM_OPEN || s->write_shut)
        return broken(flags);
    net_unpark(s->pcb);
    size_t sent = put_all(s, parts, count, (flags & MSG_MORE) != 0);
    s->full = !posix_stream_has_room(s->pcb);
    if (sent == 0)
        return -EAGAIN;
    if (!posix_linked(&s->unsent))
        posix_list_append(&unsent, &s->unsent);
    posix_load_sent(s);
    return (long)sent;
}

long posix_stream_write(struct posix_file *f, const struct iovec *parts, int count,
                        int64_t offset) {
    (void)offset;
    return posix_stream_send((struct posix_stream *)(void *)f, parts, count, 0);
}

void posix_sockets_flush(void) {
    while (!posix_list_empty(&unsent)) {
        struct posix_stream *s = POSIX_OF(unsent.next, struct posix_stream, unsent);
        posix_list_remove(&s->unsent);
        tcp_output(s->pcb);
    }
}

/* Those that found no memory try again. */
void posix_streams_feed(void) {
    struct posix_link now = POSIX_LIST(now);
    posix_list_move(&now, &starved);
    while (!posix_list_empty(&now)) {
        struct posix_stream *s = POSIX_OF(now.next, struct posix_stream, starved);
        posix_list_remove(&s->starved);
        posix_ready(&s->socket.file, EPOLLOUT);
    }
}
