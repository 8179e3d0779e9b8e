/*
 * control_port.h. Each session takes one client's bytes in order: what lwIP received waits in
 * `unread` until control_input has used it and there is room to send the reply. So a client that
 * does not read its replies stops being read, and holds at most its TCP window.
 *
 * Session: FREE --accept--> OPEN --end of stream, protocol error--> (TCP closed) FREE
 *                                --reset, no memory--> FREE
 */
#include "runtime/net/control_port.h"
#include "runtime/net/net.h"
#include "runtime/net/pcb.h"
#include "runtime/platform/platform.h"
#include <stdbool.h>

#define POLL_TICKS 2 /* of 2 * TCP_TMR_INTERVAL: retries what memory did not allow */
#define IDLE_POLLS (CONTROL_PORT_IDLE_S * 1000u / (POLL_TICKS * 2u * TCP_TMR_INTERVAL))

struct session {
    struct tcp_pcb *pcb; /* NULL: free */
    struct pbuf *unread;
    bool ended;  /* no more bytes will come */
    bool ending; /* over: to be closed */
    uint32_t idle_polls;
    struct control_session *control; /* large: from the first client that it serves on */
};

static struct session sessions[CONTROL_PORT_SESSIONS_MAX];
static const struct control_app *served;

static void detach(struct session *s) {
    if (s->unread != NULL) {
        pbuf_free(s->unread);
        s->unread = NULL;
    }
    s->pcb = NULL;
}

/* Closes, sending what is queued first. ERR_ABRT if the connection had to be aborted. */
static err_t close_session(struct session *s) {
    struct tcp_pcb *pcb = s->pcb;
    if (s->unread != NULL) {
        tcp_recved(pcb, s->unread->tot_len); /* else lwIP answers the close with a reset */
    }
    detach(s);
    return net_pcb_close(pcb);
}

/* Feeds what is unread, one request at a time, as long as a reply would fit. A session that is over
 * has `ending` set, and nothing of it is fed any more. */
static void feed(struct session *s) {
    unsigned char reply[CONTROL_REPLY_BYTES_MAX];
    while (s->unread != NULL && !s->ending && tcp_sndbuf(s->pcb) >= sizeof reply &&
           tcp_sndqueuelen(s->pcb) + 2 < TCP_SND_QUEUELEN) {
        size_t used = 0, reply_bytes = 0;
        int status = control_input(s->control, served, s->unread->payload, s->unread->len, &used,
                                   reply, &reply_bytes);
        net_pcb_used(s->pcb, &s->unread, used);
        if (reply_bytes > 0 && tcp_write(s->pcb, reply, (u16_t)reply_bytes, TCP_WRITE_FLAG_COPY)) {
            s->ending = true; /* a session short of one reply is of no more use */
        }
        s->ending = s->ending || status != 0;
    }
    s->ending = s->ending || (s->ended && s->unread == NULL);
    tcp_output(s->pcb); /* what does not go now goes with the next segment or poll */
}

static err_t serve(struct session *s) {
    feed(s);
    return s->ending ? close_session(s) : ERR_OK;
}

static err_t on_receive(void *argument, struct tcp_pcb *pcb, struct pbuf *p, err_t error) {
    struct session *s = argument;
    (void)pcb;
    (void)error;
    s->idle_polls = 0;
    if (p == NULL) {
        s->ended = true;
    } else if (!net_pcb_hold(&s->unread, p)) {
        return ERR_MEM;
    }
    return serve(s);
}

/* Ends nothing (net.h): what comes next, or on_poll, does. */
static err_t on_sent(void *argument, struct tcp_pcb *pcb, u16_t bytes) {
    (void)pcb;
    (void)bytes;
    feed(argument);
    return ERR_OK;
}

static err_t on_poll(void *argument, struct tcp_pcb *pcb) {
    struct session *s = argument;
    (void)pcb;
    return ++s->idle_polls < IDLE_POLLS ? serve(s) : close_session(s);
}

static void on_error(void *argument, err_t error) {
    (void)error;
    detach(argument);
}

static err_t on_accept(void *argument, struct tcp_pcb *pcb, err_t error) {
    (void)argument;
    if (pcb == NULL || error != ERR_OK) {
        return ERR_VAL;
    }
    for (struct session *s = sessions; s < sessions + CONTROL_PORT_SESSIONS_MAX; s++) {
        if (s->pcb == NULL) {
            if (s->control == NULL) {
                s->control = plat_dma_alloc(sizeof *s->control);
            }
            if (s->control == NULL) {
                break;
            }
            s->pcb = pcb;
            s->ended = s->ending = false;
            s->idle_polls = 0;
            control_session_init(s->control);
            tcp_arg(pcb, s);
            tcp_recv(pcb, on_receive);
            tcp_sent(pcb, on_sent);
            tcp_poll(pcb, on_poll, POLL_TICKS);
            tcp_err(pcb, on_error);
            net_accepted(pcb);
            return ERR_OK;
        }
    }
    return net_pcb_abort(pcb);
}

int control_port_open(uint16_t port, const struct control_app *app) {
    served = app;
    return net_pcb_listen(port, on_accept);
}
