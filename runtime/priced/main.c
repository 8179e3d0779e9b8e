/*
 * priced: asks a provider for prices and publishes them on the price page (abi/prices.h), which it
 * owns. What is believed and when to ask is priced.h's; here its adapters get their turns:
 *
 *   static, trace  -> an answer at its time       \
 *   rest           -> priced_ask, fetch, document  > priced_answered / priced_failed -> page
 *
 * Between them it sleeps. Memory is taken once, at start.
 */
#include "runtime/lib/prices.h"
#include "runtime/platform/platform.h"
#include "runtime/priced/floor.h"
#include "runtime/priced/options.h"
#include <stdio.h>
#include <string.h>

#define APP           "priced"
#define STATUS_USAGE  2
#define STATUS_FAILED 1
#define US_PER_S      1e6
#define WAIT_MOST_US  1000000u
#define ARENA_LEAST   65536u

static struct priced_options options;
static struct priced priced;
static struct priced_trace trace;
static struct priced_replay replay;
static struct nom_prices *page; /* ours, for writing */
static char source[PRICED_SOURCE_BYTES];
static char *body;
static struct { uint64_t us, tsc; } base; /* one moment on both clocks */

static uint64_t tsc_of(uint64_t us) {
    return base.tsc + plat_us_to_tsc((double)(us - base.us));
}

/* ---- what comes out ---- */

static void publish(void) {
    struct nom_price prices[NOM_USES_MAX];
    for (uint32_t i = 0; i < priced.count; i++) {
        const struct priced_price *p = &priced.price[i];
        prices[i] = (struct nom_price){
            .use_id = p->use_id,
            .flags = NOM_PRICE_KNOWN | (p->stale ? NOM_PRICE_STALE : 0) |
                     (p->has_next ? NOM_PRICE_NEXT : 0),
            .price_usd = p->price_usd,
            .next_usd = p->next_usd,
            .fetched_tsc = tsc_of(p->fetched_us),
            .changed_tsc = tsc_of(p->changed_us),
            .next_tsc = p->has_next ? tsc_of(p->next_us) : 0,
        };
    }
    prices_publish(page, prices, priced.count, source, plat_now_tsc());
}

static void act(const struct priced_outcome *o) {
    if (o->publish && priced.count > 0) {
        publish();
        if (o->notify)
            plat_prices_notify();
    }
    if (o->line[0] != '\0')
        plat_log(APP ": %s", o->line);
}

/* What a reader of the page sees now. */
static void report(void) {
    struct prices_view view;
    uint64_t now_tsc = plat_now_tsc();
    if (prices_read(plat_prices(), &view) != 0) {
        plat_log(APP ": board: no price yet");
        return;
    }
    for (uint32_t i = 0; i < view.count; i++) {
        const struct nom_price *p = &view.price[i];
        char next[80] = "";
        if (p->flags & NOM_PRICE_NEXT)
            snprintf(next, sizeof next, ", %g announced", p->next_usd);
        plat_log(APP ": board: %s %g %s%s, %.2f s old%s, from %s", priced_use_name(p->use_id),
                 p->price_usd, priced_use_price_unit(p->use_id),
                 p->flags & NOM_PRICE_STALE ? ", stale" : "", prices_age_s(p, now_tsc, plat_tsc_hz),
                 next, view.source);
    }
}

/* ---- adapters: each opens with 0, or -1 and why ---- */

static int open_arena(size_t document_bytes, char *why, size_t why_bytes) {
    size_t bytes = document_bytes * PRICED_JSON_ROOM + ARENA_LEAST;
    void *arena = plat_dma_alloc(bytes);
    if (!arena) {
        snprintf(why, why_bytes, "no memory to read a document of %zu bytes", document_bytes);
        return -1;
    }
    priced_json_start(arena, bytes, plat_entropy());
    return 0;
}

static int read_trace(const char *text, size_t bytes, struct priced_trouble *t, char *why,
                      size_t why_bytes) {
    const json_t *document = NULL;
    size_t room;
    if (options.ec2) {
        if (open_arena(bytes, why, why_bytes) != 0)
            return -1;
        if (!(document = priced_json_read(text, bytes, t)))
            return -1;
        room = priced_ec2_room(document);
    } else {
        room = priced_csv_room(text, bytes);
    }
    room = room < 1 ? 1 : room;
    if (room > PRICED_TRACE_MAX || !(trace.event = plat_dma_alloc(room * sizeof *trace.event)))
        return priced_trouble(t, PRICED_TOO_LARGE, "no memory for %zu prices", room);
    trace.room = room;
    const struct priced_mapping *m = &options.provider.mapping[0];
    return options.ec2 ? priced_ec2_read(&trace, document, &options.filter, m->unit, m->scale, t)
                       : priced_csv_read(&trace, text, bytes, options.scale, t);
}

static int open_trace(char *why, size_t why_bytes) {
    const void *text;
    size_t bytes;
    struct priced_trouble t = {0};
    if (floor_file(options.trace, &text, &bytes) != 0) {
        snprintf(why, why_bytes, "--trace %.80s: no such file", options.trace);
        return -1;
    }
    if (read_trace(text, bytes, &t, why, why_bytes) != 0) {
        if (t.text[0] != '\0')
            snprintf(why, why_bytes, "--trace %.80s: %s", options.trace, t.text);
        return -1;
    }
    priced_replay_init(&replay, &trace, options.speed, options.loop, options.announce,
                       plat_now_us());
    snprintf(source, sizeof source, "trace %s", options.trace);
    return 0;
}

static int open_rest(char *why, size_t why_bytes) {
    size_t body_max = (size_t)options.body_limit;
    body = plat_dma_alloc(body_max);
    if (!body) {
        snprintf(why, why_bytes, "no memory for a body of %zu bytes", body_max);
        return -1;
    }
    const struct fetch_settings settings = {.url = options.url,
                                            .connect_us = (uint64_t)(options.connect_s * US_PER_S),
                                            .total_us = (uint64_t)(options.total_s * US_PER_S),
                                            .body = body,
                                            .body_max = body_max};
    snprintf(source, sizeof source, "rest %s", options.url);
    if (open_arena(body_max, why, why_bytes) != 0)
        return -1;
    return fetch_open(&settings, why, (uint32_t)why_bytes);
}

static int open_adapter(char *why, size_t why_bytes) {
    if (options.adapter == ADAPTER_TRACE)
        return open_trace(why, why_bytes);
    if (options.adapter == ADAPTER_REST)
        return open_rest(why, why_bytes);
    snprintf(source, sizeof source, "static");
    return 0;
}

/* ---- turns: each returns when it wants the next ---- */

static uint64_t turn_static(uint64_t now_us) {
    if (priced.count == 0) {
        struct priced_outcome o = priced_answered(&priced, now_us, &options.fixed);
        act(&o);
    }
    return UINT64_MAX;
}

static uint64_t turn_trace(uint64_t now_us) {
    struct priced_answer answer;
    if (priced_replay_take(&replay, now_us, &answer) && answer.count > 0) {
        struct priced_outcome o = priced_answered(&priced, now_us, &answer);
        act(&o);
    }
    return priced_replay_next_us(&replay);
}

static uint64_t turn_rest(uint64_t now_us) {
    struct priced_answer answer;
    struct priced_trouble t;
    struct priced_outcome o;
    size_t bytes;
    if (priced_ask(&priced, now_us))
        fetch_begin();
    switch (fetch_poll(&bytes, &t)) {
    case FETCH_PENDING:
        return priced_ask_us(&priced);
    case FETCH_DONE:
        o = priced_provider_read(&options.provider, body, bytes, &answer, &t) == 0
                ? priced_answered(&priced, now_us, &answer)
                : priced_failed(&priced, now_us, &t);
        break;
    default:
        o = priced_failed(&priced, now_us, &t);
    }
    act(&o);
    return priced_ask_us(&priced);
}

static void serve(void) {
    static uint64_t (*const turns[])(uint64_t now_us) = {
        [ADAPTER_STATIC] = turn_static, [ADAPTER_TRACE] = turn_trace, [ADAPTER_REST] = turn_rest};
    uint64_t report_us = (uint64_t)(options.report_s * US_PER_S);
    uint64_t next_report_us = report_us ? plat_now_us() + report_us : UINT64_MAX;
    while (!plat_asked_to_end()) {
        uint64_t now_us = plat_now_us();
        uint64_t next_us = turns[options.adapter](now_us);
        if (now_us >= next_report_us) {
            report();
            next_report_us = now_us + report_us;
        }
        next_us = next_us < next_report_us ? next_us : next_report_us;
        now_us = plat_now_us();
        uint64_t wait_us = next_us > now_us ? next_us - now_us : 0;
        floor_wait(wait_us < WAIT_MOST_US ? (uint32_t)wait_us : WAIT_MOST_US);
    }
}

int plat_main(int argc, char **argv) {
    char why[300];
    if (priced_options_parse(&options, argc, argv, why, sizeof why) != 0) {
        plat_log(APP ": %s", why);
        return STATUS_USAGE;
    }
    if (floor_open(options.has_net ? &options.net : NULL, why, sizeof why) != 0 ||
        open_adapter(why, sizeof why) != 0) {
        plat_log(APP ": %s", why);
        return STATUS_FAILED;
    }
    page = plat_prices_own();
    if (!page) {
        plat_log(APP ": another app publishes prices here, or there is no page for them");
        return STATUS_FAILED;
    }
    base.us = plat_now_us();
    base.tsc = plat_now_tsc();
    if (options.settings.seed == 0)
        options.settings.seed = plat_entropy();
    priced_init(&priced, &options.settings, base.us);
    plat_log(APP ": ready, prices from %s", source);
    serve();
    return 0;
}
