/*
 * The adapting app under a fake clock: it follows load with hysteresis and price at once, sends
 * nothing where every row loses, and comes back. Also the normal tail it uses, against GSL's.
 */
#include "runtime/lib/adapt.h"
#include "runtime/lib/normal.h"
#include "tests/unit/sample_table.h"
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void normal_tail_is_gsls(void **state) {
    (void)state;
    for (double z = -37.0; z <= 37.0; z += 0.01) {
        double expected = gsl_cdf_ugaussian_Q(z), got = nom_normal_tail(z);
        if (!(fabs(got - expected) <= 1e-12 * expected))
            fail_msg("Q(%g) = %.17g, GSL says %.17g", z, got, expected);
    }
    assert_true(nom_normal_tail(0.0) == 0.5);
    assert_true(nom_normal_tail(INFINITY) == 0.0);
    assert_true(nom_normal_tail(-INFINITY) == 1.0);
}

static struct adapt a;
static uint64_t now_us;

static void load(struct sample_table *f) {
    bool changed;
    char why[120] = "";
    int error = adapt_load_table(&a, f, f->header.file_bytes, &changed, why, sizeof why);
    if (error)
        fail_msg("%s", why);
}

static int setup(void **state) {
    (void)state;
    adapt_init(&a, "nhttpd", 3.0, NOM_KICK_STRICT);
    now_us = 1000;
    return 0;
}

/* Ticks of a millisecond with that many connections; counts those that changed the decision. */
static unsigned ticks(unsigned n, uint32_t connections) {
    unsigned changes = 0;
    while (n-- > 0)
        changes += adapt_tick(&a, now_us += 1000, connections);
    return changes;
}

static void assert_now(double delay_us, enum nom_kick kick, bool serving) {
    assert_true(a.now.delay_us == delay_us);
    assert_int_equal(a.now.kick, kick);
    assert_int_equal(a.now.serving, serving);
}

static bool price(double usd_per_gbit) {
    double price_usd[NOM_USES_MAX] = {0};
    price_usd[NOM_USE_GBIT_OUT_PER_S - 1] = usd_per_gbit;
    return adapt_set_price(&a, price_usd);
}

static void fixed_until_a_table(void **state) {
    (void)state;
    assert_now(3.0, NOM_KICK_STRICT, true);
    assert_int_equal(ticks(1000, 500), 0);
    assert_false(price(1e9));
    assert_now(3.0, NOM_KICK_STRICT, true);
    assert_true(adapt_fix(&a, 5.0, NOM_KICK_STRICT));
    assert_false(adapt_fix(&a, 5.0, NOM_KICK_STRICT));
    assert_now(5.0, NOM_KICK_STRICT, true);
    struct nom_statistics s;
    memset(&s, 0, sizeof s);
    adapt_statistics(&a, &s);
    assert_int_equal(s.adapting, 0);
    assert_int_equal(s.serving, 1);
    assert_int_equal(s.choices, 0);
    assert_int_equal(s.changes, 1);
    assert_int_equal(s.table_built_unix_s, 0);
    assert_true(s.price_usd[NOM_USE_GBIT_OUT_PER_S - 1] == 1e9);
    assert_true(s.load_connections > 400); /* followed also while fixed */
}

static void table_acts_at_once_at_the_load_known(void **state) {
    (void)state;
    struct sample_table f = sample_table();
    ticks(1000, 40);
    load(&f);
    assert_now(8.0, NOM_KICK_STRICT, true);
    assert_int_equal(a.row, 3);
    assert_true(a.profit_usd_per_s == 80.0);
    assert_true(adapt_fix(&a, 1.0, NOM_KICK_NATURAL));
    assert_int_equal(ticks(1000, 1), 0); /* no longer adapting */
    assert_now(1.0, NOM_KICK_NATURAL, true);
}

static void price_acts_at_once(void **state) {
    (void)state;
    struct sample_table f = sample_table();
    load(&f); /* no load seen yet: the lowest level */
    assert_now(0.0, NOM_KICK_NATURAL, true);
    assert_false(price(1.0)); /* 9 against 5.9 */
    assert_true(price(8.0));  /* 2 against 5.2 */
    assert_now(20.0, NOM_KICK_NATURAL, true);
    assert_true(fabs(a.profit_usd_per_s - 5.2) < 1e-9);
    assert_true(price(0.0));
    assert_now(0.0, NOM_KICK_NATURAL, true);
}

static void losing_everywhere_stops_serving(void **state) {
    (void)state;
    struct sample_table f = sample_table();
    load(&f);
    assert_true(price(8.0));
    assert_true(price(60.0)); /* -50 and 0: nothing gained is not worth sending for */
    assert_now(20.0, NOM_KICK_NATURAL, false);
    assert_true(a.profit_usd_per_s == 0.0);
    assert_int_equal(ticks(200, 1), 0);
    assert_false(price(1000.0));
    assert_true(price(8.0));
    assert_now(20.0, NOM_KICK_NATURAL, true);

    /* At one level only (here 32 connections lose 30 and 16): the load alone takes it there and
     * brings it back. */
    assert_int_equal(ticks(1000, 32), 1);
    assert_now(20.0, NOM_KICK_NATURAL, false);
    assert_int_equal(ticks(1000, 1), 1);
    assert_now(20.0, NOM_KICK_NATURAL, true);
    assert_true(adapt_fix(&a, 20.0, NOM_KICK_NATURAL) == false);
}

static void load_is_followed_with_a_hold(void **state) {
    (void)state;
    struct sample_table f = sample_table();
    ticks(100, 1);
    load(&f);
    assert_now(0.0, NOM_KICK_NATURAL, true);
    uint64_t from_us = now_us;
    while (a.now.delay_us != 8.0) {
        ticks(1, 32);
        assert_true(now_us - from_us < 10 * (ADAPT_LOAD_TAU_US + ADAPT_LEVEL_HOLD_US));
    }
    assert_true(now_us - from_us >= ADAPT_LEVEL_HOLD_US);
    assert_true(now_us - from_us <= 3 * ADAPT_LOAD_TAU_US + ADAPT_LEVEL_HOLD_US);
    /* A dip shorter than the hold changes nothing. */
    assert_int_equal(ticks(1000, 32), 0);
    assert_int_equal(ticks(ADAPT_LEVEL_HOLD_US / 1000, 0), 0);
    assert_int_equal(ticks(1000, 32), 0);
    /* A long one does, once. */
    assert_int_equal(ticks(1000, 1), 1);
    assert_now(0.0, NOM_KICK_NATURAL, true);
}

static void load_between_levels_does_not_flap(void **state) {
    (void)state;
    struct sample_table f = sample_table();
    ticks(100, 1);
    load(&f);
    /* The border is at sqrt(32) = 5.66: swinging across it, fast and slowly, whichever the level.
     */
    for (unsigned period = 1; period <= 100; period *= 10)
        for (int i = 0; i < 20; i++) {
            assert_int_equal(ticks(period, 5), 0);
            assert_int_equal(ticks(period, 6), 0);
        }
    assert_int_equal(ticks(2000, 32), 1);
    for (unsigned period = 1; period <= 100; period *= 10)
        for (int i = 0; i < 20; i++) {
            assert_int_equal(ticks(period, 6), 0);
            assert_int_equal(ticks(period, 5), 0);
        }
    /* An app in which no time passes, or a clock that stands still, is no reason to change. */
    assert_false(adapt_tick(&a, now_us, 1));
    assert_false(adapt_tick(&a, now_us - 500, 1));
}

static void bad_tables_change_nothing(void **state) {
    (void)state;
    static struct adapt before;
    struct sample_table good = sample_table(), bad;
    bool changed = true;
    char why[120];
    ticks(100, 1);
    load(&good);
    memcpy(&before, &a, sizeof a);

    for (size_t n = 0; n < good.header.file_bytes; n += 8) {
        why[0] = '\0';
        assert_int_equal(adapt_load_table(&a, &good, n, &changed, why, sizeof why),
                         NOM_CONTROL_ETABLE);
        assert_true(why[0] && strlen(why) < sizeof why);
        assert_false(changed);
    }
    for (size_t i = 0; i < good.header.file_bytes; i++) {
        bad = good;
        ((unsigned char *)&bad)[i] ^= (unsigned char)(1u << i % 8);
        assert_int_equal(
            adapt_load_table(&a, &bad, good.header.file_bytes, &changed, why, sizeof why),
            NOM_CONTROL_ETABLE);
    }
    bad = good;
    strcpy(bad.header.app, "memcached");
    econ_table_seal(&bad.header, bad.row, 4);
    assert_int_equal(adapt_load_table(&a, &bad, bad.header.file_bytes, &changed, why, sizeof why),
                     NOM_CONTROL_ETABLE);
    assert_non_null(strstr(why, "memcached"));
    assert_memory_equal(&before, &a, sizeof a);
}

static void utility(void **state) {
    (void)state;
    static struct adapt before;
    struct sample_table f = sample_table();
    struct nom_utility u = f.header.utility;
    bool changed;
    char why[120] = "";
    assert_int_equal(adapt_set_utility(&a, &u, &changed, why, sizeof why), NOM_CONTROL_ENOTABLE);
    assert_true(why[0] != '\0');
    ticks(100, 1);
    load(&f);
    memcpy(&before, &a, sizeof a);
    u.alpha_usd_per_gbit = NAN;
    assert_int_equal(adapt_set_utility(&a, &u, &changed, why, sizeof why), NOM_CONTROL_EVALUE);
    assert_false(changed);
    assert_memory_equal(&before, &a, sizeof a);
    u.alpha_usd_per_gbit = 0;
    assert_int_equal(adapt_set_utility(&a, &u, &changed, why, sizeof why), NOM_CONTROL_OK);
    assert_true(changed); /* nobody pays */
    assert_false(a.now.serving);
    u.alpha_usd_per_gbit = 100;
    assert_int_equal(adapt_set_utility(&a, &u, &changed, why, sizeof why), NOM_CONTROL_OK);
    assert_true(changed && a.now.serving);
    assert_true(a.profit_usd_per_s == 100.0);
}

static void statistics(void **state) {
    (void)state;
    struct sample_table f = sample_table();
    struct nom_statistics s;
    memset(&s, 0, sizeof s);
    ticks(1000, 32);
    load(&f);
    price(1.0);
    adapt_statistics(&a, &s);
    assert_int_equal(s.adapting, 1);
    assert_int_equal(s.row, 3);
    assert_int_equal(s.kick, NOM_KICK_STRICT);
    assert_int_equal(s.choices, 2);
    assert_int_equal(s.changes, 1);
    assert_int_equal(s.table_built_unix_s, 1700000000);
    assert_true(s.delay_us == 8.0 && s.profit_usd_per_s == 68.0);
    assert_true(fabs(s.load_connections - 32.0) < 0.01);
}

static void a_knob_not_in_the_table_keeps_its_initial_value(void **state) {
    (void)state;
    struct sample_table f = sample_table();
    f.header.knob_count = 1;
    f.header.knob_id[0] = NOM_KNOB_DELAY_US;
    f.header.knob_id[1] = 0;
    for (int i = 0; i < 4; i++) {
        f.row[i].knob[0] = f.row[i].knob[1];
        f.row[i].knob[1] = 0;
    }
    econ_table_seal(&f.header, f.row, 4);
    ticks(1000, 32);
    load(&f);
    assert_now(8.0, NOM_KICK_NATURAL, true);
    assert_true(a.now.poll_us == NOM_POLL_US_INITIAL);
}

/* poll_us as the app was told, unless the table holds it; a table of before has two knobs. */
static void how_long_to_poll(void **state) {
    (void)state;
    struct sample_table f = sample_table();
    adapt_set_poll(&a, 250.0);
    ticks(1000, 32);
    load(&f);
    assert_now(8.0, NOM_KICK_STRICT, true);
    assert_true(a.now.poll_us == 250.0);
    f.header.knob_count = 3;
    f.header.knob_id[2] = NOM_KNOB_POLL_US;
    for (int i = 0; i < 4; i++)
        f.row[i].knob[2] = 1000.0 + i;
    econ_table_seal(&f.header, f.row, 4);
    load(&f);
    assert_now(8.0, NOM_KICK_STRICT, true);
    assert_true(a.now.poll_us == 1003.0);
    assert_true(adapt_fix(&a, 8.0, NOM_KICK_STRICT));
    assert_true(a.now.poll_us == 250.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normal_tail_is_gsls),
        cmocka_unit_test_setup(fixed_until_a_table, setup),
        cmocka_unit_test_setup(how_long_to_poll, setup),
        cmocka_unit_test_setup(table_acts_at_once_at_the_load_known, setup),
        cmocka_unit_test_setup(price_acts_at_once, setup),
        cmocka_unit_test_setup(losing_everywhere_stops_serving, setup),
        cmocka_unit_test_setup(load_is_followed_with_a_hold, setup),
        cmocka_unit_test_setup(load_between_levels_does_not_flap, setup),
        cmocka_unit_test_setup(bad_tables_change_nothing, setup),
        cmocka_unit_test_setup(utility, setup),
        cmocka_unit_test_setup(statistics, setup),
        cmocka_unit_test_setup(a_knob_not_in_the_table_keeps_its_initial_value, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
