/*
 * A session gathers one request: header, then payload, then it is handled, whatever pieces it came
 * in. The header is judged as soon as it is whole: where it says that the request has another
 * length than its type has, what follows it cannot be trusted, so the reply is the last. Each
 * handler checks everything before it changes anything.
 */
#include "runtime/lib/control.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

struct reply {
    struct nom_control_status *status;
    unsigned char *rest; /* what follows the status */
    size_t rest_bytes;
};

static void refuse(struct reply *r, enum nom_control_error error, const char *text) {
    r->status->error = error;
    snprintf(r->status->text, sizeof r->status->text, "%s", text);
}

static void apply_if(const struct control_app *app, bool changed) {
    if (changed)
        app->apply(app->context, &app->adapt->now);
}

static void handle_statistics(const struct control_app *app, const void *payload, size_t n,
                              struct reply *r) {
    (void)payload;
    (void)n;
    struct nom_statistics statistics;
    memset(&statistics, 0, sizeof statistics);
    app->statistics(app->context, &statistics);
    adapt_statistics(app->adapt, &statistics);
    memcpy(r->rest, &statistics, sizeof statistics);
    r->rest_bytes = sizeof statistics;
}

static void handle_delay(const struct control_app *app, const void *payload, size_t n,
                         struct reply *r) {
    struct nom_control_delay delay;
    memcpy(&delay, payload, n);
    if (!(delay.delay_us >= 0.0 && delay.delay_us <= NOM_DELAY_US_MAX))
        refuse(r, NOM_CONTROL_EVALUE, "delay_us is out of range");
    else if (delay.kick != NOM_KICK_NATURAL && delay.kick != NOM_KICK_STRICT)
        refuse(r, NOM_CONTROL_EVALUE, "kick is neither natural nor strict");
    else if (delay.reserved != 0)
        refuse(r, NOM_CONTROL_EVALUE, "the reserved field is not 0");
    else
        apply_if(app, adapt_fix(app->adapt, delay.delay_us, (enum nom_kick)delay.kick));
}

#define USE_KNOWN(ID, id, name, unit, price_unit, help) || use_id == id
static bool use_known(uint32_t use_id) {
    return false NOM_USES(USE_KNOWN);
}

static void handle_price(const struct control_app *app, const void *payload, size_t n,
                         struct reply *r) {
    struct nom_control_price price;
    double price_usd[NOM_USES_MAX] = {0};
    uint32_t named = 0; /* a bit an id */
    memcpy(&price, payload, n);
    if (price.count > NOM_USES_MAX) {
        refuse(r, NOM_CONTROL_EVALUE, "more prices than there are uses");
        return;
    }
    if (price.reserved != 0) {
        refuse(r, NOM_CONTROL_EVALUE, "the reserved field is not 0");
        return;
    }
    for (uint32_t i = 0; i < price.count; i++) {
        uint32_t id = price.use_id[i];
        if (!use_known(id) || named & 1u << id) {
            refuse(r, NOM_CONTROL_EVALUE, "a price's use is unknown or named twice");
            return;
        }
        if (!isfinite(price.price_usd[i]) || price.price_usd[i] < 0.0) {
            refuse(r, NOM_CONTROL_EVALUE, "a price is negative or not a finite number");
            return;
        }
        named |= 1u << id;
        price_usd[id - 1] = price.price_usd[i];
    }
    apply_if(app, adapt_set_price(app->adapt, price_usd));
}

static void handle_table(const struct control_app *app, const void *payload, size_t n,
                         struct reply *r) {
    bool changed;
    char why[sizeof r->status->text];
    int error = adapt_load_table(app->adapt, payload, n, &changed, why, sizeof why);
    if (error)
        refuse(r, (enum nom_control_error)error, why);
    apply_if(app, changed);
}

static void handle_utility(const struct control_app *app, const void *payload, size_t n,
                           struct reply *r) {
    struct nom_utility utility;
    bool changed;
    char why[sizeof r->status->text];
    memcpy(&utility, payload, n);
    int error = adapt_set_utility(app->adapt, &utility, &changed, why, sizeof why);
    if (error)
        refuse(r, (enum nom_control_error)error, why);
    apply_if(app, changed);
}

static const struct message {
    void (*handle)(const struct control_app *app, const void *payload, size_t n, struct reply *r);
    size_t least, most; /* bytes of payload */
} messages[] = {
    [NOM_CONTROL_STATISTICS] = {handle_statistics, 0, 0},
    [NOM_CONTROL_DELAY] = {handle_delay, sizeof(struct nom_control_delay),
                           sizeof(struct nom_control_delay)},
    [NOM_CONTROL_PRICE] = {handle_price, sizeof(struct nom_control_price),
                           sizeof(struct nom_control_price)},
    /* A table says its own length: one that is wrong is refused, not the connection. */
    [NOM_CONTROL_TABLE] = {handle_table, 0, NOM_CONTROL_PAYLOAD_MAX},
    [NOM_CONTROL_UTILITY] = {handle_utility, sizeof(struct nom_utility),
                             sizeof(struct nom_utility)},
};

static const struct message *message_of(uint16_t type) {
    return type < sizeof messages / sizeof *messages && messages[type].handle ? &messages[type]
                                                                              : NULL;
}

/* NULL, or why the length of this request cannot be trusted. */
static const char *header_wrong(const struct nom_control_header *h) {
    if (h->magic != NOM_CONTROL_MAGIC)
        return "not a control message: wrong magic";
    if (h->version != NOM_CONTROL_VERSION)
        return "unknown version of the control protocol";
    if (h->payload_bytes > NOM_CONTROL_PAYLOAD_MAX)
        return "the payload is longer than any message's";
    const struct message *m = message_of(h->type);
    if (m && (h->payload_bytes < m->least || h->payload_bytes > m->most))
        return "the payload has not the length of its type";
    return NULL;
}

void control_session_init(struct control_session *s) {
    s->header_have = s->payload_have = 0;
}

/* Moves up to `want` bytes of the client into a buffer that has *have of them. */
static size_t gather(void *buffer, uint32_t *have, size_t want, const unsigned char *bytes,
                     size_t n) {
    size_t part = want - *have < n ? want - *have : n;
    if (part > 0)
        memcpy((unsigned char *)buffer + *have, bytes, part);
    *have += (uint32_t)part;
    return part;
}

int control_input(struct control_session *s, const struct control_app *app, const void *bytes,
                  size_t n, size_t *used, void *reply, size_t *reply_bytes) {
    struct nom_control_status status;
    *reply_bytes = 0;
    *used = gather(&s->header, &s->header_have, sizeof s->header, bytes, n);
    if (s->header_have < sizeof s->header)
        return 0;
    const char *wrong = header_wrong(&s->header);
    if (!wrong) {
        *used += gather(s->payload, &s->payload_have, s->header.payload_bytes,
                        (const unsigned char *)bytes + *used, n - *used);
        if (s->payload_have < s->header.payload_bytes)
            return 0;
    }
    memset(&status, 0, sizeof status);
    struct reply r = {.status = &status,
                      .rest = (unsigned char *)reply + sizeof(struct nom_control_header) +
                              sizeof status};
    const struct message *m = message_of(s->header.type);
    if (wrong)
        refuse(&r, NOM_CONTROL_EFORMAT, wrong);
    else if (!m)
        refuse(&r, NOM_CONTROL_ETYPE, "no such message");
    else
        m->handle(app, s->payload, s->header.payload_bytes, &r);

    struct nom_control_header head = {
        .magic = NOM_CONTROL_MAGIC,
        .version = NOM_CONTROL_VERSION,
        .type = s->header.type | NOM_CONTROL_REPLY,
        .payload_bytes = (uint32_t)(sizeof status + r.rest_bytes),
        .tag = s->header.tag,
    };
    memcpy(reply, &head, sizeof head);
    memcpy((unsigned char *)reply + sizeof head, &status, sizeof status);
    *reply_bytes = sizeof head + head.payload_bytes;
    control_session_init(s);
    return wrong ? -1 : 0;
}
