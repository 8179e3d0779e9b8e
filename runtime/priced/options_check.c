/* What must be given with what; defaults that depend on other options. */
#include "runtime/priced/options.h"
#include <stdio.h>
#include <string.h>

#define US_PER_S 1e6

static int bad(char *why, size_t why_bytes, const char *text) {
    snprintf(why, why_bytes, "%s", text);
    return -1;
}

static int check_trace(struct priced_options *o, char *why, size_t why_bytes) {
    struct priced_mapping *m = &o->provider.mapping[0];
    if (!o->trace)
        return bad(why, why_bytes, "--adapter trace needs --trace FILE");
    if (!o->ec2) {
        if (o->provider.mappings)
            return bad(why, why_bytes, "a CSV trace names uses and units itself: no --use");
        return 0;
    }
    if (o->provider.mappings > 1)
        return bad(why, why_bytes, "an EC2 price history has one price: one --use");
    if (o->provider.mappings == 0) /* as EC2 sells it */
        *m = (struct priced_mapping){.unit = priced_unit(NOM_USE_CPU_S_PER_S, "usd_per_hour"),
                                     .scale = o->scale};
    return 0;
}

static int check_rest(struct priced_options *o, char *why, size_t why_bytes) {
    struct priced_provider *p = &o->provider;
    if (!o->url)
        return bad(why, why_bytes, "--adapter rest needs --url");
    if (o->connect_s > o->total_s)
        return bad(why, why_bytes, "--connect-timeout is longer than --total-timeout");
    if (p->cloudsigma) {
        if (p->has_ask_in)
            return bad(why, why_bytes, "CloudSigma does not say when to ask: no --ask-in-path");
        if (p->mappings > 1 ||
            (p->mappings == 1 && p->mapping[0].unit->use_id != NOM_USE_GBIT_OUT_PER_S))
            return bad(why, why_bytes, "--provider cloudsigma gives one price, gbit_out_per_s");
        p->mapping[0].unit = priced_unit_of_board(NOM_USE_GBIT_OUT_PER_S);
        if (p->mapping[0].next_in_s < 0)
            p->mapping[0].next_in_s = PRICED_CLOUDSIGMA_NEXT_S;
        p->mappings = 1;
        return 0;
    }
    if (p->mappings == 0)
        return bad(why, why_bytes, "--adapter rest needs --use, then --json-path");
    for (uint32_t i = 0; i < p->mappings; i++) {
        const struct priced_mapping *m = &p->mapping[i];
        if (m->price.steps == 0)
            return bad(why, why_bytes, "each --use needs a --json-path behind it");
        if (m->has_next && !m->has_next_in && m->next_in_s < 0)
            return bad(why, why_bytes, "--next-path needs --next-in or --next-in-path: when");
    }
    return 0;
}

static int check_bounds(const struct priced_options *o, char *why, size_t why_bytes) {
    for (uint32_t i = 0; i < NOM_USES_MAX; i++)
        if (o->settings.least_usd[i] > o->settings.greatest_usd[i])
            return bad(why, why_bytes, "--least is above --greatest");
    if (o->settings.max_factor != 0 && o->settings.max_factor < 1)
        return bad(why, why_bytes, "--max-factor is 0 (any change) or 1 and more");
    if (o->retry_s > o->retry_most_s)
        return bad(why, why_bytes, "--retry is longer than --retry-most");
    return 0;
}

int priced_options_check(struct priced_options *o, char *why, size_t why_bytes) {
    struct priced_settings *s = &o->settings;
    int error = check_bounds(o, why, why_bytes);
    if (error != 0)
        return error;
    if (strcmp(o->provider.currency, "USD") != 0 && o->scale == 1)
        return bad(why, why_bytes,
                   "the board's prices are in USD: --currency needs --scale, the USD it is worth");
    switch (o->adapter) {
    case ADAPTER_NONE:
        return bad(why, why_bytes, "--adapter static, trace or rest is needed");
    case ADAPTER_STATIC:
        if (o->fixed.count == 0)
            return bad(why, why_bytes, "--adapter static needs --price USE=NUMBER[,...]");
        break;
    case ADAPTER_TRACE:
        error = check_trace(o, why, why_bytes);
        break;
    case ADAPTER_REST:
        error = check_rest(o, why, why_bytes);
        break;
    }
    for (uint32_t i = 0; i < NOM_USES_MAX; i++)
        if (o->provider.mapping[i].scale == 0)
            o->provider.mapping[i].scale = 1;
    s->poll_us = o->adapter == ADAPTER_REST ? (uint64_t)(o->poll_s * US_PER_S) : 0;
    s->retry_us = (uint64_t)(o->retry_s * US_PER_S);
    s->retry_most_us = (uint64_t)(o->retry_most_s * US_PER_S);
    s->log_us = (uint64_t)(o->log_s * US_PER_S);
    s->confirm = (uint32_t)o->confirm;
    s->seed = (uint64_t)o->seed;
    return error;
}
