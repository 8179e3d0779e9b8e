/*
 * Connected streams on lwIP's callbacks: what becomes of their connections, and what they are ready
 * for. Callbacks only note what has happened and say posix_ready; they close nothing.
 */
#include "runtime/posix/tcp.h"
#include "lwip/priv/tcp_priv.h"
#include "runtime/net/net.h"
#include "runtime/net/pcb.h"
#include "runtime/net/pool.h"
#include "runtime/platform/platform.h"
#include <errno.h>
#include <sys/epoll.h>

#define END_US     100000 /* for what is left to be sent as the app ends */
#define EVERYTHING (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP | EPOLLERR)

static struct net_pool pool = {.block_bytes = (sizeof(struct posix_stream) + 63) / 64 * 64,
                               .blocks_max = POSIX_FILES_MAX + POSIX_FILES_MAX / 4};
struct posix_link posix_streams = POSIX_LIST(posix_streams);
uint32_t posix_stream_count;

/* ---- readiness ---- */

static bool readable(const struct posix_stream *s) {
    return s->unread > 0 || s->read_shut || (s->ended && s->unread == 0);
}

uint32_t posix_stream_ready(struct posix_stream *s) {
    uint32_t error = s->socket.error ? EPOLLERR : 0;
    switch (s->state) {
    case STREAM_NEW:
        return EPOLLOUT | EPOLLHUP;
    case STREAM_CONNECTING:
        return 0;
    case STREAM_LISTENING:
        return s->waiting_count > 0 ? EPOLLIN : 0;
    case STREAM_OVER:
        return error | (readable(s) ? EPOLLIN : 0) | EPOLLOUT | EPOLLRDHUP | EPOLLHUP;
    case STREAM_OPEN:
        break;
    }
    bool no_more = s->ended || s->read_shut;
    bool room = s->write_shut || (posix_stream_has_room(s->pcb) && !posix_linked(&s->starved));
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
    posix_stream_append(s, p);
    posix_load_received(s);
    posix_ready(&s->socket.file, EPOLLIN);
    return ERR_OK;
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t bytes) {
    struct posix_stream *s = arg;
    (void)bytes;
    if (s->full && posix_stream_has_room(pcb)) {
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
    net_pcb_detach(pcb);
    over(s, 0);
    return pcb;
}

void posix_stream_refuse(struct posix_stream *s) {
    tcp_abort(posix_stream_release(s));
    posix_load_refused();
    s->socket.error = ECONNRESET;
    posix_ready(&s->socket.file, EVERYTHING);
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

void posix_stream_free(struct posix_stream *s) {
    posix_stream_drop_unread(s);
    posix_list_remove(&s->unsent);
    posix_list_remove(&s->starved);
    posix_list_remove(&s->all);
    posix_stream_count--;
    net_pool_give(s);
}

static bool is_unsent(void) {
    const struct tcp_pcb *pcb = tcp_active_pcbs;
    while (pcb && !pcb->unsent)
        pcb = pcb->next;
    return pcb != NULL;
}

void posix_sockets_end(void) {
    const uint64_t end_tsc = plat_now_tsc() + plat_us_to_tsc(END_US);
    bool any = false;
    for (struct posix_link *l = posix_streams.next; l != &posix_streams; l = l->next) {
        struct posix_stream *s = POSIX_OF(l, struct posix_stream, all);
        if (s->state != STREAM_OPEN)
            continue;
        struct tcp_pcb *pcb = posix_stream_release(s);
        if (tcp_close(pcb) != ERR_OK)
            tcp_abort(pcb);
        any = true;
    }
    while (any && net_has_nic() && (int64_t)(plat_now_tsc() - end_tsc) < 0) {
        any = is_unsent();
        net_poll(); /* once more than needed: it kicks for what was placed */
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
                                          .read = posix_stream_read,
                                          .write = posix_stream_write,
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
