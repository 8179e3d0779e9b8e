/*
 * A connection's life:
 *
 *   free --accepted--> open --reply that closes was handed to the stack--> free
 *                       |---the client ended its side and nothing is left to send--> free
 *                       |---idle too long (serve.h), reset, or the stack gave it up--> free
 *                       '---closed for an error--> lingering --client's end, SERVE_LINGER_S--> free
 *
 * Lingering: our side is ended, what still comes is read and dropped; closing at once would answer
 * it with a reset, which can destroy the error reply before the client has read it.
 *
 * One that is open may wait in one of three lines: for a work area; for the stack's memory when
 * nothing of it is on its way whose arrival would call us; for its end, found due where it must not
 * be ended (net.h). Each tick those in front try again.
 *
 * Invariants: a slot in use has a pcb, whose callbacks carry the slot; a free one is in no pcb.
 * Bytes received are acknowledged to the stack (tcp_recved) exactly when http_input used them, so
 * a client that sends faster than it reads is stopped by its window.
 */
#include "workloads/nhttpd/connection.h"
#include "runtime/net/park.h"
#include "runtime/net/pcb.h"
#include "runtime/platform/platform.h"

#define SWEEP_US    1000000u /* in which each slot is looked at once */
#define TURNS_MAX   64u      /* of those in a line, each tick */
/* Both pools grow by so many at once: some 32 and 104 KiB. */
#define PIECE_SLOTS 240u
#define PIECE_WORKS 8u
#define PIECES_MAX  ((SERVE_CONNECTIONS_MAX + PIECE_SLOTS - 1) / PIECE_SLOTS)

static struct connection *pieces[PIECES_MAX], *first_free;
static uint32_t slot_count, slots_max, sweep_at; /* slots that there are, and may be */
static uint32_t work_count, works_max;
static uint64_t swept_us, sweep_credit; /* slots times microseconds */
static struct line for_work, for_stack, for_end;
static struct http_site *served;
static struct serve_counters counters;
static uint32_t window = 1;
static uint32_t active;

static void join(struct connection *c, struct line *line) {
    if (c->line)
        return;
    c->line = line;
    c->next = NULL;
    c->before = line->last;
    *(line->last ? &line->last->next : &line->first) = c;
    line->last = c;
}

static void leave(struct connection *c) {
    if (!c->line)
        return;
    *(c->before ? &c->before->next : &c->line->first) = c->next;
    *(c->next ? &c->next->before : &c->line->last) = c->before;
    c->line = NULL;
}

static void touch(struct connection *c) {
    c->idle_s = 0;
    if (c->window != window) {
        c->window = window;
        active++;
    }
}

/* Frees the slot. The pcb is to be ended, unless the stack has let go of it. */
static struct tcp_pcb *release(struct connection *c) {
    struct tcp_pcb *pcb = c->pcb;
    http_end(&c->http);
    leave(c);
    if (c->held)
        pbuf_free(c->held);
    if (c->window == window)
        active--;
    c->pcb = NULL;
    c->held = NULL;
    c->next = first_free;
    first_free = c;
    counters.connections_open--;
    return pcb;
}

static err_t end(struct connection *c) {
    return net_pcb_close(release(c));
}

static bool is_full(const struct connection *c) {
    return c->http.work && c->http.work->reply_count == HTTP_PIPELINE_MAX;
}

/* ---- the pools ---- */

static void more_slots(void) {
    uint32_t n = LWIP_MIN(PIECE_SLOTS, slots_max - slot_count);
    struct connection *piece = n > 0 ? plat_dma_alloc(PIECE_SLOTS * sizeof *piece) : NULL;
    if (!piece)
        return;
    pieces[slot_count / PIECE_SLOTS] = piece;
    slot_count += n;
    while (n-- > 0) {
        piece[n].next = first_free;
        first_free = &piece[n];
    }
}

static void more_works(void) {
    uint32_t n = LWIP_MIN(PIECE_WORKS, works_max - work_count);
    struct http_work *piece = n > 0 ? plat_dma_alloc(n * sizeof *piece) : NULL;
    if (!piece)
        return;
    http_work_add(served, piece, n);
    work_count += n;
}

int connection_pool_open(uint32_t connections, struct http_site *site) {
    size_t room = plat_memory_share() / SERVE_MEMORY_PARTS / sizeof(struct http_work);
    served = site;
    slots_max = connections;
    works_max = LWIP_MIN(connections, SERVE_WORKS_MAX);
    works_max = (uint32_t)LWIP_MIN(works_max, LWIP_MAX(room, PIECE_WORKS));
    more_slots();
    more_works();
    return slot_count > 0 && work_count > 0 ? 0 : -1;
}

static bool work_is_free(void) {
    if (!http_work_free(served))
        more_works();
    return http_work_free(served);
}

/* ---- a connection's life ---- */

/* Moves everything as far as it goes. True: the connection is to be ended. */
static bool advance(struct connection *c) {
    uint64_t answered = served->requests + served->refused + served->errors;
    bool held_work = c->http.work != NULL, all;
    if (!held_work)
        work_is_free(); /* or connection_feed takes nothing */
    for (;;) {
        all = connection_feed(c);
        bool full = !all && is_full(c);
        if (!connection_send(c))
            join(c, &for_stack);
        if (!full || is_full(c))
            break;
    }
    if (served->requests + served->refused + served->errors != answered)
        touch(c);
    else if (c->http.work && !held_work)
        c->idle_s = 0; /* SERVE_HOLD_S begins */
    if (http_pending(&c->http))
        return false;
    if (!all) {
        join(c, &for_work);
        return false;
    }
    if (c->client_ended || (http_finished(&c->http) && !c->http.broken))
        return true;
    if (http_finished(&c->http) && tcp_shutdown(c->pcb, 0, 1) == ERR_OK)
        c->lingering = true;
    return false;
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err) {
    struct connection *c = arg;
    (void)err;
    if (!p) {
        c->client_ended = true;
        return c->lingering || advance(c) ? end(c) : ERR_OK;
    }
    if (c->lingering) {
        tcp_recved(pcb, p->tot_len);
        pbuf_free(p);
        return ERR_OK;
    }
    if (!net_pcb_hold(&c->held, p))
        return ERR_MEM;
    return !c->line && advance(c) ? end(c) : ERR_OK;
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t bytes) {
    (void)pcb;
    (void)bytes;
    struct connection *c = arg;
    if (c->lingering)
        return ERR_OK;
    c->idle_s = 0;
    if (http_pending(&c->http)) {
        touch(c);
        if (advance(c))
            join(c, &for_end); /* not here: net.h */
    }
    return ERR_OK;
}

static void on_error(void *arg, err_t err) {
    (void)err;
    release(arg);
}

bool connection_open(struct tcp_pcb *pcb) {
    if (!first_free)
        more_slots();
    struct connection *c = first_free;
    if (!c) {
        counters.connections_beyond++;
        return false;
    }
    first_free = c->next;
    counters.connections_open++;
    counters.connections_total++;
    c->pcb = pcb;
    c->line = NULL;
    c->held = NULL;
    c->idle_s = 0;
    c->client_ended = c->lingering = false;
    c->window = 0;
    http_init(&c->http, served);
    tcp_arg(pcb, c);
    tcp_recv(pcb, on_recv);
    tcp_sent(pcb, on_sent);
    tcp_err(pcb, on_error);
    return true;
}

/* Outside the stack's callbacks; the slot may be free afterwards. */
static void again(struct connection *c) {
    struct tcp_pcb *pcb = c->pcb;
    net_unpark(pcb);
    if (advance(c))
        end(c);
    else
        tcp_output(pcb);
}

static void take_turns(struct line *line) {
    for (uint32_t n = 0; n < TURNS_MAX && line->first; n++) {
        struct connection *c = line->first;
        if (line == &for_work && !c->http.work && !work_is_free())
            return;
        leave(c);
        again(c);
    }
}

/* A second of a connection's life has passed. */
static void age(struct connection *c) {
    uint32_t limit = c->lingering ? SERVE_LINGER_S : c->http.work ? SERVE_HOLD_S : SERVE_IDLE_S;
    if (++c->idle_s < limit)
        return;
    if (http_pending(&c->http) || c->held)
        net_pcb_abort(release(c));
    else
        end(c);
}

void serve_tick(void) {
    uint64_t now_us = plat_now_us(), passed_us = now_us - swept_us;
    swept_us = now_us;
    take_turns(&for_end);
    take_turns(&for_stack);
    take_turns(&for_work);
    sweep_credit += LWIP_MIN(passed_us, SWEEP_US) * slot_count;
    for (; sweep_credit >= SWEEP_US; sweep_credit -= SWEEP_US) {
        struct connection *c = &pieces[sweep_at / PIECE_SLOTS][sweep_at % PIECE_SLOTS];
        if (c->pcb)
            age(c);
        sweep_at = sweep_at + 1 == slot_count ? 0 : sweep_at + 1;
    }
}

bool serve_waits(void) {
    return for_end.first || for_stack.first || for_work.first;
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
