/* Every option has one value. Numbers are a table; the rest are words, each with its setter. */
#include "runtime/priced/options.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    size_t at;
    double least, greatest;
} numbers[] = {
#define NUMBER(name, field, least, greatest)                                                       \
    { name, offsetof(struct priced_options, field), least, greatest }
    NUMBER("--poll", poll_s, PRICED_ASK_LEAST_S, PRICED_SECONDS_MAX),
    NUMBER("--connect-timeout", connect_s, 0.01, PRICED_SECONDS_MAX),
    NUMBER("--total-timeout", total_s, 0.01, PRICED_SECONDS_MAX),
    NUMBER("--retry", retry_s, PRICED_ASK_LEAST_S, PRICED_SECONDS_MAX),
    NUMBER("--retry-most", retry_most_s, PRICED_ASK_LEAST_S, PRICED_SECONDS_MAX),
    NUMBER("--jitter", settings.jitter, 0, 0.5),
    NUMBER("--seed", seed, 0, 9007199254740992.0),
    NUMBER("--max-factor", settings.max_factor, 0, 1e12),
    NUMBER("--confirm", confirm, 0, 1000),
    NUMBER("--log-every", log_s, 0, PRICED_SECONDS_MAX),
    NUMBER("--report", report_s, 0, PRICED_SECONDS_MAX),
    NUMBER("--body-limit", body_limit, 1, PRICED_BODY_MAX),
    NUMBER("--speed", speed, 1e-6, 1e9),
};

/* "USE=NUMBER[,USE=NUMBER]": calls set for each. */
static int each_use(struct priced_options *o, const char *text,
                    int (*set)(struct priced_options *o, uint32_t use_id, double value)) {
    while (*text != '\0') {
        char item[64], *equals;
        size_t bytes = strcspn(text, ",");
        double value;
        if (bytes >= sizeof item)
            return -1;
        memcpy(item, text, bytes);
        item[bytes] = '\0';
        equals = strchr(item, '=');
        if (!equals || priced_number(equals + 1, &value) != 0)
            return -1;
        *equals = '\0';
        uint32_t use_id = priced_use(item);
        if (use_id == 0 || set(o, use_id, value) != 0)
            return -1;
        text += bytes;
        if (*text == ',' && *++text == '\0')
            return -1;
    }
    return 0;
}

static int set_fixed(struct priced_options *o, uint32_t use_id, double value) {
    for (uint32_t i = 0; i < o->fixed.count; i++)
        if (o->fixed.quote[i].use_id == use_id)
            return -1;
    o->fixed.quote[o->fixed.count++] = (struct priced_quote){.use_id = use_id, .price_usd = value};
    return 0;
}

static int set_least(struct priced_options *o, uint32_t use_id, double value) {
    o->settings.least_usd[use_id - 1] = value;
    return value >= 0 ? 0 : -1;
}

static int set_greatest(struct priced_options *o, uint32_t use_id, double value) {
    o->settings.greatest_usd[use_id - 1] = value;
    return value > 0 ? 0 : -1;
}

/* One of several words, "" the end; its index, or -1. */
static int one_of(const char *value, const char *const words[]) {
    for (int i = 0; words[i]; i++)
        if (strcmp(words[i], value) == 0)
            return i;
    return -1;
}

/* ---- words ---- */

static int ip(struct priced_options *o, const char *v) {
    o->has_net = true;
    return strchr(v, '/') ? net_parse_cidr(v, &o->net.address_be, &o->net.netmask_be) : -1;
}

static int gateway(struct priced_options *o, const char *v) {
    uint32_t mask;
    return strchr(v, '/') ? -1 : net_parse_cidr(v, &o->net.gateway_be, &mask);
}

static int adapter(struct priced_options *o, const char *v) {
    int i = one_of(v, (const char *const[]){"static", "trace", "rest", NULL});
    o->adapter = (enum priced_adapter)(i + 1);
    return i < 0 ? -1 : 0;
}

static int price(struct priced_options *o, const char *v) {
    return *v == '\0' ? -1 : each_use(o, v, set_fixed);
}

static int least(struct priced_options *o, const char *v) {
    return each_use(o, v, set_least);
}

static int greatest(struct priced_options *o, const char *v) {
    return each_use(o, v, set_greatest);
}

static int trace(struct priced_options *o, const char *v) {
    o->trace = v;
    return 0;
}

static int format(struct priced_options *o, const char *v) {
    int i = one_of(v, (const char *const[]){"csv", "ec2", NULL});
    o->ec2 = i == 1;
    return i < 0 ? -1 : 0;
}

static int at_end(struct priced_options *o, const char *v) {
    int i = one_of(v, (const char *const[]){"hold", "loop", NULL});
    o->loop = i == 1;
    return i < 0 ? -1 : 0;
}

static int announce(struct priced_options *o, const char *v) {
    int i = one_of(v, (const char *const[]){"no", "yes", NULL});
    o->announce = i == 1;
    return i < 0 ? -1 : 0;
}

static int instance_type(struct priced_options *o, const char *v) {
    o->filter.instance_type = v;
    return 0;
}

static int zone(struct priced_options *o, const char *v) {
    o->filter.zone = v;
    return 0;
}

static int product(struct priced_options *o, const char *v) {
    o->filter.product = v;
    return 0;
}

static int url(struct priced_options *o, const char *v) {
    o->url = v;
    return strlen(v) < PRICED_URL_BYTES ? 0 : -1;
}

static int provider(struct priced_options *o, const char *v) {
    int i = one_of(v, (const char *const[]){"json", "cloudsigma", NULL});
    o->provider.cloudsigma = i == 1;
    return i < 0 ? -1 : 0;
}

static int resource(struct priced_options *o, const char *v) {
    o->provider.resource = v;
    return 0;
}

static int currency(struct priced_options *o, const char *v) {
    if (strlen(v) != PRICED_CURRENCY_BYTES - 1 ||
        strspn(v, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != strlen(v))
        return -1;
    strcpy(o->provider.currency, v);
    return 0;
}

/* The mapping that options after --use are about; without one, the first. */
static struct priced_mapping *mapping(struct priced_options *o) {
    return &o->provider.mapping[o->provider.mappings ? o->provider.mappings - 1 : 0];
}

static int use(struct priced_options *o, const char *v) {
    uint32_t use_id = priced_use(v);
    if (use_id == 0 || o->provider.mappings == NOM_USES_MAX)
        return -1;
    for (uint32_t i = 0; i < o->provider.mappings; i++)
        if (o->provider.mapping[i].unit->use_id == use_id)
            return -1;
    o->provider.mappings++;
    *mapping(o) = (struct priced_mapping){.unit = priced_unit_of_board(use_id), .next_in_s = -1};
    return 0;
}

static int unit(struct priced_options *o, const char *v) {
    struct priced_mapping *m = mapping(o);
    const struct priced_unit *u = m->unit ? priced_unit(m->unit->use_id, v) : NULL;
    if (!u)
        return -1;
    m->unit = u;
    return 0;
}

static int scale(struct priced_options *o, const char *v) {
    double value;
    if (priced_number(v, &value) != 0 || value <= 0)
        return -1;
    o->scale = mapping(o)->scale = value;
    return 0;
}

static int json_path(struct priced_options *o, const char *v) {
    return priced_path_parse(v, &mapping(o)->price);
}

static int currency_path(struct priced_options *o, const char *v) {
    mapping(o)->has_currency = true;
    return priced_path_parse(v, &mapping(o)->currency);
}

static int next_path(struct priced_options *o, const char *v) {
    mapping(o)->has_next = true;
    return priced_path_parse(v, &mapping(o)->next);
}

static int next_in_path(struct priced_options *o, const char *v) {
    mapping(o)->has_next_in = true;
    return priced_path_parse(v, &mapping(o)->next_in);
}

static int next_in(struct priced_options *o, const char *v) {
    struct priced_mapping *m = mapping(o);
    return priced_number(v, &m->next_in_s) == 0 && m->next_in_s >= 0 &&
                   m->next_in_s <= PRICED_SECONDS_MAX
               ? 0
               : -1;
}

static int ask_in_path(struct priced_options *o, const char *v) {
    o->provider.has_ask_in = true;
    return priced_path_parse(v, &o->provider.ask_in);
}

static const struct {
    const char *name;
    int (*set)(struct priced_options *o, const char *value);
} words[] = {
    {"--ip", ip},
    {"--gateway", gateway},
    {"--adapter", adapter},
    {"--price", price},
    {"--least", least},
    {"--greatest", greatest},
    {"--trace", trace},
    {"--format", format},
    {"--at-end", at_end},
    {"--announce", announce},
    {"--instance-type", instance_type},
    {"--zone", zone},
    {"--product", product},
    {"--url", url},
    {"--provider", provider},
    {"--resource", resource},
    {"--currency", currency},
    {"--use", use},
    {"--unit", unit},
    {"--scale", scale},
    {"--json-path", json_path},
    {"--currency-path", currency_path},
    {"--next-path", next_path},
    {"--next-in-path", next_in_path},
    {"--next-in", next_in},
    {"--ask-in-path", ask_in_path},
};

/* 0; -1: its value is bad; -2: there is no such option. */
static int set(struct priced_options *o, const char *name, const char *value) {
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].name, name) == 0)
            return words[i].set(o, value);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        double *at = (double *)(void *)((char *)o + numbers[i].at);
        if (strcmp(numbers[i].name, name) != 0)
            continue;
        return priced_number(value, at) == 0 && *at >= numbers[i].least &&
                       *at <= numbers[i].greatest
                   ? 0
                   : -1;
    }
    return -2;
}

int priced_options_parse(struct priced_options *o, int argc, char **argv, char *why,
                         size_t why_bytes) {
    *o = (struct priced_options){
        .speed = 1,
        .scale = 1,
        .connect_s = PRICED_CONNECT_S,
        .total_s = PRICED_TOTAL_S,
        .body_limit = PRICED_BODY_BYTES,
        .provider = {.resource = "tx", .currency = "USD"},
        .poll_s = PRICED_POLL_S,
        .retry_s = PRICED_RETRY_S,
        .retry_most_s = PRICED_RETRY_MOST_S,
        .log_s = PRICED_LOG_S,
        .confirm = PRICED_CONFIRM,
        .settings = {.jitter = PRICED_JITTER, .max_factor = PRICED_FACTOR},
    };
    for (uint32_t i = 0; i < NOM_USES_MAX; i++) {
        o->settings.least_usd[i] = PRICED_LEAST_USD;
        o->settings.greatest_usd[i] = PRICED_GREATEST_USD;
    }
    o->provider.mapping[0].next_in_s = -1;
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc) {
            snprintf(why, why_bytes, "option %.40s has no value", argv[i]);
            return -1;
        }
        int result = set(o, argv[i], argv[i + 1]);
        if (result == -2)
            snprintf(why, why_bytes, "no option %.40s (docs/prices.md has them all)", argv[i]);
        else if (result != 0)
            snprintf(why, why_bytes, "bad value for %s: %.80s", argv[i], argv[i + 1]);
        if (result != 0)
            return -1;
    }
    return priced_options_check(o, why, why_bytes);
}
