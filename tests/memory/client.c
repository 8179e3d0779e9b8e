/*
 * client.h, over lwIP's raw API. A stream in use has a pcb that carries it; what was received while
 * it does not read has been told, but not acknowledged to the stack.
 */
#include "tests/memory/client.h"
#include "lwip/tcp.h"
#include "lwip/udp.h"
#include "runtime/net/net.h"
#include "runtime/platform/memory/floor.h"

#define POLL_TICKS 255u

struct client_stream {
    struct tcp_pcb *pcb;
    const struct client_calls *calls;
    void *context;
    struct client_stream *next_free;
    size_t unread;
    bool stopped;
};

static struct client_stream streams[CLIENT_STREAMS_MAX];
static struct client_stream *first_free;
static ip_addr_t server_address;

int client_start(uint64_t seed, const struct memory_nic_settings *nic, unsigned address,
                 unsigned server) {
    const struct memory_settings floor = {.seed = seed, .nic = *nic};
    const struct net_config net = {.address_be = lwip_htonl(0x0a000000 | address),
                                   .netmask_be = lwip_htonl(0xffffff00)};
    char why[100];
    server_address.addr = lwip_htonl(0x0a000000 | server);
    for (size_t i = CLIENT_STREAMS_MAX; i-- > 0;) {
        streams[i].next_free = first_free;
        first_free = &streams[i];
    }
    return memory_start(&floor) == 0 ? net_open(&net, why, sizeof why) : -1;
}

struct memory_nic *client_nic(void) {
    return memory_nic();
}

bool client_poll(uint64_t now_tsc) {
    memory_now_tsc = now_tsc;
    return net_poll();
}

static void forget(struct client_stream *s) {
    if (s->pcb) {
        tcp_arg(s->pcb, NULL);
        tcp_recv(s->pcb, NULL);
        tcp_sent(s->pcb, NULL);
        tcp_err(s->pcb, NULL);
    }
    s->pcb = NULL;
    s->next_free = first_free;
    first_free = s;
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err) {
    struct client_stream *s = arg;
    (void)err;
    if (!s) { /* closed: what still comes is of no interest */
        if (p) {
            tcp_recved(pcb, p->tot_len);
            pbuf_free(p);
        }
        return ERR_OK;
    }
    if (!p) {
        s->calls->ended(s->context);
        return ERR_OK;
    }
    if (s->stopped)
        s->unread += p->tot_len;
    else
        tcp_recved(pcb, p->tot_len);
    for (const struct pbuf *q = p; q && s->pcb == pcb; q = q->next)
        s->calls->received(s->context, q->payload, q->len);
    pbuf_free(p);
    return ERR_OK;
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t bytes) {
    struct client_stream *s = arg;
    (void)pcb;
    (void)bytes;
    if (s->calls->room)
        s->calls->room(s->context);
    return ERR_OK;
}

static void on_error(void *arg, err_t err) {
    struct client_stream *s = arg;
    (void)err;
    s->pcb = NULL;
    forget(s);
    s->calls->failed(s->context);
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err) {
    struct client_stream *s = arg;
    (void)pcb;
    (void)err;
    s->calls->connected(s->context);
    return ERR_OK;
}

/* A connection with a poll function stays in the stack's list (net/park.h). */
static err_t on_poll(void *arg, struct tcp_pcb *pcb) {
    (void)arg;
    (void)pcb;
    return ERR_OK;
}

struct client_stream *client_connect(uint16_t port, const struct client_calls *calls,
                                     void *context) {
    struct client_stream *s = first_free;
    struct tcp_pcb *pcb = s ? tcp_new() : NULL;
    if (!pcb)
        return NULL;
    struct client_stream *next = s->next_free;
    *s = (struct client_stream){.pcb = pcb, .calls = calls, .context = context};
    tcp_arg(pcb, s);
    tcp_recv(pcb, on_recv);
    tcp_sent(pcb, on_sent);
    tcp_err(pcb, on_error);
    tcp_poll(pcb, on_poll, POLL_TICKS);
    tcp_nagle_disable(pcb);
    first_free = next;
    if (tcp_connect(pcb, &server_address, port, on_connected) != ERR_OK) {
        forget(s);
        tcp_abort(pcb);
        return NULL;
    }
    return s;
}

size_t client_send(struct client_stream *s, const void *data, size_t bytes) {
    size_t sent = 0;
    while (sent < bytes) {
        size_t part = LWIP_MIN(bytes - sent, LWIP_MIN(tcp_sndbuf(s->pcb), UINT16_MAX));
        if (part == 0 || tcp_write(s->pcb, (const char *)data + sent, (u16_t)part,
                                   TCP_WRITE_FLAG_COPY) != ERR_OK)
            break;
        sent += part;
    }
    tcp_output(s->pcb);
    return sent;
}

void client_reads(struct client_stream *s, bool reads) {
    s->stopped = !reads;
    while (reads && s->unread > 0) {
        size_t part = LWIP_MIN(s->unread, UINT16_MAX);
        tcp_recved(s->pcb, (u16_t)part);
        s->unread -= part;
    }
}

/* What was not acknowledged is, a FIN that came with the last bytes too, lest the stack resets the
 * connection instead. */
void client_close(struct client_stream *s) {
    struct tcp_pcb *pcb = s->pcb;
    client_reads(s, true);
    if (pcb->state == CLOSE_WAIT)
        tcp_recved(pcb, 1);
    forget(s);
    tcp_recv(pcb, on_recv);
    if (tcp_close(pcb) != ERR_OK)
        tcp_abort(pcb);
}

void client_end(struct client_stream *s) {
    tcp_shutdown(s->pcb, 0, 1);
}

void client_abort(struct client_stream *s) {
    struct tcp_pcb *pcb = s->pcb;
    forget(s);
    tcp_abort(pcb);
}

/* ---- datagrams ---- */

static void (*datagram_received)(uint16_t port, const void *data, size_t bytes);

static void on_datagram(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from,
                        u16_t port) {
    (void)arg;
    (void)from;
    (void)port;
    if (datagram_received)
        datagram_received(pcb->local_port, p->payload, p->len);
    pbuf_free(p);
}

void client_datagrams(void (*received)(uint16_t port, const void *data, size_t bytes)) {
    datagram_received = received;
}

static struct udp_pcb *datagrams_from(uint16_t port) {
    struct udp_pcb *pcb = udp_pcbs;
    while (pcb && pcb->local_port != port)
        pcb = pcb->next;
    if (pcb)
        return pcb;
    pcb = udp_new();
    if (!pcb || udp_bind(pcb, IP_ADDR_ANY, port) != ERR_OK)
        return NULL;
    udp_recv(pcb, on_datagram, NULL);
    return pcb;
}

bool client_datagram(uint16_t from, uint16_t to, const void *data, size_t bytes) {
    struct udp_pcb *pcb = datagrams_from(from);
    struct pbuf *p = pcb ? pbuf_alloc(PBUF_TRANSPORT, (u16_t)bytes, PBUF_RAM) : NULL;
    if (!p)
        return false;
    bool sent = pbuf_take(p, data, (u16_t)bytes) == ERR_OK &&
                udp_sendto(pcb, p, &server_address, to) == ERR_OK;
    pbuf_free(p);
    return sent;
}
