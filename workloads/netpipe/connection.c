/*
 * A connection's life:
 *
 *   free --accepted--> open --its QUIT was answered--> free
 *                       '---wrong, silent, reset, ended by the client or for all--> free, one line
 *
 * Invariants: a slot in use has a pcb, whose callbacks carry the slot. Bytes received are
 * acknowledged to the stack (tcp_recved) exactly when np_input took them, so that a client that
 * sends out of turn is stopped by its window. What goes out without a copy lies in chunks, which
 * stay the connection's until all of it was acknowledged or the connection is aborted.
 */
#include "workloads/netpipe/connection.h"
#include "runtime/net/pcb.h"
#include "runtime/platform/platform.h"
#include <lwip/ip4_addr.h>
#include <stdarg.h>
#include <stdio.h>

/* A message up to so many bytes is copied, to lie in one piece with its headers. */
#define COPY_BYTES_MAX 1460u
#define LOOK_TURNS     2u /* of the stack's coarse timer */
#define LOOKS_PER_S    (1000u / (LOOK_TURNS * 2 * TCP_TMR_INTERVAL))

static struct np_connection slots[NP_CONNECTIONS_MAX];
static uint32_t slots_max, chunks_left;
static struct np_chunk *free_chunks;
static const struct np_settings *settings;
static struct np_counters counters;
static uint32_t window = 1, active;

/* ---- memory of messages ---- */

static struct np_chunk *take_chunk(void) {
    struct np_chunk *chunk = free_chunks;
    if (chunk) {
        free_chunks = chunk->next;
    } else if (chunks_left > 0 && (chunk = plat_dma_alloc(sizeof *chunk))) {
        chunks_left--;
    }
    return chunk;
}

static void give_chunk(struct np_chunk *chunk) {
    chunk->next = free_chunks;
    free_chunks = chunk;
}

static const struct np_memory memory = {.take = take_chunk, .give = give_chunk};

void np_connection_limits(const struct np_settings *s, uint32_t connections, uint32_t chunks) {
    settings = s;
    slots_max = connections;
    chunks_left = chunks;
}

/* ---- the end ---- */

/* Frees the slot. The pcb is to be ended, unless the stack has let go of it. */
static struct tcp_pcb *release(struct np_connection *c) {
    struct tcp_pcb *pcb = c->pcb;
    np_end(&c->run);
    if (c->held)
        pbuf_free(c->held);
    if (c->window == window)
        active--;
    c->held = NULL;
    c->pcb = NULL;
    counters.connections_open--;
    return pcb;
}

static void let_go(struct np_connection *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void let_go(struct np_connection *c, const char *format, ...) {
    char why[NP_WHY_BYTES], state[NP_WHY_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    np_describe(&c->run, state, sizeof state);
    plat_log("netpipe: a client was let go %s: %s", state, why);
}

/* ---- bytes ---- */

static void feed(struct np_connection *c) {
    while (c->held) {
        size_t left = c->held->len, used = np_input(&c->run, c->held->payload, left);
        net_pcb_used(c->pcb, &c->held, used);
        c->heard_bytes += used;
        if (used < left)
            return;
    }
}

/* As far as the stack takes it. */
static void send(struct np_connection *c) {
    const void *data;
    size_t bytes;
    bool stable;
    while ((bytes = np_output(&c->run, &data, &stable)) > 0) {
        size_t room = tcp_sndbuf(c->pcb);
        if (bytes > room)
            bytes = room - room % tcp_mss(c->pcb);
        bool copy = !stable || bytes <= COPY_BYTES_MAX;
        if (bytes == 0 ||
            tcp_write(c->pcb, data, (u16_t)bytes, copy ? TCP_WRITE_FLAG_COPY : 0) != ERR_OK)
            return; /* who acknowledges, or on_poll, goes on */
        np_sent(&c->run, bytes);
    }
}

static bool has_output(const struct np_connection *c) {
    const void *data;
    bool stable;
    return np_output(&c->run, &data, &stable) > 0;
}

/* Moves everything as far as it goes. */
static void advance(struct np_connection *c) {
    uint64_t answered = c->run.answered;
    feed(c);
    send(c);
    if (c->run.answered == answered)
        return;
    counters.messages += c->run.answered - answered;
    if (c->window != window) {
        c->window = window;
        active++;
    }
}

/* Ends it if that is due: not from on_sent (net.h). */
static err_t conclude(struct np_connection *c) {
    if (c->run.state == NP_WRONG) {
        let_go(c, "%s", c->run.why);
        return net_pcb_abort(release(c));
    }
    if (c->run.state == NP_OVER && !has_output(c))
        return net_pcb_close(release(c));
    if (!c->client_ended || c->run.state == NP_OVER)
        return ERR_OK;
    let_go(c, "it went away");
    return net_pcb_abort(release(c));
}

/* ---- the stack's callbacks ---- */

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err) {
    struct np_connection *c = arg;
    (void)pcb;
    (void)err;
    if (!p) {
        c->client_ended = true;
        return conclude(c);
    }
    if (!net_pcb_hold(&c->held, p))
        return ERR_MEM;
    advance(c);
    return conclude(c);
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t bytes) {
    struct np_connection *c = arg;
    (void)pcb;
    np_acknowledged(&c->run, bytes);
    c->heard_bytes += bytes;
    if (c->held || has_output(c))
        advance(c);
    return ERR_OK;
}

static void on_error(void *arg, err_t err) {
    struct np_connection *c = arg;
    let_go(c, err == ERR_RST ? "it reset the connection" : "it no longer answers");
    release(c);
}

/* Also goes on where the stack had no memory, or on_sent may not end it. */
static err_t on_poll(void *arg, struct tcp_pcb *pcb) {
    struct np_connection *c = arg;
    (void)pcb;
    advance(c);
    c->silent_looks = c->heard_bytes == c->seen_bytes ? c->silent_looks + 1 : 0;
    c->seen_bytes = c->heard_bytes;
    if (c->silent_looks < NP_SILENT_S * LOOKS_PER_S)
        return conclude(c);
    let_go(c, "nothing for %u s: has NPtcp the same -l, -p and -2 as this?", NP_SILENT_S);
    return net_pcb_abort(release(c));
}

bool np_connection_open(struct tcp_pcb *pcb) {
    struct np_connection *c = slots;
    while (c < slots + slots_max && c->pcb)
        c++;
    if (c == slots + slots_max)
        return false;
    counters.connections_open++;
    counters.connections_total++;
    *c = (struct np_connection){.pcb = pcb};
    np_begin(&c->run, settings, &memory);
    tcp_arg(pcb, c);
    tcp_recv(pcb, on_recv);
    tcp_sent(pcb, on_sent);
    tcp_err(pcb, on_error);
    tcp_poll(pcb, on_poll, LOOK_TURNS);
    return true;
}

void np_connection_end_all(const char *why) {
    for (struct np_connection *c = slots; c < slots + slots_max; c++) {
        if (!c->pcb)
            continue;
        let_go(c, "%s", why);
        net_pcb_abort(release(c));
    }
}

uint32_t np_active(void) {
    uint32_t ended = active;
    window++;
    active = 0;
    return ended;
}

void np_connection_counters(struct np_counters *out) {
    *out = counters;
}
