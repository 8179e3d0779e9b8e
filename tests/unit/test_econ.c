/*
 * Utility functions: the four equations by hand, the axiom (spec U5) over random utilities and
 * points, linearity in the price (U7), and what is refused.
 */
#include "runtime/econ/econ.h"
#include "seeded.h"
#include "tuner/tuner.h"
#include "within.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define CASES 20000u
#define US    1e-6

static double value_us(const struct nom_utility *u, double latency_us, double jitter_us) {
    return econ_value_usd_per_gbit(u, latency_us * US, jitter_us * US, tuner_normal_tail);
}

static void near(double got, double expected) {
    assert_within(got, expected, 1e-9 * fmax(1.0, fabs(expected)));
}

static void defaults_are_the_papers(void **state) {
    (void)state;
    for (uint32_t kind = NOM_UTILITY_SIMPLE; kind <= NOM_UTILITY_BONUS; kind++) {
        struct nom_utility u = econ_utility_default(kind);
        const char *why;
        assert_int_equal(u.kind, kind);
        assert_int_equal(u.reserved, 0);
        near(u.alpha_usd_per_gbit, 20.0);
        near(u.beta_usd_per_gbit_s, 10.0);
        near(u.gamma_usd_s_per_gbit, 0.01);
        assert_true(isinf(u.delta_usd_per_gbit));
        near(u.penalty_x, 100.0);
        assert_within(u.l0_s, 750e-6, 0.0);
        assert_int_equal(econ_utility_check(&u, &why), 0);
    }
}

static void simple_by_hand(void **state) {
    (void)state;
    struct nom_utility u = econ_utility_default(NOM_UTILITY_SIMPLE);
    near(value_us(&u, 399.0, 121.0), 20.0);
    near(econ_value_usd_per_gbit(&u, u.l0_s, 0.0, tuner_normal_tail), 20.0);
    near(value_us(&u, 750.001, 0.0), 0.0);
}

static void penalty_by_hand(void **state) {
    (void)state;
    struct nom_utility u = econ_utility_default(NOM_UTILITY_PENALTY);
    /* memcached on nom, many: z = 351 / 121, N = 0.0018609 (paper, section 6.3). */
    near(value_us(&u, 399.0, 121.0), 16.27820051367599);
    /* single: no reply is late. */
    near(value_us(&u, 63.0, 13.0), 20.0);
    /* z = 3: N = 0.00134990, of the 20 $ 13.5 % goes back. */
    near(value_us(&u, 600.0, 50.0), 17.30020393673979);
    /* z = 2: X N = 2.275 is clamped to 1; the refund is never more than the payment. */
    near(value_us(&u, 650.0, 50.0), 0.0);
    /* OSv, single: L = 7638 us is far beyond L0. */
    near(value_us(&u, 7638.0, 0.0), 0.0);
    /* sigma = 0 is a step, at L0 still in time. */
    near(econ_value_usd_per_gbit(&u, u.l0_s, 0.0, tuner_normal_tail), 20.0);
    near(value_us(&u, 750.001, 0.0), 0.0);
    u.penalty_x = 0.0;
    near(value_us(&u, 7638.0, 100.0), 20.0);
}

static void refund_by_hand(void **state) {
    (void)state;
    struct nom_utility u = econ_utility_default(NOM_UTILITY_REFUND);
    near(value_us(&u, 399.0, 121.0), 19.99601);
    u.beta_usd_per_gbit_s = 1e4;
    near(value_us(&u, 750.0, 0.0), 12.5);
    near(value_us(&u, 2000.0, 0.0), 0.0);
    near(value_us(&u, 2001.0, 0.0), 0.0);
}

static void bonus_by_hand(void **state) {
    (void)state;
    struct nom_utility u = econ_utility_default(NOM_UTILITY_BONUS);
    near(value_us(&u, 400.0, 121.0), 45.0);
    near(value_us(&u, 63.0, 13.0), 20.0 + 10000.0 / 63.0);
    near(value_us(&u, 0.0, 0.0), 20.0 + 0.01 / 1e-9);
    u.delta_usd_per_gbit = 30.0;
    near(value_us(&u, 63.0, 13.0), 50.0);
    near(value_us(&u, 0.0, 0.0), 50.0);
    near(value_us(&u, 400.0, 0.0), 45.0);
    u.delta_usd_per_gbit = 0.0;
    near(value_us(&u, 63.0, 13.0), 20.0);
}

static struct nom_table_row row(double useful, double latency_us, double jitter_us, double wire) {
    return (struct nom_table_row){.connections = 1.0,
                                  .useful_gbit_per_s = useful,
                                  .latency_mean_us = latency_us,
                                  .jitter_us = jitter_us,
                                  .use = {wire}};
}

static void revenue_counts_useful_throughput_cost_the_wire(void **state) {
    (void)state;
    static struct econ_choice_set set;
    struct nom_utility u = econ_utility_default(NOM_UTILITY_SIMPLE);
    struct nom_table_row rows[2] = {row(0.5, 399.0, 121.0, 0.55), row(0.5, 800.0, 0.0, 0.55)};
    struct nom_table_header h = {.row_count = 2, .use_count = 2};
    rows[0].use[1] = 0.9; /* CPU seconds a second */
    econ_choice_set_init(&set, &h, rows, &u, tuner_normal_tail);

    /* 0.5 x 20 - 0.55 x 10 - 0.9 x 2 */
    near(econ_profit(&set, 0, (double[]){10.0, 2.0}), 2.7);
    /* Late: no revenue, and the cost remains (the paper's -T P). */
    near(econ_profit(&set, 1, (double[]){10.0, 2.0}), -5.5);
}

/* Rows are in microseconds, equations in seconds: both latency and jitter count. */
static void revenue_by_hand(void **state) {
    (void)state;
    struct nom_utility u = econ_utility_default(NOM_UTILITY_PENALTY);
    struct nom_table_row rows[2] = {row(0.5, 399.0, 121.0, 0.55), row(2.0, 600.0, 50.0, 2.2)};
    double revenue[2];
    econ_revenue(&u, rows, 2, tuner_normal_tail, revenue);
    near(revenue[0], 0.5 * 16.27820051367599);
    near(revenue[1], 2.0 * 17.30020393673979);
}

static void a_row_without_throughput_earns_nothing(void **state) {
    (void)state;
    struct nom_utility u = econ_utility_default(NOM_UTILITY_BONUS);
    u.gamma_usd_s_per_gbit = 1e308; /* over 1 ns: infinite */
    struct nom_table_row nothing = row(0.0, 0.0, 0.0, 0.0);
    double revenue = -1.0;
    econ_revenue(&u, &nothing, 1, tuner_normal_tail, &revenue);
    assert_within(revenue, 0.0, 0.0);
}

static struct nom_utility any_utility(struct seeded *s) {
    struct nom_utility u = econ_utility_default(1 + (uint32_t)seeded_below(s, 4));
    u.alpha_usd_per_gbit = seeded_magnitude(s, 0.01, 1000.0);
    u.l0_s = seeded_magnitude(s, 1e-6, 1e-2);
    u.penalty_x = seeded_magnitude(s, 0.1, 1e4);
    u.beta_usd_per_gbit_s = seeded_magnitude(s, 0.1, 1e6);
    u.gamma_usd_s_per_gbit = seeded_magnitude(s, 1e-6, 1.0);
    if (seeded_below(s, 2))
        u.delta_usd_per_gbit = seeded_magnitude(s, 0.1, 1e3);
    return u;
}

/* A time about as long as L0, so that both of its sides are met; sometimes equal, sometimes 0. */
static double any_time(struct seeded *s, const struct nom_utility *u) {
    switch (seeded_below(s, 8)) {
    case 0:
        return 0.0;
    case 1:
        return u->l0_s;
    default:
        return u->l0_s * seeded_magnitude(s, 0.01, 30.0);
    }
}

static void order(double *low, double *high) {
    if (*low > *high) {
        double t = *low;
        *low = *high;
        *high = t;
    }
}

static double slack(const struct nom_utility *u) {
    return 1e-10 * u->alpha_usd_per_gbit;
}

static void value_falls_with_latency(void **state) {
    (void)state;
    struct seeded s = {1};
    for (unsigned i = 0; i < CASES; i++) {
        struct nom_utility u = any_utility(&s);
        double a = any_time(&s, &u), b = any_time(&s, &u), jitter = any_time(&s, &u);
        order(&a, &b);
        double quick = econ_value_usd_per_gbit(&u, a, jitter, tuner_normal_tail);
        double slow = econ_value_usd_per_gbit(&u, b, jitter, tuner_normal_tail);
        assert_true(slow >= 0.0);
        assert_true(slow <= quick + slack(&u));
    }
}

static void value_falls_with_jitter(void **state) {
    (void)state;
    struct seeded s = {2};
    unsigned past_l0 = 0, strictly = 0;
    for (unsigned i = 0; i < CASES; i++) {
        struct nom_utility u = any_utility(&s);
        double a = any_time(&s, &u), b = any_time(&s, &u), latency = any_time(&s, &u);
        order(&a, &b);
        if (u.kind == NOM_UTILITY_PENALTY && u.penalty_x < 2.0 && latency > u.l0_s)
            continue; /* the documented exception, below */
        double steady = econ_value_usd_per_gbit(&u, latency, a, tuner_normal_tail);
        double varied = econ_value_usd_per_gbit(&u, latency, b, tuner_normal_tail);
        assert_true(varied >= 0.0);
        assert_true(varied <= steady + slack(&u));
        past_l0 += u.kind == NOM_UTILITY_PENALTY && latency > u.l0_s;
        strictly += varied < steady;
    }
    assert_true(past_l0 > 100 && strictly > 100);
}

/* What econ.h says of X < 2: past L0, spread brings some replies in time. */
static void a_small_penalty_past_l0_rewards_jitter(void **state) {
    (void)state;
    struct nom_utility u = econ_utility_default(NOM_UTILITY_PENALTY);
    u.penalty_x = 1.0;
    assert_true(value_us(&u, 900.0, 400.0) > value_us(&u, 900.0, 100.0));
    u.penalty_x = 2.0;
    near(value_us(&u, 900.0, 400.0), 0.0);
    near(value_us(&u, 900.0, 100.0), 0.0);
}

struct sample {
    struct econ_choice_set set;
    struct nom_utility utility;
    double price[2];
};

/* Two rows that differ in useful throughput alone, the first having no more. */
static void any_sample(struct seeded *s, struct sample *sample) {
    struct nom_table_header h = {.row_count = 2, .use_count = 2};
    struct nom_table_row rows[2];
    double less = seeded_magnitude(s, 1e-3, 100.0), more = seeded_magnitude(s, 1e-3, 100.0);

    sample->utility = any_utility(s);
    double latency = 1e6 * any_time(s, &sample->utility);
    double jitter = 1e6 * any_time(s, &sample->utility);
    double wire = seeded_magnitude(s, 1e-3, 100.0), cpu = seeded_between(s, 0.0, 8.0);
    order(&less, &more);
    rows[0] = row(less, latency, jitter, wire);
    rows[1] = row(more, latency, jitter, wire);
    rows[0].use[1] = rows[1].use[1] = cpu;
    econ_choice_set_init(&sample->set, &h, rows, &sample->utility, tuner_normal_tail);
    sample->price[0] = seeded_magnitude(s, 0.01, 100.0);
    sample->price[1] = seeded_magnitude(s, 0.01, 100.0);
}

static void profit_rises_with_throughput_at_the_same_cost(void **state) {
    (void)state;
    static struct sample sample;
    struct seeded s = {3};
    for (unsigned i = 0; i < CASES; i++) {
        any_sample(&s, &sample);
        assert_true(econ_profit(&sample.set, 1, sample.price) >=
                    econ_profit(&sample.set, 0, sample.price));
    }
}

static void profit_falls_with_each_price(void **state) {
    (void)state;
    static struct sample sample;
    struct seeded s = {4};
    for (unsigned i = 0; i < CASES; i++) {
        any_sample(&s, &sample);
        double cheap = econ_profit(&sample.set, 0, sample.price);
        sample.price[seeded_below(&s, 2)] *= seeded_between(&s, 1.0, 3.0);
        assert_true(econ_profit(&sample.set, 0, sample.price) <= cheap);
    }
}

static void profit_is_linear_in_the_prices(void **state) {
    (void)state;
    static struct sample sample;
    struct seeded s = {5};
    for (unsigned i = 0; i < CASES; i++) {
        any_sample(&s, &sample);
        double other[2] = {seeded_between(&s, 0.0, 100.0), seeded_between(&s, 0.0, 100.0)};
        double share = seeded_unit(&s), mixed[2];
        for (int k = 0; k < 2; k++)
            mixed[k] = share * sample.price[k] + (1.0 - share) * other[k];
        double a = econ_profit(&sample.set, 0, sample.price);
        double b = econ_profit(&sample.set, 0, other);
        double got = econ_profit(&sample.set, 0, mixed);
        double size = fabs(a) + fabs(b) + sample.set.revenue_usd_per_s[0];
        assert_within(got, share * a + (1.0 - share) * b, 1e-12 * size);
    }
}

static void bad_utilities_are_refused(void **state) {
    (void)state;
    static const size_t amounts[] = {
        offsetof(struct nom_utility, alpha_usd_per_gbit),
        offsetof(struct nom_utility, l0_s),
        offsetof(struct nom_utility, penalty_x),
        offsetof(struct nom_utility, beta_usd_per_gbit_s),
        offsetof(struct nom_utility, gamma_usd_s_per_gbit),
        offsetof(struct nom_utility, delta_usd_per_gbit),
    };
    static const char *const names[] = {"alpha", "l0", "x", "beta", "gamma", "delta"};
    static const double bad[] = {-1.0, -1e-300, -INFINITY, NAN, INFINITY};
    const char *why;

    for (size_t f = 0; f < 6; f++) {
        for (size_t b = 0; b < 5; b++) {
            struct nom_utility u = econ_utility_default(NOM_UTILITY_REFUND);
            memcpy((char *)&u + amounts[f], &bad[b], sizeof bad[b]);
            why = NULL;
            if (f == 5 && isinf(bad[b]) && bad[b] > 0.0) {
                assert_int_equal(econ_utility_check(&u, &why), 0);
                continue;
            }
            assert_int_equal(econ_utility_check(&u, &why), -1);
            assert_non_null(strstr(why, names[f]));
        }
    }
    static const uint32_t kinds[] = {0, 5, 0xffffffffu};
    for (size_t k = 0; k < 3; k++) {
        struct nom_utility u = econ_utility_default(NOM_UTILITY_SIMPLE);
        u.kind = kinds[k];
        assert_int_equal(econ_utility_check(&u, &why), -1);
        assert_non_null(strstr(why, "kind"));
    }
    struct nom_utility u = econ_utility_default(NOM_UTILITY_SIMPLE);
    u.reserved = 1;
    assert_int_equal(econ_utility_check(&u, &why), -1);
    assert_non_null(strstr(why, "reserved"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_the_papers),
        cmocka_unit_test(simple_by_hand),
        cmocka_unit_test(penalty_by_hand),
        cmocka_unit_test(refund_by_hand),
        cmocka_unit_test(bonus_by_hand),
        cmocka_unit_test(revenue_counts_useful_throughput_cost_the_wire),
        cmocka_unit_test(revenue_by_hand),
        cmocka_unit_test(a_row_without_throughput_earns_nothing),
        cmocka_unit_test(value_falls_with_latency),
        cmocka_unit_test(value_falls_with_jitter),
        cmocka_unit_test(a_small_penalty_past_l0_rewards_jitter),
        cmocka_unit_test(profit_rises_with_throughput_at_the_same_cost),
        cmocka_unit_test(profit_falls_with_each_price),
        cmocka_unit_test(profit_is_linear_in_the_prices),
        cmocka_unit_test(bad_utilities_are_refused),
    };
    return cmocka_run_group_tests_name("econ", tests, NULL, NULL);
}
