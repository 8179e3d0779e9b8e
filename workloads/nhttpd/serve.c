/*
 * A connection's life:
 *
 *   free --accepted--> open --reply that closes was handed to the stack--> free
 *                       |---the client ended its side and nothing is left to send--> free
 *                       |---idle for SERVE_IDLE_S, reset, or the stack gave it up--> free
 *                       '---closed for an error--> lingering --client's end, SERVE_LINGER_S--> free
 *
 * Lingering: our side is ended, what still comes is read and dropped; closing at once would answer
 * it with a reset, which can destroy the error reply before the client has read it.
 *
 * Invariants: a slot in use has a pcb, whose callbacks carry the slot; a free one is in no pcb.
 * Bytes received are acknowledged to the stack (tcp_recved) exactly when http_input used them, so
 * a client that sends faster than it reads is stopped by its window. What the stack was given
 * without a copy lies in files, which never change.
 */
#include "workloads/nhttpd/serve.h"
#include "runtime/platform/platform.h"
#include "workloads/nhttpd/http_parts.h"
#include <lwip/tcp.h>
#include <string.h>

#define COPY_BYTES_MAX 1024u /* bodies up to this are copied, to travel with their heads */
#define GATHER_BYTES   4096u /* replies copied into one write */
#define SPANS          32u
#define POLLS_PER_S    (1000 / (2 * TCP_TMR_INTERVAL)) /* the stack's coarse timer */
/* Received pieces that wait because replies do; the stack is left with more, and then drops them,
 * so that no client hoards buffers with many small ones. A window of full ones is fewer. */
#define HELD_PBUFS_MAX 64u

struct conn {
    struct tcp_pcb *pcb;
    struct conn *next_free;
    struct pbuf *held;  /* received, not taken by http_input yet */
    uint16_t held_used; /* bytes of its first pbuf that were taken */
    bool client_ended;
    bool lingering;
    uint32_t idle_s;
    uint64_t window; /* of the load estimate, in which it was last active */
    struct http_connection http;
};

static struct conn conns[SERVE_CONNECTIONS_MAX];
static struct http_work works[SERVE_CONNECTIONS_MAX]; /* so that none ever waits */
static uint8_t starved[SERVE_CONNECTIONS_MAX];        /* 1: the stack had no memory for it */
static bool any_starved;
static struct conn *first_free;
static struct http_site *served;
static struct serve_counters counters;
static uint64_t window = 1;
static uint32_t active;
static struct http_reply beyond; /* what a connection beyond the pool is told */

static void touch(struct conn *c) {
    c->idle_s = 0;
    if (c->window != window) {
        c->window = window;
        active++;
    }
}

/* Takes the slot from its pcb, which may be gone already (NULL). */
static void release(struct conn *c) {
    if (c->pcb) {
        tcp_arg(c->pcb, NULL);
        tcp_recv(c->pcb, NULL);
        tcp_sent(c->pcb, NULL);
        tcp_err(c->pcb, NULL);
        tcp_poll(c->pcb, NULL, 0);
    }
    http_end(&c->http);
    if (c->held)
        pbuf_free(c->held);
    if (c->window == window)
        active--;
    starved[c - conns] = 0;
    c->pcb = NULL;
    c->held = NULL;
    c->next_free = first_free;
    first_free = c;
    counters.connections_open--;
}

/* Closes a pcb that no longer has a slot; ERR_ABRT if it had to be aborted, which a callback must
 * return. The stack resets a connection that is closed before all
 * it received was acknowledged, and counts a FIN that came with the last data as not so. */
static err_t close_pcb(struct tcp_pcb *pcb) {
    if (pcb->state == CLOSE_WAIT)
        tcp_recved(pcb, 1);
    if (tcp_close(pcb) == ERR_OK)
        return ERR_OK;
    tcp_abort(pcb);
    return ERR_ABRT;
}

static err_t end(struct conn *c) {
    struct tcp_pcb *pcb = c->pcb;
    release(c);
    return close_pcb(pcb);
}

static void starve(struct conn *c) {
    starved[c - conns] = 1;
    any_starved = true;
}

/* Hands one write to the stack; false if it has no room for it now. */
static bool hand_over(struct conn *c, const void *data, size_t bytes, bool stable) {
    if (tcp_write(c->pcb, data, (u16_t)bytes, stable ? 0 : TCP_WRITE_FLAG_COPY) != ERR_OK) {
        if (tcp_sndqueuelen(c->pcb) == 0)
            starve(c); /* nothing is on its way whose arrival would call us */
        return false;
    }
    http_sent(&c->http, bytes);
    return true;
}

/* Gives the stack what there is to send, as far as it takes it: small pieces gathered into one
 * write, large bodies by reference. */
static void send_replies(struct conn *c) {
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
                return;
            continue;
        }
        size_t bytes = spans[0].bytes;
        if (bytes > room)
            bytes = room - room % tcp_mss(c->pcb);
        if (bytes > UINT16_MAX)
            bytes = UINT16_MAX - UINT16_MAX % tcp_mss(c->pcb);
        if (bytes == 0 || !hand_over(c, spans[0].data, bytes, spans[0].stable))
            return;
    }
}

/* Feeds what was received; true if all of it was taken. */
static bool feed(struct conn *c) {
    while (c->held) {
        struct pbuf *p = c->held;
        size_t left = p->len - c->held_used;
        size_t used = http_input(&c->http, (unsigned char *)p->payload + c->held_used, left);
        tcp_recved(c->pcb, (u16_t)used);
        if (used < left) {
            c->held_used += (uint16_t)used;
            return false;
        }
        c->held = p->next;
        c->held_used = 0;
        if (p->next)
            pbuf_ref(p->next);
        pbuf_free(p);
    }
    return true;
}

static bool is_full(const struct conn *c) {
    return c->http.work && c->http.work->reply_count == HTTP_PIPELINE_MAX;
}

/* Moves everything as far as it goes. The slot may be free afterwards. ERR_ABRT as above. */
static err_t advance(struct conn *c) {
    uint64_t answered = served->requests + served->refused + served->errors;
    bool all;
    for (;;) {
        all = feed(c);
        bool full = is_full(c);
        send_replies(c);
        if (all || !full || is_full(c))
            break;
    }
    if (served->requests + served->refused + served->errors != answered)
        touch(c);
    if (http_pending(&c->http))
        return ERR_OK;
    if (c->client_ended || (http_finished(&c->http) && !c->http.broken))
        return end(c);
    if (http_finished(&c->http) && tcp_shutdown(c->pcb, 0, 1) == ERR_OK)
        c->lingering = true;
    return ERR_OK;
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err) {
    struct conn *c = arg;
    if (!p) {
        c->client_ended = true;
        return c->lingering ? end(c) : advance(c);
    }
    if (err != ERR_OK || c->lingering) {
        tcp_recved(pcb, p->tot_len);
        pbuf_free(p);
        return ERR_OK;
    }
    if (c->held) {
        if (pbuf_clen(c->held) >= HELD_PBUFS_MAX)
            return ERR_MEM;
        pbuf_cat(c->held, p);
    } else {
        c->held = p;
        c->held_used = 0;
    }
    return advance(c);
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t bytes) {
    (void)pcb;
    (void)bytes;
    struct conn *c = arg;
    if (c->lingering)
        return ERR_OK;
    if (http_pending(&c->http)) {
        touch(c);
        return advance(c);
    }
    c->idle_s = 0;
    return ERR_OK;
}

static void on_error(void *arg, err_t err) {
    (void)err;
    struct conn *c = arg;
    c->pcb = NULL;
    release(c);
}

/* Every second. */
static err_t on_poll(void *arg, struct tcp_pcb *pcb) {
    struct conn *c = arg;
    if (++c->idle_s >= (c->lingering ? SERVE_LINGER_S : SERVE_IDLE_S)) {
        bool stuck = http_pending(&c->http) || c->held;
        release(c);
        if (stuck) {
            tcp_abort(pcb);
            return ERR_ABRT;
        }
        return close_pcb(pcb);
    }
    return c->lingering ? ERR_OK : advance(c);
}

/* A connection beyond the pool has no slot: its arg is NULL. */
static err_t beyond_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err) {
    (void)arg;
    (void)err;
    if (p) {
        tcp_recved(pcb, p->tot_len);
        pbuf_free(p);
        (void)tcp_write(pcb, beyond.head, (u16_t)beyond.head_bytes, TCP_WRITE_FLAG_COPY);
    }
    tcp_recv(pcb, NULL);
    tcp_poll(pcb, NULL, 0);
    return close_pcb(pcb);
}

static err_t beyond_poll(void *arg, struct tcp_pcb *pcb) {
    (void)arg;
    tcp_abort(pcb);
    return ERR_ABRT;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err) {
    (void)arg;
    if (err != ERR_OK || !pcb)
        return ERR_VAL;
    tcp_nagle_disable(pcb);
    struct conn *c = first_free;
    if (!c) {
        counters.connections_beyond++;
        tcp_recv(pcb, beyond_recv);
        tcp_poll(pcb, beyond_poll, POLLS_PER_S * SERVE_LINGER_S);
        return ERR_OK;
    }
    first_free = c->next_free;
    counters.connections_open++;
    counters.connections_total++;
    c->pcb = pcb;
    c->held = NULL;
    c->client_ended = c->lingering = false;
    c->idle_s = 0;
    c->window = 0;
    http_init(&c->http, served);
    tcp_arg(pcb, c);
    tcp_recv(pcb, on_recv);
    tcp_sent(pcb, on_sent);
    tcp_err(pcb, on_error);
    tcp_poll(pcb, on_poll, POLLS_PER_S);
    return ERR_OK;
}

int serve_open(uint16_t port, struct http_site *site) {
    served = site;
    http_work_add(site, works, SERVE_CONNECTIONS_MAX);
    http_reply_status(&beyond, &(struct http_request){0}, 503, true);
    for (size_t i = SERVE_CONNECTIONS_MAX; i-- > 0;) {
        conns[i].next_free = first_free;
        first_free = &conns[i];
    }
    struct tcp_pcb *pcb = tcp_new();
    if (!pcb)
        return -1;
    if (tcp_bind(pcb, IP_ADDR_ANY, port) != ERR_OK) {
        tcp_abort(pcb);
        return -1;
    }
    struct tcp_pcb *listener = tcp_listen(pcb);
    if (!listener) {
        tcp_abort(pcb);
        return -1;
    }
    tcp_accept(listener, on_accept);
    return 0;
}

void serve_retry(void) {
    if (!any_starved)
        return;
    any_starved = false;
    for (size_t i = 0; i < SERVE_CONNECTIONS_MAX; i++)
        if (starved[i]) {
            struct tcp_pcb *pcb = conns[i].pcb;
            starved[i] = 0;
            advance(&conns[i]);
            if (conns[i].pcb == pcb)
                tcp_output(pcb);
        }
}

uint32_t serve_active(void) {
    uint32_t ended = active;
    window++;
    active = 0;
    return ended;
}

void serve_counters(struct serve_counters *out) {
    *out = counters;
}
