/*
 * Our own client: its parts' common state. Private to this folder.
 *
 *   WAITING --retry_ns--> CONNECTING --connected--> BUSY --replies whole--> BUSY (further requests)
 *      ^                      |                      | |                    or IDLE (none may
 * start) |                      |                      | +--server closes--> CLOSING --closed--+
 *      +-------- fail --------+-------- fail --------+                                       |
 *      |                    CONNECTING <-----------------------------------------------------+
 *
 * A protocol with keys sets them all first: until then nothing else is asked for, a connection
 * that has set its own is IDLE, and recording cannot begin.
 *
 * Invariant: busy is the number of connections in CONNECTING, and of requests under way; and with
 * requests_max, once the keys are set, finished + busy never passes it: that makes requests_max
 * exact.
 */
#ifndef LOAD_CLIENT_H
#define LOAD_CLIENT_H

#include "workloads/load/keys.h"
#include "workloads/load/load.h"
#include "workloads/load/protocol.h"
#include <stdint.h>
#include <time.h>

#define CLIENT_BUFFER_BYTES 65536u

enum connection_state {
    CONNECTION_WAITING = 0, /* no socket until retry_ns */
    CONNECTION_CONNECTING,
    CONNECTION_BUSY,    /* requests are under way */
    CONNECTION_CLOSING, /* the last reply said that the server closes: so TIME_WAIT is its own */
    CONNECTION_IDLE,    /* no further request may start yet, or ever */
};

struct connection {
    int fd; /* -1: none */
    enum connection_state state;
    uint64_t since_ns; /* the state's begin; BUSY: not in use */
    uint64_t retry_ns;
    uint64_t backoff_ns; /* the last one used; 0 after a good reply */
    /* Requests under way, a ring; of the last `unsent` not all is written. */
    struct load_request *ring;
    uint32_t first, under_way, unsent;
    uint64_t written;     /* bytes of the first unsent one */
    uint64_t reply_bytes; /* of the reply under way */
    struct load_reply_state reply;
    uint32_t requests_here; /* since it was opened */
    /* Keys number n, n + connections, n + 2 connections ... are its own. */
    uint32_t number, own_keys;
    uint32_t keys_asked, keys_set; /* of its own, before the load begins: sent, answered */
    uint64_t random;
};

struct client {
    const struct load_config *config;
    struct load_result *result;
    struct load_shared shared;
    struct load_keys keys;
    uint32_t pipeline, requests_per_connection; /* the latter 0: no limit */
    int epoll;
    struct connection *connections;
    uint32_t unset_keys;       /* before the load begins: still to be set */
    uint64_t start_ns, end_ns; /* what arrives in [start, end) is counted */
    uint64_t busy;
    uint64_t finished;         /* replies + refused + errors */
    uint64_t finished_last_ns; /* when the last of them was */
    uint64_t reply_last_ns;    /* of any status, counted or not; at first the client's start */
    uint64_t replies_ever;
    uint64_t next_retry_ns; /* the least of those WAITING */
    const char *failure;    /* the last one, in words; NULL: none */
    enum load_error kind;   /* of what has no reply */
    const char *fatal;      /* why the load cannot go on, shared.why tells more; NULL: it can */
    char buffer[CLIENT_BUFFER_BYTES], output[CLIENT_BUFFER_BYTES];
};

static inline uint64_t client_clock_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* All keys are set: the warm-up begins, and every connection is to be looked at. */
void client_begin(struct client *client, uint64_t now_ns);

/* Opens a WAITING or IDLE connection, and sends requests if it is connected at once. */
void connection_open(struct client *client, struct connection *c);
/* What epoll reported of it. */
void connection_event(struct client *client, struct connection *c, uint32_t events);
/* Ends what has taken longer than it may; has an IDLE one go on if it may. */
void connection_check(struct client *client, struct connection *c, uint64_t now_ns);
/* Ends it for now: each request under way is an error; so is a connect. */
void connection_fail(struct client *client, struct connection *c, enum load_error kind,
                     const char *why);
void connection_reopen(struct client *client, struct connection *c);

/* Of a connected one (transfer.c). Starts the requests that may start, and sends them. */
void connection_go_on(struct client *client, struct connection *c);
/* Sends what is unsent, as much as the socket takes. */
void connection_flush(struct client *client, struct connection *c);
/* Takes what came, and goes on. */
void connection_receive(struct client *client, struct connection *c, bool peer_closed);

/* Whether the connection may send one more request, and which: its place in the ring is the next
 * free one. */
bool requests_may_start(const struct client *client, const struct connection *c);
void requests_start(struct client *client, struct connection *c);
/* The first one's reply came (LOAD_GOOD and so on), or it will not (LOAD_MORE). */
void requests_settle(struct client *client, struct connection *c, enum load_verdict verdict,
                     uint64_t now_ns);
/* Counts what is over: as `verdict` says, at that time; request NULL: it was never sent. */
void requests_count(struct client *client, const struct connection *c,
                    const struct load_request *request, enum load_verdict verdict, uint64_t now_ns);

/* Runs the load in the calling process, which should end after it. */
void client_run(const struct load_config *config, struct load_result *result);

#endif
