#include "runtime/priced/trace.h"
#include <math.h>

#define US_PER_S 1e6

void priced_replay_init(struct priced_replay *r, const struct priced_trace *trace, double speed,
                        bool loop, bool announce, uint64_t now_us) {
    *r = (struct priced_replay){.trace = trace,
                                .speed = speed,
                                .loop = loop && trace->count > 1,
                                .announce = announce,
                                .start_us = now_us};
}

static double period_s(const struct priced_trace *trace) {
    const struct priced_event *last = &trace->event[trace->count - 1];
    return 2 * last->at_s - last[-1].at_s;
}

/* When event `at` of a round comes; UINT64_MAX where it never does. */
static uint64_t event_us(const struct priced_replay *r, uint64_t round, size_t at) {
    double s = r->trace->event[at].at_s;
    if (round > 0)
        s += (double)round * period_s(r->trace);
    double us = s / r->speed * US_PER_S;
    return us < 1e18 ? r->start_us + (uint64_t)us : UINT64_MAX;
}

/* The event after the one in force; false: there is none. */
static bool next(const struct priced_replay *r, uint64_t *round, size_t *at) {
    *round = r->rounds;
    *at = r->begun ? r->at + 1 : 0;
    if (*at < r->trace->count)
        return true;
    *at = 0;
    ++*round;
    return r->loop;
}

uint64_t priced_replay_next_us(const struct priced_replay *r) {
    uint64_t round;
    size_t at;
    return next(r, &round, &at) ? event_us(r, round, at) : UINT64_MAX;
}

static void tell(const struct priced_replay *r, uint64_t now_us, struct priced_answer *out) {
    const struct priced_event *e = &r->trace->event[r->at], *coming = NULL;
    uint64_t round, next_us = 0;
    size_t at;
    if (r->announce && next(r, &round, &at)) {
        coming = &r->trace->event[at];
        next_us = event_us(r, round, at);
    }
    *out = (struct priced_answer){0};
    for (uint32_t i = 0; i < NOM_USES_MAX; i++) {
        if (isnan(e->usd[i]))
            continue;
        struct priced_quote *q = &out->quote[out->count++];
        *q = (struct priced_quote){.use_id = i + 1, .price_usd = e->usd[i]};
        if (coming && next_us > now_us && !isnan(coming->usd[i])) {
            q->has_next = true;
            q->next_usd = coming->usd[i];
            q->next_in_s = (double)(next_us - now_us) / US_PER_S;
        }
    }
}

bool priced_replay_take(struct priced_replay *r, uint64_t now_us, struct priced_answer *out) {
    uint64_t round;
    size_t at;
    bool took = false;
    /* Whole rounds that have passed are skipped at once. */
    if (r->loop) {
        double passed = (double)(now_us - r->start_us) / US_PER_S * r->speed / period_s(r->trace);
        if (passed < 1e15 && (uint64_t)passed > r->rounds + 1) {
            r->rounds = (uint64_t)passed - 1;
            r->at = r->trace->count - 1;
            r->begun = true;
        }
    }
    while (next(r, &round, &at) && event_us(r, round, at) <= now_us) {
        r->rounds = round;
        r->at = at;
        r->begun = true;
        took = true;
    }
    if (took)
        tell(r, now_us, out);
    return took;
}
