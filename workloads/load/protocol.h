/*
 * What the engine (client.c, connection.c) knows of a protocol: a table of functions. Private to
 * this folder.
 *
 * The engine decides when a request goes out and what it is (op, key, sequence); the protocol says
 * how it is written and when its reply is whole, and judges it.
 */
#ifndef LOAD_PROTOCOL_H
#define LOAD_PROTOCOL_H

#include "workloads/load/load.h"
#include "workloads/load/memcached.h"
#include "workloads/load/reply.h"
#include <stddef.h>
#include <stdint.h>

#define LOAD_WHY_BYTES 160u

enum load_op { LOAD_OP_GET = 0, LOAD_OP_SET, LOAD_OP_DELETE };

struct load_request {
    enum load_op op;
    uint32_t key;
    uint32_t sequence; /* of a set: how many of this key came before it, and it */
    uint64_t bytes;    /* as it is written */
    uint64_t sent_ns;  /* just before its first byte was */
};

enum load_verdict {
    LOAD_MORE = 0, /* the reply is not whole */
    LOAD_GOOD,
    LOAD_MISS,    /* good, but the key was evicted */
    LOAD_LOST,    /* an error: the key is gone; the connection is sound */
    LOAD_REFUSED, /* for want of memory, or by 503 */
    LOAD_BAD,     /* an error: whole, or malformed; the connection is to be closed */
    LOAD_WRONG,   /* a value that should not be: the load ends */
};

struct load_reply_state {
    bool closing; /* the server closes after this reply */
    union {
        struct load_reply http;
        struct memcached_reply memcached;
    };
};

struct load_keys;

/* What all connections of a client share. */
struct load_shared {
    const struct load_protocol_table *protocol;
    struct load_keys *keys; /* NULL: the protocol has none */
    char http_request[512];
    size_t http_request_bytes;
    char why[LOAD_WHY_BYTES]; /* of the last LOAD_LOST, BAD or WRONG */
};

struct load_protocol_table {
    uint64_t (*request_bytes)(const struct load_shared *shared, const struct load_request *request);
    /* Bytes [at, at + room) of the request, or as many as there are; returns how many. */
    size_t (*write)(const struct load_shared *shared, const struct load_request *request,
                    uint64_t at, char *to, size_t room);
    void (*begin)(struct load_reply_state *reply);
    /* Takes the next n bytes, 1 or more, of the reply to *request. *used of them belong to it: all
     * of them if more is to come; not defined after BAD and WRONG. */
    enum load_verdict (*feed)(struct load_shared *shared, const struct load_request *request,
                              struct load_reply_state *reply, const char *bytes, size_t n,
                              size_t *used);
};

extern const struct load_protocol_table load_http, load_memcached_text, load_memcached_binary;

#endif
