/*
 * nhttpd on Linux's own sockets, as a good plain server has it: one thread, epoll, no call that is
 * not needed. The baseline that the other floors are compared with (docs/baselines.md); limits and
 * time-outs are those of serve.h.
 */
#ifndef NHTTPD_SOCKETS_H
#define NHTTPD_SOCKETS_H

#include "workloads/nhttpd/serve.h"
#include <netinet/in.h>

/* Listens, for at most `connections` (1..SERVE_CONNECTIONS_MAX) at a time; site outlives it. 0, or
 * -1 with one line in why. Once per process. */
int sockets_open(const struct sockaddr_in *address, uint32_t connections, struct http_site *site,
                 char *why, size_t why_bytes);
/* Serves until the floor asks to end. 0, or -1 with why if epoll fails. */
int sockets_serve(char *why, size_t why_bytes);

/* Connections, for sockets_serve's events and the listener (connection.c). */
struct conn;

/* `connections` that are served and SOCKETS_BEYOND_MAX more that are told 503, watched by epoll_fd.
 * Once. */
#define SOCKETS_BEYOND_MAX 256u /* refused connections at one time; others wait to be accepted */
void sockets_pool_open(int epoll_fd, uint32_t connections, struct http_site *site);
/* Is there a slot left? */
bool sockets_pool_free(void);
/* Gives an accepted socket a slot, of which there is one. */
void sockets_connection_open(int fd);
/* What epoll says of a connection; its slot may be free afterwards, but is not taken again before
 * the next sockets_connection_open. */
void sockets_connection_event(struct conn *c, uint32_t events);
/* After each round of events. */
void sockets_pool_feed(void);
/* Every second: ends connections whose time is over. */
void sockets_pool_second(void);

#endif
