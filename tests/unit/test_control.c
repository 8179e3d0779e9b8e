/*
 * The control protocol: every message, cut anywhere; every malformed one answered with an error
 * and without effect; and any bytes at all survived.
 */
#include "runtime/lib/control.h"
#include "tests/unit/sample_table.h"
#include "tests/unit/seeded.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct adapt adapt;
static struct control_session session;
static unsigned applied;
static struct adapt_decision last;

static void apply(void *context, const struct adapt_decision *decision) {
    assert_ptr_equal(context, &applied);
    applied++;
    last = *decision;
}

static void statistics(void *context, struct nom_statistics *out) {
    assert_ptr_equal(context, &applied);
    out->uptime_us = 77;
    out->requests = 5;
}

static const struct control_app app = {
    .adapt = &adapt, .apply = apply, .statistics = statistics, .context = &applied};

static int setup(void **state) {
    (void)state;
    adapt_init(&adapt, "nhttpd", 0.0, NOM_KICK_NATURAL);
    control_session_init(&session);
    applied = 0;
    return 0;
}

struct reply {
    struct nom_control_header header;
    struct nom_control_status status;
    struct nom_statistics statistics;
};
_Static_assert(sizeof(struct reply) == CONTROL_REPLY_BYTES_MAX, "no padding between the parts");

/* Everything a reply must be, whatever was asked. */
static void check_reply(const struct reply *r, size_t bytes, uint16_t type, uint32_t tag) {
    assert_int_equal(r->header.magic, NOM_CONTROL_MAGIC);
    assert_int_equal(r->header.version, NOM_CONTROL_VERSION);
    assert_int_equal(r->header.type, type | NOM_CONTROL_REPLY);
    assert_int_equal(r->header.tag, tag);
    assert_int_equal(bytes, sizeof r->header + r->header.payload_bytes);
    bool whole = type == NOM_CONTROL_STATISTICS && r->status.error == NOM_CONTROL_OK;
    assert_int_equal(r->header.payload_bytes,
                     sizeof r->status + (whole ? sizeof r->statistics : 0));
    assert_int_equal(r->status.reserved, 0);
    assert_non_null(memchr(r->status.text, '\0', sizeof r->status.text));
    assert_int_equal(r->status.error != NOM_CONTROL_OK, r->status.text[0] != '\0');
}

static size_t message(void *out, uint16_t type, const void *payload, size_t n) {
    struct nom_control_header h = {.magic = NOM_CONTROL_MAGIC,
                                   .version = NOM_CONTROL_VERSION,
                                   .type = type,
                                   .payload_bytes = (uint32_t)n,
                                   .tag = 0xabcd0000u + type};
    memcpy(out, &h, sizeof h);
    if (n > 0)
        memcpy((char *)out + sizeof h, payload, n);
    return sizeof h + n;
}

/* Sends bytes[n], one request, in pieces of `step`; the result of control_input. */
static int send_cut(const void *bytes, size_t n, size_t step, struct reply *r) {
    size_t at = 0, reply_bytes = 0, used;
    int result = 0;
    while (at < n && reply_bytes == 0) {
        size_t part = step < n - at ? step : n - at;
        char *copy = malloc(part); /* just the size: a sanitizer sees a byte read beyond it */
        assert_non_null(copy);
        memcpy(copy, (const char *)bytes + at, part);
        result = control_input(&session, &app, copy, part, &used, r, &reply_bytes);
        free(copy);
        assert_true(used > 0 && used <= part);
        assert_true(reply_bytes > 0 || used == part);
        at += used;
    }
    assert_true(reply_bytes > 0);
    const struct nom_control_header *h = bytes;
    check_reply(r, reply_bytes, h->type, h->tag);
    if (result == 0)
        assert_int_equal(at, n);
    return result;
}

/* Sends one message; the reply's error. It must not end the connection. */
static unsigned ask(uint16_t type, const void *payload, size_t n, struct reply *r) {
    static _Alignas(8) char bytes[sizeof(struct nom_control_header) + NOM_CONTROL_PAYLOAD_MAX];
    size_t length = message(bytes, type, payload, n);
    assert_int_equal(send_cut(bytes, length, length, r), 0);
    return r->status.error;
}

static unsigned ask_delay(double delay_us, uint32_t kick, uint32_t reserved) {
    struct nom_control_delay m = {delay_us, kick, reserved};
    struct reply r;
    return ask(NOM_CONTROL_DELAY, &m, sizeof m, &r);
}

static unsigned ask_price(const struct nom_control_price *m) {
    struct reply r;
    return ask(NOM_CONTROL_PRICE, m, sizeof *m, &r);
}

static void every_message(void **state) {
    (void)state;
    struct reply r;
    assert_int_equal(ask_delay(12.5, NOM_KICK_STRICT, 0), NOM_CONTROL_OK);
    assert_int_equal(applied, 1);
    assert_true(last.delay_us == 12.5 && last.kick == NOM_KICK_STRICT && last.serving);
    assert_int_equal(ask_delay(12.5, NOM_KICK_STRICT, 0), NOM_CONTROL_OK);
    assert_int_equal(applied, 1); /* nothing new to apply */

    struct nom_utility u = econ_utility_default(NOM_UTILITY_BONUS);
    assert_int_equal(ask(NOM_CONTROL_UTILITY, &u, sizeof u, &r), NOM_CONTROL_ENOTABLE);

    struct sample_table table = sample_table();
    assert_int_equal(ask(NOM_CONTROL_TABLE, &table, table.header.file_bytes, &r), NOM_CONTROL_OK);
    assert_int_equal(applied, 2);
    assert_true(last.delay_us == 0.0 && last.kick == NOM_KICK_NATURAL);

    struct nom_control_price price = {
        .count = 1, .use_id = {NOM_USE_GBIT_OUT_PER_S}, .price_usd = {8.0}};
    assert_int_equal(ask_price(&price), NOM_CONTROL_OK);
    assert_true(last.delay_us == 20.0);
    assert_int_equal(ask(NOM_CONTROL_UTILITY, &u, sizeof u, &r), NOM_CONTROL_OK);
    assert_int_equal(adapt.utility.kind, NOM_UTILITY_BONUS);

    price.count = 0; /* those not named are 0 */
    assert_int_equal(ask_price(&price), NOM_CONTROL_OK);
    assert_int_equal(ask(NOM_CONTROL_STATISTICS, NULL, 0, &r), NOM_CONTROL_OK);
    assert_int_equal(r.statistics.uptime_us, 77);
    assert_int_equal(r.statistics.requests, 5);
    assert_int_equal(r.statistics.adapting, 1);
    assert_true(r.statistics.price_usd[NOM_USE_GBIT_OUT_PER_S - 1] == 0.0);
    assert_int_equal(r.statistics.table_built_unix_s, table.header.built_unix_s);
}

static void cut_anywhere(void **state) {
    (void)state;
    static _Alignas(8) char bytes[2048];
    struct sample_table table = sample_table();
    struct reply r;
    size_t n = message(bytes, NOM_CONTROL_TABLE, &table, table.header.file_bytes);
    for (size_t step = 1; step <= n; step++)
        assert_int_equal(send_cut(bytes, n, step, &r), 0);
    assert_int_equal(adapt.choices, n);
}

static void requests_in_a_row(void **state) {
    (void)state;
    char bytes[256];
    struct nom_control_delay delay = {7.0, NOM_KICK_NATURAL, 0};
    size_t n = message(bytes, NOM_CONTROL_DELAY, &delay, sizeof delay), used, reply_bytes;
    size_t all = n + message(bytes + n, NOM_CONTROL_STATISTICS, NULL, 0);
    struct reply r;
    assert_int_equal(control_input(&session, &app, bytes, all, &used, &r, &reply_bytes), 0);
    assert_int_equal(used, n); /* one at a time */
    check_reply(&r, reply_bytes, NOM_CONTROL_DELAY, 0xabcd0000u + NOM_CONTROL_DELAY);
    assert_int_equal(control_input(&session, &app, bytes + n, all - n, &used, &r, &reply_bytes), 0);
    assert_int_equal(used, all - n);
    assert_true(r.statistics.delay_us == 7.0);
    assert_int_equal(control_input(&session, &app, bytes, 0, &used, &r, &reply_bytes), 0);
    assert_int_equal(reply_bytes, 0);
}

static void values_out_of_range(void **state) {
    (void)state;
    static struct adapt before;
    static const double bad_delays[] = {-1.0, -1e-9, NOM_DELAY_US_MAX + 0.001, INFINITY, NAN};
    static const double bad_prices[] = {-1e-9, INFINITY, NAN};
    struct sample_table table = sample_table();
    struct reply r;
    assert_int_equal(ask(NOM_CONTROL_TABLE, &table, table.header.file_bytes, &r), NOM_CONTROL_OK);
    memcpy(&before, &adapt, sizeof adapt);
    for (size_t i = 0; i < sizeof bad_delays / sizeof *bad_delays; i++)
        assert_int_equal(ask_delay(bad_delays[i], 0, 0), NOM_CONTROL_EVALUE);
    assert_int_equal(ask_delay(1.0, 2, 0), NOM_CONTROL_EVALUE);
    assert_int_equal(ask_delay(1.0, 0, 1), NOM_CONTROL_EVALUE);

    const struct nom_control_price good = {.count = 2,
                                           .use_id = {NOM_USE_CPU_S_PER_S, NOM_USE_GBIT_OUT_PER_S},
                                           .price_usd = {1.0, 2.0}};
    struct nom_control_price m;
    for (size_t i = 0; i < sizeof bad_prices / sizeof *bad_prices; i++) {
        m = good;
        m.price_usd[1] = bad_prices[i];
        assert_int_equal(ask_price(&m), NOM_CONTROL_EVALUE);
    }
    static const uint32_t bad_ids[] = {0, 99, 0xffffffffu, 33, NOM_USE_CPU_S_PER_S};
    for (size_t i = 0; i < sizeof bad_ids / sizeof *bad_ids; i++) {
        m = good;
        m.use_id[1] = bad_ids[i];
        assert_int_equal(ask_price(&m), NOM_CONTROL_EVALUE);
    }
    m = good;
    m.count = NOM_USES_MAX + 1;
    assert_int_equal(ask_price(&m), NOM_CONTROL_EVALUE);
    m = good;
    m.reserved = 1;
    assert_int_equal(ask_price(&m), NOM_CONTROL_EVALUE);

    struct nom_utility u = econ_utility_default(NOM_UTILITY_PENALTY);
    u.kind = 9;
    assert_int_equal(ask(NOM_CONTROL_UTILITY, &u, sizeof u, &r), NOM_CONTROL_EVALUE);
    assert_memory_equal(&before, &adapt, sizeof adapt);
    assert_int_equal(applied, 0); /* the table itself asked for what was in force already */
    assert_int_equal(ask_price(&good), NOM_CONTROL_OK);
}

static void bad_tables(void **state) {
    (void)state;
    static struct adapt before;
    struct sample_table good = sample_table(), bad;
    struct reply r;
    assert_int_equal(ask(NOM_CONTROL_TABLE, &good, good.header.file_bytes, &r), NOM_CONTROL_OK);
    memcpy(&before, &adapt, sizeof adapt);
    for (size_t n = 0; n < good.header.file_bytes; n++)
        assert_int_equal(ask(NOM_CONTROL_TABLE, &good, n, &r), NOM_CONTROL_ETABLE);
    for (size_t bit = 0; bit < 8 * (size_t)good.header.file_bytes; bit += 3) {
        bad = good;
        ((unsigned char *)&bad)[bit / 8] ^= (unsigned char)(1u << bit % 8);
        assert_int_equal(ask(NOM_CONTROL_TABLE, &bad, good.header.file_bytes, &r),
                         NOM_CONTROL_ETABLE);
    }
    assert_memory_equal(&before, &adapt, sizeof adapt);
}

static void untrusted_lengths_end_the_connection(void **state) {
    (void)state;
    static struct adapt before;
    memcpy(&before, &adapt, sizeof adapt);
    const struct nom_control_header good = {.magic = NOM_CONTROL_MAGIC,
                                            .version = NOM_CONTROL_VERSION,
                                            .type = NOM_CONTROL_DELAY,
                                            .payload_bytes = sizeof(struct nom_control_delay),
                                            .tag = 9};
    struct nom_control_header bad[6];
    for (size_t i = 0; i < 6; i++)
        bad[i] = good;
    bad[0].magic ^= 1;
    bad[1].version++;
    bad[2].payload_bytes--;
    bad[3].payload_bytes = NOM_CONTROL_PAYLOAD_MAX + 1;
    bad[3].type = 77;
    bad[4].payload_bytes = 0xffffffffu;
    bad[4].type = NOM_CONTROL_TABLE;
    bad[5].type = NOM_CONTROL_STATISTICS;
    for (size_t i = 0; i < 6; i++)
        for (size_t step = 1; step <= sizeof good; step++) {
            struct reply r;
            assert_int_equal(send_cut(&bad[i], sizeof good, step, &r), -1);
            assert_int_equal(r.status.error, NOM_CONTROL_EFORMAT);
        }
    assert_memory_equal(&before, &adapt, sizeof adapt);
}

static void unknown_messages_are_skipped(void **state) {
    (void)state;
    static const uint16_t types[] = {0, 6, 77, NOM_CONTROL_REPLY, 0xffff};
    struct reply r;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        assert_int_equal(ask(types[i], "payload", 7, &r), NOM_CONTROL_ETYPE);
    assert_int_equal(ask(NOM_CONTROL_STATISTICS, NULL, 0, &r), NOM_CONTROL_OK);
}

/* Streams of messages, some damaged, cut anywhere: always an answer of the right form, and never
 * a decision that no message could ask for. */
static void garbage(void **state) {
    (void)state;
    static _Alignas(8) char bytes[4096];
    struct sample_table table = sample_table();
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        struct seeded random = {seed};
        union {
            struct nom_control_delay delay;
            struct nom_control_price price;
            struct nom_utility utility;
            struct sample_table table;
            unsigned char bytes[sizeof(struct sample_table)];
        } payload = {.bytes = {0}};
        uint16_t type = (uint16_t)seeded_below(&random, 7);
        size_t size = type == NOM_CONTROL_DELAY     ? sizeof payload.delay
                      : type == NOM_CONTROL_PRICE   ? sizeof payload.price
                      : type == NOM_CONTROL_UTILITY ? sizeof payload.utility
                      : type == NOM_CONTROL_TABLE   ? sizeof payload.table
                                                    : 0;
        if (type == NOM_CONTROL_TABLE)
            payload.table = table;
        size_t n = message(bytes, type, &payload, size);
        for (uint64_t flips = seeded_below(&random, 6); flips > 0; flips--)
            bytes[seeded_below(&random, n)] ^= (char)(1 << seeded_below(&random, 8));
        for (size_t at = 0; at < n;) {
            size_t part = seeded_below(&random, n - at) + 1, used, reply_bytes;
            struct reply r;
            char *copy = malloc(part);
            assert_non_null(copy);
            memcpy(copy, bytes + at, part);
            int result = control_input(&session, &app, copy, part, &used, &r, &reply_bytes);
            free(copy);
            assert_true(used <= part);
            if (reply_bytes > 0)
                check_reply(&r, reply_bytes, r.header.type & (uint16_t)~NOM_CONTROL_REPLY,
                            r.header.tag);
            else
                assert_int_equal(used, part);
            assert_true(adapt.now.delay_us >= 0.0 && adapt.now.delay_us <= NOM_DELAY_US_MAX);
            assert_true(adapt.now.kick == NOM_KICK_NATURAL || adapt.now.kick == NOM_KICK_STRICT);
            for (size_t i = 0; i < NOM_USES_MAX; i++)
                assert_true(adapt.price_usd[i] >= 0.0 && isfinite(adapt.price_usd[i]));
            if (result != 0)
                control_session_init(&session);
            at += reply_bytes > 0 && result != 0 ? n : used;
        }
        /* A message may wait for bytes that never come: the next client has a session of its own.
         */
        control_session_init(&session);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_message, setup),
        cmocka_unit_test_setup(cut_anywhere, setup),
        cmocka_unit_test_setup(requests_in_a_row, setup),
        cmocka_unit_test_setup(values_out_of_range, setup),
        cmocka_unit_test_setup(bad_tables, setup),
        cmocka_unit_test_setup(untrusted_lengths_end_the_connection, setup),
        cmocka_unit_test_setup(unknown_messages_are_skipped, setup),
        cmocka_unit_test_setup(garbage, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
