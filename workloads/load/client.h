/*
 * Our own client: its parts' common state. Private to this folder.
 *
 *   WAITING --retry_ns--> CONNECTING --connected--> BUSY --reply whole--> BUSY (the next request)
 *      ^                      |                      | |                   or IDLE (none may start)
 *      |                      |                      | +--server closes--> CLOSING --closed--+
 *      +-------- fail --------+-------- fail --------+                                       |
 *      |                    CONNECTING <-----------------------------------------------------+
 *
 * Invariant: busy is the number of connections in CONNECTING or BUSY, and with requests_max,
 * finished + busy never passes it: that makes requests_max exact.
 */
#ifndef LOAD_CLIENT_H
#define LOAD_CLIENT_H

#include "workloads/load/load.h"
#include "workloads/load/reply.h"
#include <stdint.h>
#include <time.h>

#define CLIENT_BUFFER_BYTES 65536u

enum connection_state {
    CONNECTION_WAITING = 0, /* no socket until retry_ns */
    CONNECTION_CONNECTING,
    CONNECTION_BUSY,    /* a request is out */
    CONNECTION_CLOSING, /* the last reply said that the server closes: so TIME_WAIT is its own */
    CONNECTION_IDLE,    /* requests_max does not allow another request */
};

struct connection {
    int fd; /* -1: none */
    enum connection_state state;
    uint64_t since_ns; /* BUSY: just before the request was written; else the state's begin */
    uint64_t retry_ns;
    uint64_t backoff_ns;  /* the last one used; 0 after a good reply */
    uint64_t reply_bytes; /* of the reply under way */
    struct load_reply reply;
};

struct client {
    const struct load_config *config;
    struct load_result *result;
    int epoll;
    struct connection *connections;
    char request[512];
    size_t request_bytes;
    uint64_t start_ns, end_ns; /* what arrives in [start, end) is counted */
    uint64_t busy;
    uint64_t finished;         /* replies + refused + errors */
    uint64_t finished_last_ns; /* when the last of them was */
    uint64_t reply_last_ns;    /* of any status, counted or not; at first the client's start */
    uint64_t replies_ever;
    uint64_t next_retry_ns; /* the least of those WAITING */
    const char *failure;    /* the last one, in words; NULL: none */
    char buffer[CLIENT_BUFFER_BYTES];
};

static inline uint64_t client_clock_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Opens a WAITING connection, and sends its request if it is connected at once. */
void connection_open(struct client *client, struct connection *c);
/* What epoll reported of it. */
void connection_event(struct client *client, struct connection *c, uint32_t events);
/* Ends what has taken longer than it may. */
void connection_check(struct client *client, struct connection *c, uint64_t now_ns);

/* Runs the load in the calling process, which should end after it. */
void client_run(const struct load_config *config, struct load_result *result);

#endif
