/* HTTP as a protocol of the engine: one request, over and over; reply.c reads the replies. */
#include "workloads/load/protocol.h"
#include <stdio.h>
#include <string.h>

static uint64_t request_bytes(const struct load_shared *shared,
                              const struct load_request *request) {
    (void)request;
    return shared->http_request_bytes;
}

static size_t write_request(const struct load_shared *shared, const struct load_request *request,
                            uint64_t at, char *to, size_t room) {
    (void)request;
    size_t left = shared->http_request_bytes - (size_t)at;
    size_t n = left < room ? left : room;
    memcpy(to, shared->http_request + at, n);
    return n;
}

static void begin(struct load_reply_state *reply) {
    reply->closing = false;
    load_reply_begin(&reply->http);
}

static enum load_verdict feed(struct load_shared *shared, const struct load_request *request,
                              struct load_reply_state *reply, const char *bytes, size_t n,
                              size_t *used) {
    (void)request;
    switch (load_reply_feed(&reply->http, bytes, n, used)) {
    case LOAD_REPLY_MORE:
        return LOAD_MORE;
    case LOAD_REPLY_MALFORMED:
        snprintf(shared->why, sizeof shared->why, "a malformed reply");
        return LOAD_BAD;
    case LOAD_REPLY_WHOLE:
        break;
    }
    reply->closing = reply->http.closing;
    if (reply->http.status != 200 && reply->http.status != 503) {
        snprintf(shared->why, sizeof shared->why, "a status other than 200 and 503");
        return LOAD_BAD;
    }
    return reply->http.status == 200 ? LOAD_GOOD : LOAD_REFUSED;
}

const struct load_protocol_table load_http = {request_bytes, write_request, begin, feed};
