/*
 * A network test server, all on lwIP's raw API:  netecho A.B.C.D/LEN [DELAY_US [strict]]
 *   port 7   sends back what it gets
 *   port 19  sends SOURCE_BYTES of a pattern from memory no device reaches, then closes
 *   port 80  answers whatever comes with a fixed 175-byte page; closes if asked to
 *   port 99  sends the counters as one line of text, then closes
 *   port 90  keeps all it receives unread until the client closes: lent buffers stay out
 */
#include "runtime/net/net.h"
#include "runtime/net/pcb.h"
#include "runtime/platform/platform.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOURCE_BYTES 1000003u
#define CONNECTIONS  4096u
#define POLL_TICKS   2

struct connection {
    struct connection *next; /* free list */
    struct pbuf *held;
    size_t sent;
    bool ended;
};

static struct connection connections[CONNECTIONS];
static struct connection *free_connection;
static char source[SOURCE_BYTES];

static err_t finish(struct connection *c, struct tcp_pcb *pcb) {
    if (c->held)
        pbuf_free(c->held);
    *c = (struct connection){.next = free_connection};
    free_connection = c;
    return net_pcb_close(pcb);
}

static void on_error(void *argument, err_t error) {
    (void)error;
    struct connection *c = argument;
    if (c->held)
        pbuf_free(c->held);
    *c = (struct connection){.next = free_connection};
    free_connection = c;
}

static struct connection *take(struct tcp_pcb *pcb) {
    struct connection *c = free_connection;
    if (!c)
        return NULL;
    free_connection = c->next;
    *c = (struct connection){0};
    tcp_arg(pcb, c);
    tcp_err(pcb, on_error);
    net_accepted(pcb);
    return c;
}

/* ---- port 7 ---- */

static err_t echo(struct connection *c, struct tcp_pcb *pcb) {
    while (c->held) {
        u16_t room = (u16_t)LWIP_MIN(tcp_sndbuf(pcb), 0xffffu);
        u16_t n = LWIP_MIN(room, c->held->len);
        if (n == 0 || tcp_write(pcb, c->held->payload, n, TCP_WRITE_FLAG_COPY) != ERR_OK)
            break;
        tcp_recved(pcb, n);
        c->held = pbuf_free_header(c->held, n);
    }
    tcp_output(pcb);
    return c->ended && !c->held ? finish(c, pcb) : ERR_OK;
}

static err_t echo_receive(void *argument, struct tcp_pcb *pcb, struct pbuf *p, err_t error) {
    (void)error;
    struct connection *c = argument;
    if (!p)
        c->ended = true;
    else if (c->held)
        pbuf_cat(c->held, p);
    else
        c->held = p;
    return echo(c, pcb);
}

static err_t echo_sent(void *argument, struct tcp_pcb *pcb, u16_t n) {
    (void)n;
    return echo(argument, pcb);
}

static err_t echo_poll(void *argument, struct tcp_pcb *pcb) {
    return echo(argument, pcb);
}

static err_t echo_accept(void *argument, struct tcp_pcb *pcb, err_t error) {
    (void)argument;
    if (error != ERR_OK || !take(pcb))
        return ERR_MEM;
    tcp_recv(pcb, echo_receive);
    tcp_sent(pcb, echo_sent);
    tcp_poll(pcb, echo_poll, POLL_TICKS);
    return ERR_OK;
}

/* ---- port 19 ---- */

static err_t pour(struct connection *c, struct tcp_pcb *pcb) {
    while (c->sent < sizeof source) {
        size_t n = LWIP_MIN(LWIP_MIN(tcp_sndbuf(pcb), 0xffffu), sizeof source - c->sent);
        if (n == 0 || tcp_write(pcb, source + c->sent, (u16_t)n, 0) != ERR_OK)
            break;
        c->sent += n;
    }
    tcp_output(pcb);
    return c->sent == sizeof source ? finish(c, pcb) : ERR_OK;
}

static err_t pour_sent(void *argument, struct tcp_pcb *pcb, u16_t n) {
    (void)n;
    return pour(argument, pcb);
}

static err_t pour_poll(void *argument, struct tcp_pcb *pcb) {
    return pour(argument, pcb);
}

static err_t pour_accept(void *argument, struct tcp_pcb *pcb, err_t error) {
    (void)argument;
    if (error != ERR_OK || !take(pcb))
        return ERR_MEM;
    tcp_sent(pcb, pour_sent);
    tcp_poll(pcb, pour_poll, POLL_TICKS);
    return pour(pcb->callback_arg, pcb);
}

/* ---- port 80 ---- */

static const char page[] =
    "HTTP/1.1 200 OK\r\nContent-Length: 96\r\nContent-Type: text/plain\r\n"
    "Server: test\r\n\r\n"
    "................................................................................"
    "................";

static err_t page_receive(void *argument, struct tcp_pcb *pcb, struct pbuf *p, err_t error) {
    (void)error;
    struct connection *c = argument;
    if (!p)
        return finish(c, pcb);
    bool close = pbuf_memfind(p, "close", 5, 0) != 0xffff;
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    tcp_write(pcb, page, sizeof page - 1, TCP_WRITE_FLAG_COPY);
    if (close)
        return finish(c, pcb);
    tcp_output(pcb);
    return ERR_OK;
}

static err_t page_accept(void *argument, struct tcp_pcb *pcb, err_t error) {
    (void)argument;
    if (error != ERR_OK || !take(pcb))
        return ERR_MEM;
    tcp_recv(pcb, page_receive);
    return ERR_OK;
}

/* ---- port 90 ---- */

static err_t hold_receive(void *argument, struct tcp_pcb *pcb, struct pbuf *p, err_t error) {
    (void)error;
    struct connection *c = argument;
    if (!p)
        return finish(c, pcb);
    if (c->held)
        pbuf_cat(c->held, p);
    else
        c->held = p;
    return ERR_OK;
}

static err_t hold_accept(void *argument, struct tcp_pcb *pcb, err_t error) {
    (void)argument;
    if (error != ERR_OK || !take(pcb))
        return ERR_MEM;
    tcp_recv(pcb, hold_receive);
    return ERR_OK;
}

/* ---- port 99 ---- */

static err_t counters_accept(void *argument, struct tcp_pcb *pcb, err_t error) {
    (void)argument;
    struct connection *c;
    if (error != ERR_OK || !(c = take(pcb)))
        return ERR_MEM;
    struct nom_net_counters n;
    char text[600];
    net_counters(&n);
    int bytes = snprintf(
        text, sizeof text,
        "rx_packets=%llu rx_batches=%llu rx_dropped=%llu tx_packets=%llu tx_batches=%llu "
        "tx_dropped=%llu kicks=%llu rx_hold_max_ns=%llu tx_hold_max_ns=%llu poll_gap_max_ns=%llu "
        "device_errors=%llu system_calls=%llu\n",
        (unsigned long long)n.rx_packets, (unsigned long long)n.rx_batches,
        (unsigned long long)n.rx_dropped, (unsigned long long)n.tx_packets,
        (unsigned long long)n.tx_batches, (unsigned long long)n.tx_dropped,
        (unsigned long long)n.kicks, (unsigned long long)n.rx_hold_max_ns,
        (unsigned long long)n.tx_hold_max_ns, (unsigned long long)n.poll_gap_max_ns,
        (unsigned long long)n.device_errors,
        (unsigned long long)plat_board()->counters.system_calls);
    tcp_write(pcb, text, (u16_t)bytes, TCP_WRITE_FLAG_COPY);
    return finish(c, pcb);
}

static void serve(uint16_t port, tcp_accept_fn accept) {
    if (net_pcb_listen(port, accept) != 0) {
        plat_log("netecho: cannot listen on port %u", port);
        plat_exit(1);
    }
}

int plat_main(int argc, char **argv) {
    struct net_config config = {.delay_us = argc > 2 ? atof(argv[2]) : 0,
                                .kick = argc > 3 ? NOM_KICK_STRICT : NOM_KICK_NATURAL};
    char why[200];
    if (argc < 2 || net_parse_cidr(argv[1], &config.address_be, &config.netmask_be) != 0) {
        plat_log("netecho: usage: netecho A.B.C.D/LEN [DELAY_US [strict]]");
        return 2;
    }
    if (net_open(&config, why, sizeof why) != 0) {
        plat_log("netecho: %s", why);
        return 1;
    }
    for (uint32_t i = 0; i < CONNECTIONS; i++) {
        connections[i].next = free_connection;
        free_connection = &connections[i];
    }
    for (uint32_t i = 0; i < SOURCE_BYTES; i++)
        source[i] = (char)(i % 251);
    serve(7, echo_accept);
    serve(19, pour_accept);
    serve(80, page_accept);
    serve(90, hold_accept);
    serve(99, counters_accept);
    plat_log("netecho: ready");
    for (;;)
        net_poll();
}
