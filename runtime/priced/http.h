/*
 * The client's half of HTTP that fetching one document takes, without a socket: the URL, and a
 * reply read piece by piece. A reply is of HTTP/1.0 or 1.1, its body by Content-Length, chunked, or
 * up to the connection's end. Anything unclear is refused.
 */
#ifndef PRICED_HTTP_H
#define PRICED_HTTP_H

#include "runtime/priced/answer.h"

struct priced_url {
    char host[64]; /* "10.0.0.1" */
    uint16_t port;
    char path[PRICED_URL_BYTES]; /* with its query: "/pricing/?limit=0" */
};

/* "http://HOST[:PORT][/PATH]". 0 or -1. What HOST may be is the caller's. */
int priced_url_parse(const char *text, struct priced_url *out);

enum priced_reply_state {
    REPLY_STATUS,
    REPLY_FIELD,
    REPLY_BODY, /* of known length, or up to the end */
    REPLY_CHUNK_SIZE,
    REPLY_CHUNK,
    REPLY_CHUNK_END, /* the line end behind one */
    REPLY_TRAILER,
    REPLY_DONE,
    REPLY_FAILED,
};

struct priced_reply {
    enum priced_reply_state state;
    bool chunked, has_length;
    unsigned status;
    uint64_t left;       /* of the body or chunk, where known */
    uint32_t head_bytes; /* of lines so far */
    uint32_t line_bytes;
    char line[PRICED_LINE_BYTES];
    char *body;
    size_t body_bytes, body_max;
    struct priced_trouble trouble; /* once FAILED */
};

/* body[body_max] is the caller's. */
void priced_reply_init(struct priced_reply *r, char *body, size_t body_max);
/* Takes bytes[n]; what comes after the reply is passed over. */
void priced_reply_input(struct priced_reply *r, const void *bytes, size_t n);
/* The peer has ended its side: DONE or FAILED now. */
void priced_reply_end(struct priced_reply *r);

#endif
