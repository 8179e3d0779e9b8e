#include "runtime/priced/priced.h"
#include "runtime/priced/units.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define US_PER_S 1e6

/* In [-1, 1); xorshift64*. */
static double jitter(struct priced *p) {
    p->random ^= p->random >> 12;
    p->random ^= p->random << 25;
    p->random ^= p->random >> 27;
    return (double)(int64_t)(p->random * 0x2545f4914f6cdd1du) * 0x1p-63;
}

static uint64_t later(struct priced *p, uint64_t now_us, uint64_t wait_us) {
    double part = 1 + p->settings.jitter * jitter(p);
    return now_us + (uint64_t)((double)wait_us * part);
}

void priced_init(struct priced *p, const struct priced_settings *settings, uint64_t now_us) {
    *p = (struct priced){.settings = *settings, .ask_us = now_us};
    p->random = settings->seed ? settings->seed : 1;
    if (settings->poll_us == 0)
        p->ask_us = UINT64_MAX;
}

bool priced_ask(struct priced *p, uint64_t now_us) {
    if (p->asked || now_us < p->ask_us)
        return false;
    p->asked = true;
    return true;
}

uint64_t priced_ask_us(const struct priced *p) {
    return p->asked ? UINT64_MAX : p->ask_us;
}

static struct priced_price *find(struct priced *p, uint32_t use_id) {
    for (uint32_t i = 0; i < p->count; i++)
        if (p->price[i].use_id == use_id)
            return &p->price[i];
    return NULL;
}

/* ---- judgement ---- */

/* NULL, or what is wrong with a price by itself. */
static const char *judge(const struct priced *p, uint32_t use_id, double usd) {
    if (!isfinite(usd))
        return "no finite number";
    if (usd < 0)
        return "negative";
    if (usd < p->settings.least_usd[use_id - 1])
        return "below the least that is believed";
    if (usd > p->settings.greatest_usd[use_id - 1])
        return "above the greatest that is believed";
    return NULL;
}

static bool near(const struct priced *p, double a, double b) {
    double factor = p->settings.max_factor;
    return factor == 0 || (a <= b * factor && b <= a * factor);
}

/* 0, or -1 and the trouble: the prices by themselves. */
static int judge_each(const struct priced *p, const struct priced_answer *a,
                      struct priced_trouble *t) {
    if (a->count == 0 || a->count > NOM_USES_MAX)
        return priced_trouble(t, PRICED_NONSENSE, "an answer without a price");
    if (!(a->ask_in_s >= 0 && a->ask_in_s <= PRICED_SECONDS_MAX))
        return priced_trouble(t, PRICED_BOUNDS, "the provider wants to be asked again in %g s",
                              a->ask_in_s);
    for (uint32_t i = 0; i < a->count; i++) {
        const struct priced_quote *q = &a->quote[i];
        const char *what = "price", *why;
        double usd = q->price_usd;
        if (q->use_id == 0 || q->use_id > NOM_USES_MAX)
            return priced_trouble(t, PRICED_NONSENSE, "a price of an unknown use, %u", q->use_id);
        why = judge(p, q->use_id, usd);
        if (!why && q->has_next) {
            what = "next price";
            usd = q->next_usd;
            why = judge(p, q->use_id, usd);
            if (!why && !(q->next_in_s >= 0 && q->next_in_s <= PRICED_SECONDS_MAX * 366))
                return priced_trouble(t, PRICED_BOUNDS, "%s: the next price is to come in %g s",
                                      priced_use_name(q->use_id), q->next_in_s);
        }
        if (why)
            return priced_trouble(t, PRICED_BOUNDS, "%s: the %s %g %s is %s",
                                  priced_use_name(q->use_id), what, usd,
                                  priced_use_price_unit(q->use_id), why);
    }
    return 0;
}

/* Whether a doubted answer and this one say about the same. */
static bool same_doubt(const struct priced *p, const struct priced_answer *a) {
    if (p->doubts == 0 || p->doubted.count != a->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (p->doubted.quote[i].use_id != a->quote[i].use_id ||
            !near(p, p->doubted.quote[i].price_usd, a->quote[i].price_usd))
            return false;
    return true;
}

/* 0, or -1 and the trouble: the change from what was known. */
static int judge_change(struct priced *p, const struct priced_answer *a, struct priced_trouble *t) {
    const struct priced_price *known = NULL;
    const struct priced_quote *q = NULL;
    for (uint32_t i = 0; i < a->count; i++) {
        q = &a->quote[i];
        known = find(p, q->use_id);
        if (known && !near(p, known->price_usd, q->price_usd))
            break;
        known = NULL;
    }
    if (!known) {
        p->doubts = 0;
        return 0;
    }
    p->doubts = same_doubt(p, a) ? p->doubts + 1 : 1;
    p->doubted = *a;
    if (p->settings.confirm != 0 && p->doubts >= p->settings.confirm) {
        p->doubts = 0;
        return 0;
    }
    return priced_trouble(t, PRICED_BOUNDS, "%s: from %g to %g %s at once is too great a change",
                          priced_use_name(q->use_id), known->price_usd, q->price_usd,
                          priced_use_price_unit(q->use_id));
}

/* ---- lines ---- */

static void say(struct priced_outcome *o, const char *text) {
    size_t have = strlen(o->line);
    snprintf(o->line + have, sizeof o->line - have, "%s%s", have ? "; " : "", text);
}

static void say_price(struct priced_outcome *o, const struct priced_price *price, bool first,
                      double before_usd) {
    char text[PRICED_TEXT_BYTES], was[32] = "";
    if (!first)
        snprintf(was, sizeof was, "%g -> ", before_usd);
    snprintf(text, sizeof text, "%s %s%g %s", priced_use_name(price->use_id), was, price->price_usd,
             priced_use_price_unit(price->use_id));
    say(o, text);
}

static void say_next(struct priced_outcome *o, const struct priced_price *price, uint64_t now_us) {
    char text[PRICED_TEXT_BYTES];
    snprintf(text, sizeof text, "%s %g %s announced, in %.3g s", priced_use_name(price->use_id),
             price->next_usd, priced_use_price_unit(price->use_id),
             (double)(price->next_us - now_us) / US_PER_S);
    say(o, text);
}

static void say_trouble(struct priced *p, struct priced_outcome *o, uint64_t now_us,
                        const struct priced_trouble *t) {
    char kept[80] = "no price is known yet", more[40] = "";
    if (p->log[t->failure].ever && now_us - p->log[t->failure].logged_us < p->settings.log_us) {
        p->log[t->failure].unlogged++;
        return;
    }
    if (p->log[t->failure].unlogged)
        snprintf(more, sizeof more, " (and %u like it before)", p->log[t->failure].unlogged);
    if (p->count)
        snprintf(kept, sizeof kept, "the last good price stays, %.3g s old",
                 (double)(now_us - p->price[0].fetched_us) / US_PER_S);
    snprintf(o->line, sizeof o->line, "%s%s; %s", t->text, more, kept);
    p->said_failing = true;
    p->log[t->failure].ever = true;
    p->log[t->failure].logged_us = now_us;
    p->log[t->failure].unlogged = 0;
}

/* ---- events ---- */

struct priced_outcome priced_failed(struct priced *p, uint64_t now_us,
                                    const struct priced_trouble *trouble) {
    struct priced_outcome o = {0};
    uint64_t wait_us = p->settings.retry_us;
    p->asked = false;
    if (p->failures++ == 0) {
        p->failing_since_us = now_us;
        p->said_failing = false;
    }
    for (uint32_t i = 1; i < p->failures && wait_us < p->settings.retry_most_us; i++)
        wait_us *= 2;
    if (wait_us > p->settings.retry_most_us)
        wait_us = p->settings.retry_most_us;
    if (p->settings.poll_us != 0)
        p->ask_us = later(p, now_us, wait_us);
    for (uint32_t i = 0; i < p->count; i++) {
        o.notify |= !p->price[i].stale;
        p->price[i].stale = true;
    }
    o.publish = o.notify;
    say_trouble(p, &o, now_us, trouble);
    return o;
}

/* The next price of q; an announcement without change keeps the time that it first had, for one
 * made as "within five minutes" would otherwise never come. */
static void take_next(struct priced_price *price, const struct priced_quote *q, uint64_t now_us,
                      struct priced_outcome *o) {
    bool known = price->has_next && q->has_next && price->next_usd == q->next_usd;
    bool had = price->has_next;
    uint64_t next_us = now_us + (uint64_t)(q->next_in_s * US_PER_S);
    if (known && price->next_us > now_us && price->next_us <= next_us)
        return;
    price->has_next = q->has_next && q->next_usd != q->price_usd;
    if (price->has_next) {
        price->next_usd = q->next_usd;
        price->next_us = next_us;
        say_next(o, price, now_us);
    }
    o->notify |= had || price->has_next;
}

static void take(struct priced *p, const struct priced_quote *q, uint64_t now_us,
                 struct priced_outcome *o) {
    struct priced_price *price = find(p, q->use_id);
    bool first = price == NULL;
    if (first) {
        price = &p->price[p->count++];
        *price = (struct priced_price){.use_id = q->use_id};
    }
    if (first || price->price_usd != q->price_usd) {
        double before_usd = price->price_usd;
        price->price_usd = q->price_usd;
        price->changed_us = now_us;
        say_price(o, price, first, before_usd);
        o->notify = true;
    }
    o->notify |= price->stale;
    price->stale = false;
    price->fetched_us = now_us;
    take_next(price, q, now_us, o);
}

struct priced_outcome priced_answered(struct priced *p, uint64_t now_us,
                                      const struct priced_answer *answer) {
    struct priced_outcome o = {0};
    struct priced_trouble t;
    if (judge_each(p, answer, &t) != 0 || judge_change(p, answer, &t) != 0)
        return priced_failed(p, now_us, &t);
    p->asked = false;
    if (p->said_failing) {
        char text[PRICED_TEXT_BYTES];
        snprintf(text, sizeof text, "the provider answers again, after %.3g s",
                 (double)(now_us - p->failing_since_us) / US_PER_S);
        say(&o, text);
        p->said_failing = false;
    }
    p->failures = 0;
    for (uint32_t i = 0; i < answer->count; i++)
        take(p, &answer->quote[i], now_us, &o);
    o.publish = true;
    if (p->settings.poll_us == 0)
        return o;
    double ask_in_s = fmax(answer->ask_in_s, PRICED_ASK_LEAST_S);
    p->ask_us = later(p, now_us,
                      answer->ask_in_s > 0 ? (uint64_t)(ask_in_s * US_PER_S) : p->settings.poll_us);
    /* An announced price is looked at when it should be there. */
    for (uint32_t i = 0; i < p->count; i++)
        if (p->price[i].has_next && p->price[i].next_us > now_us && p->price[i].next_us < p->ask_us)
            p->ask_us = p->price[i].next_us;
    return o;
}
