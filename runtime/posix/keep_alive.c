/*
 * SO_KEEPALIVE. lwIP walks the connections that have it each time, and net/park would not set them
 * aside; servers ask for it on all of theirs. So a connection has lwIP's option only from when it
 * was silent for as long as it is to be, until the peer has answered: here each is looked at about
 * once a second.
 */
#include "lwip/priv/tcp_priv.h"
#include "runtime/net/park.h"
#include "runtime/posix/tcp.h"

#define TICKS_PER_S (1000u / TCP_SLOW_INTERVAL)

static void look(struct posix_stream *s) {
    if (s->state != STREAM_OPEN || !s->socket.keep_alive)
        return;
    bool silent = (uint32_t)(tcp_ticks - s->pcb->tmr) >= s->keep_idle_s * TICKS_PER_S;
    if (silent == (ip_get_option(s->pcb, SOF_KEEPALIVE) != 0))
        return;
    net_unpark(s->pcb);
    if (!silent) {
        ip_reset_option(s->pcb, SOF_KEEPALIVE);
        return;
    }
    ip_set_option(s->pcb, SOF_KEEPALIVE);
    /* Who was silent for longer has all its probes before it yet. */
    s->pcb->tmr = tcp_ticks - s->keep_idle_s * TICKS_PER_S;
    s->pcb->keep_cnt_sent = 0;
}

/* Who was looked at goes to the end of the list. */
void posix_streams_keep_alive(void) {
    static uint32_t last_tick;
    uint32_t ticks = tcp_ticks - last_tick;
    if (ticks == 0)
        return;
    last_tick = tcp_ticks;
    uint32_t count = posix_stream_count;
    for (uint32_t left = LWIP_MIN(count, count / TICKS_PER_S * ticks + 1); left > 0; left--) {
        struct posix_link *first = posix_streams.next;
        look(POSIX_OF(first, struct posix_stream, all));
        posix_list_remove(first);
        posix_list_append(&posix_streams, first);
    }
}
