/* pcb.h. */
#include "runtime/net/pcb.h"
#include "runtime/net/park.h"

#define HELD_PBUFS_MAX 64u /* a window of full ones is fewer */

int net_pcb_listen(uint16_t port, tcp_accept_fn accept) {
    struct tcp_pcb *pcb = tcp_new(), *listener = NULL;
    if (pcb != NULL && tcp_bind(pcb, IP_ADDR_ANY, port) == ERR_OK) {
        listener = tcp_listen(pcb);
    }
    if (listener != NULL) {
        tcp_accept(listener, accept);
    } else if (pcb != NULL) {
        tcp_abort(pcb);
    }
    return listener != NULL ? 0 : -1;
}

void net_pcb_detach(struct tcp_pcb *pcb) {
    net_unpark(pcb);
    tcp_arg(pcb, NULL);
    tcp_recv(pcb, NULL);
    tcp_sent(pcb, NULL);
    tcp_err(pcb, NULL);
    tcp_poll(pcb, NULL, 0);
}

/* The stack resets a connection that is closed before all it received was acknowledged, and counts
 * a FIN that came with the last data as not so. */
err_t net_pcb_close(struct tcp_pcb *pcb) {
    net_pcb_detach(pcb);
    if (pcb->state == CLOSE_WAIT) {
        tcp_recved(pcb, 1);
    }
    if (tcp_close(pcb) == ERR_OK) {
        return ERR_OK;
    }
    tcp_abort(pcb);
    return ERR_ABRT;
}

err_t net_pcb_abort(struct tcp_pcb *pcb) {
    net_pcb_detach(pcb);
    tcp_abort(pcb);
    return ERR_ABRT;
}

bool net_pcb_hold(struct pbuf **held, struct pbuf *p) {
    if (*held == NULL) {
        *held = p;
        return true;
    }
    if (pbuf_clen(*held) >= HELD_PBUFS_MAX) {
        return false;
    }
    pbuf_cat(*held, p);
    return true;
}

void net_pcb_used(struct tcp_pcb *pcb, struct pbuf **held, size_t bytes) {
    struct pbuf *p = *held;
    tcp_recved(pcb, (u16_t)bytes);
    if (bytes < p->len) {
        pbuf_remove_header(p, bytes);
        return;
    }
    *held = p->next;
    p->next = NULL;
    pbuf_free(p);
}
