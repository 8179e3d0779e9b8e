/* The connections of serve.h from their accepting to their end: connection.c. */
#ifndef NHTTPD_CONNECTION_H
#define NHTTPD_CONNECTION_H

#include "workloads/nhttpd/serve.h"
#include <lwip/tcp.h>

/* 0, or -1 if the floor lacks the memory. Once. */
int connection_pool_open(uint32_t connections, struct http_site *site);
/* Gives an accepted pcb a slot; false if there is none left. */
bool connection_open(struct tcp_pcb *pcb);
/* Closes a pcb that has no slot (any more); ERR_ABRT if it had to be aborted, which a callback
 * must return. */
err_t connection_close_pcb(struct tcp_pcb *pcb);

#endif
