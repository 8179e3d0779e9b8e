/*
 * The app in the market: it looks at the price page, each turn of its loop, and tells the chooser
 * (adapt.h) what is new; and it measures how long a price took to have an effect. A turn without
 * news is one load and one comparison.
 *
 * Prices that come another way (a control message) are in force until the page's next change.
 */
#ifndef LIB_MARKET_H
#define LIB_MARKET_H

#include "runtime/lib/adapt.h"
#include "runtime/lib/prices.h"
#include <stdbool.h>
#include <stdint.h>

struct market {
    const struct nom_prices *page;
    struct prices_view view; /* the last that was taken over */
    uint64_t next_tsc;       /* when an announced price comes into force */
    uint64_t since_tsc;      /* of the price whose effect is awaited; 0: none is */
    uint64_t decided_tsc;    /* after since_tsc */
    uint64_t latency_last_tsc, latency_max_tsc, decided_last_tsc;
    uint64_t latencies;
};

/* page: plat_prices. What stands on it is taken over by the first market_look. */
void market_init(struct market *m, const struct nom_prices *page);
/* True if the decision (a->now) changed: apply it, then call market_applied, and market_sent for
 * what is sent. */
bool market_look(struct market *m, struct adapt *a, uint64_t now_tsc);
void market_applied(struct market *m, uint64_t now_tsc);
/* True while the first packet under a new decision is awaited. */
static inline bool market_awaits(const struct market *m) {
    return m->since_tsc != 0;
}
/* That packet was sent. */
void market_sent(struct market *m, uint64_t sent_tsc);
/* Fills prices_generation and the latencies, given nanoseconds of a number of ticks. */
void market_statistics(const struct market *m, uint64_t (*tsc_to_ns)(uint64_t tsc),
                       struct nom_statistics *out);

#endif
