/*
 * The control protocol's server side (abi/control.h): bytes in, bytes out, on one connection.
 * Knows no socket: net/control_port carries it over the app's own stack.
 */
#ifndef LIB_CONTROL_H
#define LIB_CONTROL_H

#include "runtime/abi/control.h"
#include "runtime/lib/adapt.h"

struct control_app {
    struct adapt *adapt;
    /* Applies a decision (W, kick, serving) at once. */
    void (*apply)(void *context, const struct adapt_decision *decision);
    /* Fills the parts that adapt does not know: uptime, kernel, net, requests, connections. */
    void (*statistics)(void *context, struct nom_statistics *out);
    void *context;
};

/* One connection's state: a request being gathered. About 400 KiB: keep few. */
struct control_session {
    struct nom_control_header header;
    uint32_t header_have;
    uint32_t payload_have;
    _Alignas(8) unsigned char payload[NOM_CONTROL_PAYLOAD_MAX];
};

#define CONTROL_REPLY_BYTES_MAX                                                                    \
    (sizeof(struct nom_control_header) + sizeof(struct nom_control_status) +                       \
     sizeof(struct nom_statistics))

void control_session_init(struct control_session *s);

/* Takes bytes[n] of a client; handles at most one request. *used: how many bytes were consumed.
 * reply[CONTROL_REPLY_BYTES_MAX]: the answer, *reply_bytes of it, 0 while the request is not whole.
 * Returns 0, or -1 if the connection is to be closed after the reply is sent. */
int control_input(struct control_session *s, const struct control_app *app, const void *bytes,
                  size_t n, size_t *used, void *reply, size_t *reply_bytes);

#endif
