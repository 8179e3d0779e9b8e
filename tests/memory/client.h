/*
 * The client's end of the wire: a second copy of the whole stack (net, lwIP, the floor in memory)
 * in the same process, on which this offers byte streams. The Makefile links client.c and that copy
 * into one object in which every other global name has been given the prefix peer_, so that the
 * two copies share nothing. The caller owns the clock: client_poll sets the copy's.
 */
#ifndef TESTS_MEMORY_CLIENT_H
#define TESTS_MEMORY_CLIENT_H

#include "runtime/platform/memory/memory_nic.h"
#include <stddef.h>
#include <stdint.h>

#define CLIENT_STREAMS_MAX 4096u

/* What happens to a stream. After `failed` (reset, or given up) the stream is gone; after `ended`
 * (the server sends no more) it still wants client_close. Neither is told after client_close. */
struct client_calls {
    void (*connected)(void *context);
    void (*received)(void *context, const void *data, size_t bytes);
    void (*room)(void *context); /* client_send may take more; may be NULL */
    void (*ended)(void *context);
    void (*failed)(void *context);
};

struct client_stream;

/* Opens the copy's floor, with a NIC like this, and its network: address and server 10.0.0.x as
 * given. Once a process. 0 or -1. */
int client_start(uint64_t seed, const struct memory_nic_settings *nic, unsigned address,
                 unsigned server);
struct memory_nic *client_nic(void);
bool client_poll(uint64_t now_tsc);

/* NULL if the stack has no room for one more. */
struct client_stream *client_connect(uint16_t port, const struct client_calls *calls,
                                     void *context);
/* How many of the bytes the stack took. */
size_t client_send(struct client_stream *s, const void *data, size_t bytes);
/* Whether what comes is taken from the stack's window; if not, the server has to stop. */
void client_reads(struct client_stream *s, bool reads);
/* Ends our side and forgets the stream. */
void client_close(struct client_stream *s);
/* Ends our side only: `received` and `ended` still come. */
void client_end(struct client_stream *s);
/* Resets it and forgets the stream. Not from within one of its calls. */
void client_abort(struct client_stream *s);

/* A datagram from that port to the server's; false if it was not sent. */
bool client_datagram(uint16_t from, uint16_t to, const void *data, size_t bytes);
/* What comes for a port from which one was sent, until the next call; NULL: it is dropped. */
void client_datagrams(void (*received)(uint16_t port, const void *data, size_t bytes));

#endif
