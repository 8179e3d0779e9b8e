/*
 * The listener, and what becomes of a connection for which there is no slot: it is told 503 when
 * it asks, or forgotten after SERVE_LINGER_S of silence.
 */
#include "workloads/nhttpd/serve.h"
#include "runtime/net/net.h"
#include "runtime/net/pcb.h"
#include "runtime/platform/platform.h"
#include "workloads/nhttpd/connection.h"
#include "workloads/nhttpd/http_parts.h"
#include <stdio.h>

#define POLLS_PER_S (1000 / (2 * TCP_TMR_INTERVAL)) /* the stack's coarse timer */

static struct http_reply beyond; /* what they are told */

static err_t beyond_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err) {
    (void)arg;
    (void)err;
    if (p) {
        tcp_recved(pcb, p->tot_len);
        pbuf_free(p);
        (void)tcp_write(pcb, beyond.head, (u16_t)beyond.head_bytes, TCP_WRITE_FLAG_COPY);
    }
    return net_pcb_close(pcb);
}

static err_t beyond_poll(void *arg, struct tcp_pcb *pcb) {
    (void)arg;
    return net_pcb_abort(pcb);
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err) {
    (void)arg;
    if (err != ERR_OK || !pcb)
        return ERR_VAL;
    net_accepted(pcb);
    if (!connection_open(pcb)) {
        tcp_recv(pcb, beyond_recv);
        tcp_poll(pcb, beyond_poll, POLLS_PER_S * SERVE_LINGER_S);
    }
    return ERR_OK;
}

uint32_t serve_room(uint32_t connections) {
    size_t each = sizeof(struct connection) + sizeof(struct tcp_pcb);
    size_t room = plat_memory_share() / SERVE_MEMORY_PARTS / each;
    return room == 0 ? 1 : (uint32_t)LWIP_MIN(room, connections);
}

int serve_open(uint16_t port, uint32_t connections, struct http_site *site, char *why,
               size_t why_bytes) {
    if (connection_pool_open(connections, site) != 0) {
        snprintf(why, why_bytes, "no memory for %u connections", connections);
        return -1;
    }
    http_reply_status(&beyond, &(struct http_request){0}, 503, true);
    if (net_pcb_listen(port, on_accept) == 0)
        return 0;
    snprintf(why, why_bytes, "cannot listen at port %u", port);
    return -1;
}
