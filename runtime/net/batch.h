/*
 * The batching delay W (spec N3, paper section 3.6). Pure: a clock and packets in, decisions out;
 * no device, no stack, no memory of its own beyond the struct.
 *
 * W > 0, receive: frames that are ready stay in the NIC's ring until the oldest has waited W, or
 * the ring nears its end, or nothing more can come; then all go to the stack together.
 * W > 0, transmit: frames placed in the ring are kicked when the oldest has waited W or the ring
 * is nearly full; or at the end of a receive batch, since those frames' requests have already
 * waited W (holding both sides would cost 2 W of latency for the same throughput).
 * An app may answer after the poll that handed its requests over has returned (answers_later): then
 * what is placed between that hand-over and the next poll is sent at the beginning of that one, in
 * place of at the hand-over's end.
 * W = 0 natural: what is ready goes to the stack in one go, and one kick sends all it produced.
 * W = 0 strict: one frame to the stack, one kick for what it produced, then the next.
 *
 * Invariant: as long as the owner polls every d, no frame is held longer than W + d, counted from
 * the poll that first saw it. (Strict holds none, but a frame may queue behind others.)
 *
 * Waiting frames are remembered as two groups: the oldest, all first seen at one moment, and the
 * newer ones by the moment the first of them was seen. Where only part is handed over the next
 * oldest is therefore judged as old as it is or older, never younger.
 */
#ifndef NET_BATCH_H
#define NET_BATCH_H

#include "runtime/abi/knobs.h"
#include <stdbool.h>
#include <stdint.h>

struct batch {
    uint64_t delay_tsc;
    enum nom_kick kick;
    uint32_t rx_limit; /* frames ready at which a receive batch is handed over at once */
    uint32_t tx_limit; /* frames placed at which a transmit batch is sent at once */

    uint32_t rx_oldest, rx_newer; /* frames known to be ready and held, by group */
    uint64_t rx_oldest_tsc;       /* when each group was first seen */
    uint64_t rx_newer_tsc;
    uint32_t tx_held; /* frames placed and not kicked */
    uint64_t tx_oldest_tsc;
    uint64_t last_poll_tsc; /* 0: none yet */
    bool answers_later;
    bool answering; /* from a hand-over until the next poll, if answers come later */

    /* Since batch_set: longest holds and longest gap between polls. */
    uint64_t rx_hold_max_tsc, tx_hold_max_tsc, poll_gap_max_tsc;
    /* Since batch_init. */
    uint64_t rx_batches, tx_batches;
};

void batch_init(struct batch *b, uint32_t rx_limit, uint32_t tx_limit);
/* The NIC is another one: nothing is held. */
void batch_another(struct batch *b, uint32_t rx_limit, uint32_t tx_limit);
/* Changes W; frames already held are judged by the new W at the next poll. */
void batch_set(struct batch *b, uint64_t delay_tsc, enum nom_kick kick);

/* How many frames to hand to the stack now, given how many are ready: 0 (hold), 1 (strict) or
 * ready. nothing_to_wait_for: no open connection could send more. Call once a poll. */
uint32_t batch_rx(struct batch *b, uint64_t now_tsc, uint32_t ready, bool nothing_to_wait_for);
/* The oldest `taken` of the ready frames leave the ring for the stack; the rest stays held. */
void batch_rx_done(struct batch *b, uint64_t now_tsc, uint32_t taken);

/* One frame was placed in the transmit ring. */
void batch_tx_placed(struct batch *b, uint64_t now_tsc);
/* At the beginning of a poll, with answers_later: the NIC is to be kicked, for what is placed are
 * answers to the last receive batch. */
bool batch_answered(struct batch *b);
/* Should the NIC be kicked now? rx_ended: a receive hand-over (one frame's, if strict) has just
 * ended. ring_nearly_full as the NIC sees it. Within a hand-over ask only when it is. */
bool batch_tx(const struct batch *b, uint64_t now_tsc, bool rx_ended, bool ring_nearly_full);
/* It was kicked. */
void batch_tx_done(struct batch *b, uint64_t now_tsc);

#endif
