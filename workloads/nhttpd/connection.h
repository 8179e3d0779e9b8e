/* The connections of serve.h: their life from accepting to end (connection.c), and the bytes that
 * pass (transfer.c). */
#ifndef NHTTPD_CONNECTION_H
#define NHTTPD_CONNECTION_H

#include "workloads/nhttpd/serve.h"
#include <lwip/tcp.h>

struct line {
    struct connection *first, *last;
};

struct connection {
    struct tcp_pcb *pcb;              /* NULL: the slot is free */
    struct connection *next, *before; /* among the free, or in its line */
    struct line *line;                /* NULL: it waits in none */
    struct pbuf *held;                /* received, not taken by http_input yet */
    uint16_t idle_s;
    bool client_ended;
    bool lingering;
    uint32_t window; /* of the load estimate, in which it was last active */
    struct http_connection http;
};

/* 0, or -1 if the floor lacks the memory even for a few. Once. */
int connection_pool_open(uint32_t connections, struct http_site *site);
/* Gives an accepted pcb a slot; false if there is none left. */
bool connection_open(struct tcp_pcb *pcb);

/* Feeds http.h what was received; true if all of it was taken. */
bool connection_feed(struct connection *c);
/* Gives the stack what there is to send, as far as it takes it. False: it has no memory, and
 * nothing is on its way whose arrival would call us again. */
bool connection_send(struct connection *c);

#endif
