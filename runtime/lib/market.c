/*
 * market.h. A price that has an effect is timed from its publication; one that was announced, from
 * the moment it came into force.
 */
#include "runtime/lib/market.h"
#include <string.h>

void market_init(struct market *m, const struct nom_prices *page) {
    memset(m, 0, sizeof *m);
    m->page = page;
    m->next_tsc = UINT64_MAX;
}

static bool take_over(struct market *m, struct adapt *a, uint64_t since_tsc, uint64_t now_tsc) {
    double price_usd[NOM_USES_MAX];
    memcpy(price_usd, a->price_usd, sizeof price_usd);
    prices_at(&m->view, now_tsc, price_usd);
    m->next_tsc = prices_next_tsc(&m->view, now_tsc);
    if (!adapt_set_price(a, price_usd))
        return false;
    m->since_tsc = since_tsc;
    return true;
}

bool market_look(struct market *m, struct adapt *a, uint64_t now_tsc) {
    if (prices_generation(m->page) != m->view.generation && prices_read(m->page, &m->view) == 0)
        return take_over(m, a, m->view.published_tsc, now_tsc);
    if (now_tsc >= m->next_tsc)
        return take_over(m, a, m->next_tsc, now_tsc);
    return false;
}

static uint64_t passed(const struct market *m, uint64_t now_tsc) {
    return now_tsc > m->since_tsc ? now_tsc - m->since_tsc : 0;
}

void market_applied(struct market *m, uint64_t now_tsc) {
    m->decided_tsc = passed(m, now_tsc);
}

void market_sent(struct market *m, uint64_t sent_tsc) {
    if (m->since_tsc == 0)
        return;
    m->latency_last_tsc = passed(m, sent_tsc);
    m->decided_last_tsc = m->decided_tsc;
    if (m->latency_last_tsc > m->latency_max_tsc)
        m->latency_max_tsc = m->latency_last_tsc;
    m->latencies++;
    m->since_tsc = 0;
}

void market_statistics(const struct market *m, uint64_t (*tsc_to_ns)(uint64_t tsc),
                       struct nom_statistics *out) {
    out->prices_generation = m->view.generation;
    out->price_latency_last_ns = tsc_to_ns(m->latency_last_tsc);
    out->price_latency_max_ns = tsc_to_ns(m->latency_max_tsc);
    out->price_latencies = m->latencies;
    out->price_decided_last_ns = tsc_to_ns(m->decided_last_tsc);
}
