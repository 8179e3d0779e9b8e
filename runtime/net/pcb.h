/*
 * What apps do alike with their connections (lwIP's raw API): listening, ending one, and keeping
 * what came until they have used it.
 */
#ifndef NET_PCB_H
#define NET_PCB_H

#include "lwip/tcp.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Listens at that port of every address. 0, or -1. */
int net_pcb_listen(uint16_t port, tcp_accept_fn accept);

/* It calls the app no more, and lies in lwIP's list (park.h): for whoever ends it otherwise. */
void net_pcb_detach(struct tcp_pcb *pcb);
/* Detach it, and end it: what was sent still arrives, unless something that came was not
 * acknowledged; or with a reset. They return what a callback then must, ERR_ABRT where it was
 * reset, which closing does for lack of memory. */
err_t net_pcb_close(struct tcp_pcb *pcb);
err_t net_pcb_abort(struct tcp_pcb *pcb);

/* Received, and not used yet: a chain of pbufs; NULL: none. It is acknowledged to the stack
 * (tcp_recved) as it is used, so that a peer that sends faster is stopped by its window.
 *
 * p goes behind it. False: these are too many pieces already, p stays the stack's, and the callback
 * must return ERR_MEM. The stack is left with more, and then drops it, so that no peer hoards
 * buffers with many small pieces. */
bool net_pcb_hold(struct pbuf **held, struct pbuf *p);
/* So many bytes of its first piece were used. */
void net_pcb_used(struct tcp_pcb *pcb, struct pbuf **held, size_t bytes);

#endif
