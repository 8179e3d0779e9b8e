/*
 * Connected streams on lwIP's callbacks. What comes stays in the pbufs it came in until it is read;
 * what is written is copied once, into segments. Nothing is sent at once: streams that wrote are
 * listed, and posix_sockets_flush, before the network is polled, lets lwIP send for each. So the
 * writes of one turn leave in as few segments as they fill.
 *
 * Callbacks only note what has happened and say posix_ready; they close nothing.
 */
#include "runtime/posix/tcp.h"
#include "runtime/net/net.h"
#include "runtime/net/park.h"
#include "runtime/net/pool.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>

#define WRITE_BYTES_MAX   65535u /* of one tcp_write */
#define WRITE_BYTES_LEAST 512u   /* it is not tried with less where there is no memory */
#define EVERYTHING        (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP | EPOLLERR)

static struct net_pool pool = {.block_bytes = (sizeof(struct posix_stream) + 63) / 64 * 64,
                               .blocks_max = POSIX_FILES_MAX + POSIX_FILES_MAX / 4};
static struct posix_link unsent = POSIX_LIST(unsent);
static struct posix_link starved = POSIX_LIST(starved);
struct posix_link posix_streams = POSIX_LIST(posix_streams);
uint32_t posix_stream_count;

/* ---- readiness ---- */

static bool has_room(const struct tcp_pcb *pcb) {
    return tcp_sndbuf(pcb) > TCP_SNDLOWAT && tcp_sndqueuelen(pcb) < TCP_SNDQUEUELOWAT;
}

static bool readable(const struct posix_stream *s) {
    return (s->unread > 0 && posix_serving) || s->read_shut || (s->ended && s->unread == 0);
}

uint32_t posix_stream_ready(struct posix_stream *s) {
    uint32_t error = s->socket.error ? EPOLLERR : 0;
    switch (s->state) {
    case STREAM_NEW:
        return EPOLLOUT | EPOLLHUP;
    case STREAM_CONNECTING:
        return 0;
    case STREAM_LISTENING:
        return s->waiting_count > 0 && posix_serving ? EPOLLIN : 0;
    case STREAM_OVER:
        return error | EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP;
    case STREAM_OPEN:
        break;
    }
    bool no_more = s->ended || s->read_shut;
    bool room = s->write_shut || (has_room(s->pcb) && !posix_linked(&s->starved));
    return error | (readable(s) ? EPOLLIN : 0) | (room ? EPOLLOUT : 0) |
           (no_more ? EPOLLRDHUP : 0) | (no_more && s->write_shut ? EPOLLHUP : 0);
}

static uint32_t ready(struct posix_file *f) {
    return posix_stream_ready((struct posix_stream *)(void *)f);
}

/* ---- callbacks ---- */

static err_t on_received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err) {
    struct posix_stream *s = arg;
    (void)pcb;
    (void)err;
    if (!p) {
        s->ended = true;
        posix_stream_part(s);
        posix_ready(&s->socket.file, EPOLLIN | EPOLLRDHUP | (s->write_shut ? EPOLLHUP : 0));
        return ERR_OK;
    }
    *(s->last ? &s->last->next : &s->first) = p;
    s->unread += p->tot_len;
    while (p->next)
        p = p->next;
    s->last = p;
    posix_load_received(s);
    if (posix_serving)
        posix_ready(&s->socket.file, EPOLLIN);
    return ERR_OK;
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t bytes) {
    struct posix_stream *s = arg;
    (void)bytes;
    if (s->full && has_room(pcb)) {
        s->full = false;
        posix_ready(&s->socket.file, EPOLLOUT);
    }
    return ERR_OK;
}

/* lwIP has let go of the connection. */
static void over(struct posix_stream *s, int error) {
    if (s->state == STREAM_OPEN)
        posix_load_closed();
    s->pcb = NULL;
    s->state = STREAM_OVER;
    s->ended = s->write_shut = true;
    if (error)
        s->socket.error = error;
    posix_list_remove(&s->unsent);
    posix_list_remove(&s->starved);
}

static void on_error(void *arg, err_t err) {
    struct posix_stream *s = arg;
    int error = ETIMEDOUT;
    if (err == ERR_CLSD)
        error = 0; /* both ends are closed */
    else if (err == ERR_RST)
        error = s->state == STREAM_CONNECTING ? ECONNREFUSED : s->ended ? EPIPE : ECONNRESET;
    over(s, error);
    posix_ready(&s->socket.file, EVERYTHING);
}

/* ---- pcb and stream ---- */

void posix_stream_adopt(struct posix_stream *s, struct tcp_pcb *pcb) {
    s->pcb = pcb;
    tcp_arg(pcb, s);
    tcp_recv(pcb, on_received);
    tcp_sent(pcb, on_sent);
    tcp_err(pcb, on_error);
    posix_stream_options(&s->socket);
}

struct tcp_pcb *posix_stream_release(struct posix_stream *s) {
    struct tcp_pcb *pcb = s->pcb;
    net_unpark(pcb);
    tcp_arg(pcb, NULL);
    tcp_recv(pcb, NULL);
    tcp_sent(pcb, NULL);
    tcp_err(pcb, NULL);
    over(s, 0);
    return pcb;
}

/* From then on lwIP ends it, and forgets it without another call. */
void posix_stream_part(struct posix_stream *s) {
    if (s->pcb && s->ended && s->write_shut && s->pcb->state >= CLOSING)
        tcp_close(posix_stream_release(s));
}

void posix_stream_opened(struct posix_stream *s) {
    s->state = STREAM_OPEN;
    s->connected_once = true;
    s->local_be = ip4_addr_get_u32(&s->pcb->local_ip);
    s->peer_be = ip4_addr_get_u32(&s->pcb->remote_ip);
    s->local_port = s->pcb->local_port;
    s->peer_port = s->pcb->remote_port;
    net_accepted(s->pcb);
    posix_load_opened();
}

static void drop_unread(struct posix_stream *s) {
    while (s->first) {
        struct pbuf *p = s->first;
        s->first = p->next;
        p->next = NULL;
        pbuf_free(p);
    }
    s->last = NULL;
    s->unread = s->offset = 0;
}

void posix_stream_free(struct posix_stream *s) {
    drop_unread(s);
    posix_list_remove(&s->unsent);
    posix_list_remove(&s->starved);
    posix_list_remove(&s->all);
    posix_stream_count--;
    net_pool_give(s);
}

/* ---- reading ---- */

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
        if (!posix_serving)
            return -EAGAIN;
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

static long read_parts(struct posix_file *f, const struct iovec *parts, int count, int64_t offset) {
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
        posix_signal(SIGPIPE);
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
    s->full = !has_room(s->pcb);
    if (sent == 0)
        return -EAGAIN;
    if (!posix_linked(&s->unsent))
        posix_list_append(&unsent, &s->unsent);
    posix_load_sent(s);
    return (long)sent;
}

static long write_parts(struct posix_file *f, const struct iovec *parts, int count,
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

/* ---- a stream ---- */

static long send_message(struct posix_socket *s, const struct posix_message *m) {
    return posix_stream_send((struct posix_stream *)(void *)s, m->parts, m->count, m->flags);
}

static long receive_message(struct posix_socket *s, struct posix_message *m) {
    return posix_stream_receive((struct posix_stream *)(void *)s, m->parts, m->count, m->flags);
}

static const struct posix_socket_calls calls = {.bind = posix_stream_bind,
                                                .listen = posix_stream_listen,
                                                .accept = posix_stream_accept,
                                                .give_back = posix_stream_give_back,
                                                .connect = posix_stream_connect,
                                                .shutdown = posix_stream_shutdown,
                                                .name = posix_stream_name,
                                                .send = send_message,
                                                .receive = receive_message,
                                                .options = posix_stream_options,
                                                .option = posix_stream_option};

const struct posix_kind posix_tcp_kind = {.name = "tcp",
                                          .read = read_parts,
                                          .write = write_parts,
                                          .ready = ready,
                                          .control = posix_stream_control,
                                          .stat = posix_socket_stat,
                                          .close = posix_stream_close,
                                          .socket = &calls};

struct posix_stream *posix_stream_new(int flags) {
    struct posix_stream *s = net_pool_take(&pool, pool.block_bytes);
    if (!s)
        return NULL;
    *s = (struct posix_stream){.socket = {.domain = AF_INET,
                                          .type = SOCK_STREAM,
                                          .receive_bytes = POSIX_STREAM_RECEIVE_BYTES,
                                          .send_bytes = POSIX_STREAM_SEND_BYTES},
                               .state = STREAM_NEW};
    posix_file_init(&s->socket.file, &posix_tcp_kind, flags);
    posix_list_init(&s->waiting);
    posix_list_append(&posix_streams, &s->all);
    posix_stream_count++;
    return s;
}

struct posix_socket *posix_tcp_new(int flags) {
    struct posix_stream *s = posix_stream_new(flags);
    return s ? &s->socket : NULL;
}
