/*
 * What priced reads of strangers: an HTTP reply, the document in it, recorded prices. For each
 * input:
 *
 * 1. A reply given in pieces ends as the same given whole, with the same body or the same trouble.
 * 2. Whatever the document says, by paths or as CloudSigma's, what is then believed (priced.h) is a
 *    finite price within its bounds, and one price that was good stays.
 * 3. A trace that is read has prices that are finite and not negative, in order of time.
 *
 * Decision 0: bit 0 CloudSigma's document, bit 1 the input is a document without a head, bit 2 a
 * CSV trace, bit 3 an EC2 price history. Then the pieces.
 */
#include "runtime/priced/http.h"
#include "runtime/priced/priced.h"
#include "runtime/priced/provider.h"
#include "runtime/priced/trace.h"
#include "tests/fuzz/fuzz.h"
#include <math.h>

#define BODY_MAX   4096u
#define ARENA      (BODY_MAX * PRICED_JSON_ROOM)
#define EVENTS_MAX 256u
#define LEAST      0.01
#define GREATEST   100.0

static void start_json(void) {
    static _Alignas(16) char arena[ARENA];
    priced_json_start(arena, sizeof arena, 1);
}

/* ---- 1 ---- */

static void read_replies(struct fuzz_input *in, struct priced_reply *whole, char *body) {
    static char pieces_body[BODY_MAX];
    struct priced_reply pieces;
    char *copy = fuzz_copy(in->bytes, in->size);
    priced_reply_init(whole, body, BODY_MAX);
    priced_reply_input(whole, copy, in->size);
    priced_reply_end(whole);
    free(copy);
    priced_reply_init(&pieces, pieces_body, BODY_MAX);
    for (size_t at = 0; at < in->size;) {
        size_t part = fuzz_piece(in, in->size - at);
        copy = fuzz_copy(in->bytes + at, part);
        priced_reply_input(&pieces, copy, part);
        free(copy);
        at += part;
    }
    priced_reply_end(&pieces);
    FUZZ_CHECK(whole->state == REPLY_DONE || whole->state == REPLY_FAILED);
    FUZZ_CHECK(pieces.state == whole->state);
    if (whole->state == REPLY_DONE)
        FUZZ_CHECK(pieces.body_bytes == whole->body_bytes && whole->body_bytes <= BODY_MAX &&
                   memcmp(body, pieces_body, whole->body_bytes) == 0);
    else
        FUZZ_CHECK(strcmp(pieces.trouble.text, whole->trouble.text) == 0 &&
                   pieces.trouble.failure == whole->trouble.failure);
}

/* ---- 2 ---- */

static struct priced_provider provider_of(bool cloudsigma) {
    struct priced_provider p = {
        .cloudsigma = cloudsigma, .resource = "tx", .currency = "USD", .mappings = 2};
    p.mapping[0] = (struct priced_mapping){.unit = priced_unit_of_board(NOM_USE_GBIT_OUT_PER_S),
                                           .scale = 1,
                                           .has_currency = true,
                                           .has_next = true,
                                           .has_next_in = true};
    p.mapping[1] = (struct priced_mapping){.unit = priced_unit_at(7), .scale = 1};
    FUZZ_CHECK(priced_path_parse("a.b[0].c", &p.mapping[0].price) == 0);
    FUZZ_CHECK(priced_path_parse("a.in", &p.mapping[0].currency) == 0);
    FUZZ_CHECK(priced_path_parse("next[1]", &p.mapping[0].next) == 0);
    FUZZ_CHECK(priced_path_parse("next[0]", &p.mapping[0].next_in) == 0);
    FUZZ_CHECK(priced_path_parse("cpu", &p.mapping[1].price) == 0);
    p.has_ask_in = !cloudsigma;
    FUZZ_CHECK(priced_path_parse("in", &p.ask_in) == 0);
    return p;
}

static void check_believed(const struct priced *p) {
    FUZZ_CHECK(p->count >= 1 && p->count <= NOM_USES_MAX);
    for (uint32_t i = 0; i < p->count; i++) {
        const struct priced_price *price = &p->price[i];
        FUZZ_CHECK(price->price_usd >= LEAST && price->price_usd <= GREATEST);
        FUZZ_CHECK(!price->has_next || (price->next_usd >= LEAST && price->next_usd <= GREATEST));
        for (uint32_t j = 0; j < i; j++)
            FUZZ_CHECK(p->price[j].use_id != price->use_id);
    }
}

static void judge(const struct priced_provider *provider, const char *body, size_t bytes) {
    struct priced_settings settings = {.poll_us = 1000,
                                       .retry_us = 100,
                                       .retry_most_us = 1000,
                                       .jitter = 0.5,
                                       .log_us = 500,
                                       .max_factor = 50,
                                       .confirm = 2};
    struct priced_answer good = {.count = 1,
                                 .quote = {{.use_id = NOM_USE_GBIT_OUT_PER_S, .price_usd = 10}}};
    struct priced_answer answer;
    struct priced_trouble t;
    static struct priced p;
    for (uint32_t i = 0; i < NOM_USES_MAX; i++) {
        settings.least_usd[i] = LEAST;
        settings.greatest_usd[i] = GREATEST;
    }
    priced_init(&p, &settings, 0);
    priced_answered(&p, 0, &good);
    for (uint64_t now_us = 1; now_us <= 3; now_us++) {
        struct priced_outcome o;
        if (priced_provider_read(provider, body, bytes, &answer, &t) == 0) {
            o = priced_answered(&p, now_us, &answer);
        } else {
            FUZZ_CHECK(strlen(t.text) > 0 && t.failure < PRICED_FAILURES);
            o = priced_failed(&p, now_us, &t);
            FUZZ_CHECK(p.price[0].stale && p.price[0].price_usd == 10);
        }
        FUZZ_CHECK(priced_ask_us(&p) > now_us && priced_ask_us(&p) < UINT64_MAX);
        FUZZ_CHECK(strlen(o.line) < sizeof o.line && strchr(o.line, '\n') == NULL);
        check_believed(&p);
    }
}

/* ---- 3 ---- */

static void check_trace(const struct priced_trace *trace) {
    FUZZ_CHECK(trace->count >= 1 && trace->count <= trace->room);
    for (size_t i = 0; i < trace->count; i++) {
        FUZZ_CHECK(isfinite(trace->event[i].at_s) && trace->event[i].at_s >= 0);
        FUZZ_CHECK(i == 0 || trace->event[i].at_s > trace->event[i - 1].at_s);
        for (uint32_t use = 0; use < NOM_USES_MAX; use++)
            FUZZ_CHECK(isnan(trace->event[i].usd[use]) || trace->event[i].usd[use] >= 0);
    }
    struct priced_replay r;
    struct priced_answer answer;
    priced_replay_init(&r, trace, 3, true, true, 5);
    for (int turn = 0; turn < 20; turn++) {
        uint64_t next_us = priced_replay_next_us(&r);
        if (next_us == UINT64_MAX)
            break;
        bool took = priced_replay_take(&r, next_us, &answer);
        FUZZ_CHECK(took && answer.count <= NOM_USES_MAX);
    }
}

static void read_traces(const struct fuzz_input *in, uint8_t how) {
    static struct priced_event events[EVENTS_MAX];
    static const struct priced_ec2_filter all;
    struct priced_trace trace = {.event = events, .room = EVENTS_MAX};
    struct priced_trouble t;
    char *copy = fuzz_copy(in->bytes, in->size);
    if (how & 4) {
        FUZZ_CHECK(priced_csv_room(copy, in->size) <= in->size + 1);
        if (priced_csv_read(&trace, copy, in->size, 2, &t) == 0)
            check_trace(&trace);
    } else {
        const json_t *document = priced_json_read(copy, in->size, &t);
        if (document && priced_ec2_read(&trace, document, &all, priced_unit_at(7), 1, &t) == 0)
            check_trace(&trace);
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char body[BODY_MAX];
    struct priced_reply reply;
    struct fuzz_input in = fuzz_input(data, size);
    uint8_t how = fuzz_decide(&in);
    start_json();
    if (how & 12) {
        read_traces(&in, how);
        return 0;
    }
    const struct priced_provider provider = provider_of(how & 1);
    if (how & 2) {
        char *copy = fuzz_copy(in.bytes, in.size);
        judge(&provider, copy, in.size);
        free(copy);
        return 0;
    }
    read_replies(&in, &reply, body);
    if (reply.state == REPLY_DONE)
        judge(&provider, body, reply.body_bytes);
    return 0;
}
