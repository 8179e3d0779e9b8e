/*
 * Idle connections are set aside. lwIP keeps its connections in one list, which it walks for each
 * connection request, each segment of a connection that is not near its front, and with each
 * timer; ten thousand idle ones would cost their busy neighbours that. So a connection that is
 * established, has nothing under way, has no poll function (tcp_poll: it wants to be called) and
 * was silent for a while leaves that list for a hash table; the next packet for it brings it
 * back before lwIP looks for it.
 *
 * An app notices nothing in its callbacks. Elsewhere it calls net_unpark before it passes a
 * connection without a poll function to any function of lwIP.
 */
#ifndef NET_PARK_H
#define NET_PARK_H

#include "lwip/tcp.h"
#include <stdbool.h>
#include <stdint.h>

/* Brings a connection back into lwIP's list, if it is not there. */
void net_unpark(struct tcp_pcb *pcb);

/* For net alone. Sets aside whoever is idle, and counts those that are not: after tcp_tmr. */
uint32_t net_park_idle(void);
/* A packet comes, from the wire or from ourselves: brings back the connection it is for, if that
 * was set aside. */
void net_park_packet(const void *packet, uint32_t bytes);
/* How many are set aside. */
uint32_t net_parked(void);

#endif
