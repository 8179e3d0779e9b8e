/*
 * Bytes between a connection's pcb and its http.h: what was received goes in piece by piece, as it
 * lies; replies go out as far as the stack takes them. What the stack is given without a copy lies
 * in files, which never change.
 */
#include "runtime/net/pcb.h"
#include "workloads/nhttpd/connection.h"
#include <string.h>

#define COPY_BYTES_MAX 1024u /* bodies up to this are copied, to travel with their heads */
#define GATHER_BYTES   4096u /* replies copied into one write */
#define SPANS          32u

bool connection_feed(struct connection *c) {
    while (c->held) {
        size_t left = c->held->len, used = http_input(&c->http, c->held->payload, left);
        net_pcb_used(c->pcb, &c->held, used);
        if (used < left)
            return false;
    }
    return true;
}

/* Hands one write to the stack; false if it has no room for it now. */
static bool hand_over(struct connection *c, const void *data, size_t bytes, bool stable) {
    if (tcp_write(c->pcb, data, (u16_t)bytes, stable ? 0 : TCP_WRITE_FLAG_COPY) != ERR_OK)
        return false;
    http_sent(&c->http, bytes);
    return true;
}

/* After a write that was refused. */
static bool will_be_called(const struct connection *c) {
    return tcp_sndqueuelen(c->pcb) > 0;
}

/* Small pieces are gathered into one write, large bodies go by reference. */
bool connection_send(struct connection *c) {
    static unsigned char gather[GATHER_BYTES];
    struct http_span spans[SPANS];
    size_t n;
    while ((n = http_output(&c->http, spans, SPANS)) > 0) {
        size_t room = tcp_sndbuf(c->pcb), gathered = 0, i = 0;
        for (; i < n; i++) {
            bool small = !spans[i].stable || spans[i].bytes <= COPY_BYTES_MAX;
            if (!small || gathered + spans[i].bytes > LWIP_MIN(room, GATHER_BYTES))
                break;
            memcpy(gather + gathered, spans[i].data, spans[i].bytes);
            gathered += spans[i].bytes;
        }
        if (gathered > 0) {
            if (!hand_over(c, gather, gathered, false))
                return will_be_called(c);
            continue;
        }
        size_t bytes = spans[0].bytes;
        if (bytes > room)
            bytes = room - room % tcp_mss(c->pcb);
        if (bytes > UINT16_MAX)
            bytes = UINT16_MAX - UINT16_MAX % tcp_mss(c->pcb);
        if (bytes == 0)
            return true; /* the window is full: what is on its way calls */
        if (!hand_over(c, spans[0].data, bytes, spans[0].stable))
            return will_be_called(c);
    }
    return true;
}
