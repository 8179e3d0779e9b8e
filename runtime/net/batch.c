/*
 * Decisions of batch.h. Every age is a difference of unsigned clocks: a clock that steps back makes
 * a frame look old, which hands it over, never one that waits for ever.
 */
#include "runtime/net/batch.h"

static void raise_to(uint64_t *maximum, uint64_t value) {
    if (value > *maximum) {
        *maximum = value;
    }
}

void batch_init(struct batch *b, uint32_t rx_limit, uint32_t tx_limit) {
    *b = (struct batch){.rx_limit = rx_limit, .tx_limit = tx_limit};
}

void batch_another(struct batch *b, uint32_t rx_limit, uint32_t tx_limit) {
    b->rx_limit = rx_limit;
    b->tx_limit = tx_limit;
    b->rx_oldest = b->rx_newer = b->tx_held = 0;
}

void batch_set(struct batch *b, uint64_t delay_tsc, enum nom_kick kick) {
    b->delay_tsc = delay_tsc;
    b->kick = kick;
    b->rx_hold_max_tsc = 0;
    b->tx_hold_max_tsc = 0;
    b->poll_gap_max_tsc = 0;
}

/* Forgets the oldest n of the frames held. */
static void forget(struct batch *b, uint32_t n) {
    if (n < b->rx_oldest) {
        b->rx_oldest -= n;
        return;
    }
    n -= b->rx_oldest;
    b->rx_oldest = n < b->rx_newer ? b->rx_newer - n : 0;
    b->rx_oldest_tsc = b->rx_newer_tsc;
    b->rx_newer = 0;
}

/* Brings the two groups in line with what the NIC says is ready. */
static void see(struct batch *b, uint64_t now_tsc, uint32_t ready) {
    uint32_t held = b->rx_oldest + b->rx_newer;
    if (ready < held) {
        forget(b, held - ready);
    } else if (ready > held && held == 0) {
        b->rx_oldest = ready;
        b->rx_oldest_tsc = now_tsc;
    } else if (ready > held) {
        if (b->rx_newer == 0) {
            b->rx_newer_tsc = now_tsc;
        }
        b->rx_newer += ready - held;
    }
}

uint32_t batch_rx(struct batch *b, uint64_t now_tsc, uint32_t ready, bool nothing_to_wait_for) {
    if (b->last_poll_tsc != 0) {
        raise_to(&b->poll_gap_max_tsc, now_tsc - b->last_poll_tsc);
    }
    b->last_poll_tsc = now_tsc;
    see(b, now_tsc, ready);
    if (ready == 0) {
        return 0;
    }
    if (b->delay_tsc == 0) {
        return b->kick == NOM_KICK_STRICT ? 1 : ready;
    }
    bool due = now_tsc - b->rx_oldest_tsc >= b->delay_tsc;
    return due || ready >= b->rx_limit || nothing_to_wait_for ? ready : 0;
}

void batch_rx_done(struct batch *b, uint64_t now_tsc, uint32_t taken) {
    if (taken == 0) {
        return;
    }
    raise_to(&b->rx_hold_max_tsc, now_tsc - b->rx_oldest_tsc);
    forget(b, taken);
    b->rx_batches++;
    b->answering = b->answers_later;
}

bool batch_answered(struct batch *b) {
    bool answered = b->answering && b->tx_held > 0;
    b->answering = false;
    return answered;
}

void batch_tx_placed(struct batch *b, uint64_t now_tsc) {
    if (b->tx_held++ == 0) {
        b->tx_oldest_tsc = now_tsc;
    }
}

bool batch_tx(const struct batch *b, uint64_t now_tsc, bool rx_ended, bool ring_nearly_full) {
    if (b->tx_held == 0) {
        return false;
    }
    if (ring_nearly_full || b->tx_held >= b->tx_limit) {
        return true;
    }
    return !b->answering && (rx_ended || now_tsc - b->tx_oldest_tsc >= b->delay_tsc);
}

void batch_tx_done(struct batch *b, uint64_t now_tsc) {
    if (b->tx_held == 0) {
        return;
    }
    raise_to(&b->tx_hold_max_tsc, now_tsc - b->tx_oldest_tsc);
    b->tx_held = 0;
    b->tx_batches++;
}
