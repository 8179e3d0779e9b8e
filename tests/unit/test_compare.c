/*
 * Floors against each other: ratios by hand, which way they point, which rounds count, and over
 * random trials that a ratio lies between those of single rounds.
 */
#include "seeded.h"
#include "tuner/tuner.h"
#include "within.h"
#include <stdio.h>
#include <string.h>

#define TRIALS 400u

static struct trial trials[TRIALS];
static int64_t ids[TRIALS];
static size_t made;

static int begin(void **state) {
    (void)state;
    made = 0;
    return 0;
}

static struct trial *add(const char *target, uint32_t connections, uint32_t repeat,
                         double throughput, double latency, double jitter) {
    struct trial *t = &trials[made];
    memset(t, 0, sizeof *t);
    snprintf(t->settings.target, sizeof t->settings.target, "%s", target);
    t->settings.connections = connections;
    t->settings.repeat = repeat;
    t->result.status = TRIAL_OK;
    t->result.throughput_ops = throughput;
    t->result.latency_mean_us = latency;
    t->result.jitter_us = jitter;
    ids[made] = 100 + (int64_t)made;
    made++;
    return t;
}

static void over_one_says_that_a_is_better(void **state) {
    (void)state;
    struct tuner_ratio r;
    add("nom", 32, 0, 100, 10, 2);
    add("linux", 32, 0, 50, 40, 6);
    add("nom", 32, 1, 120, 12, 4);
    add("linux", 32, 1, 40, 36, 4);
    add("linux", 32, 2, 44, 38, 5);
    add("nom", 32, 2, 110, 11, 1);
    assert_int_equal(tuner_ratio(trials, made, "nom", "linux", 32, &r), 3);
    assert_int_equal(r.repeats, 3);
    assert_within(r.throughput.median, 110.0 / 44, 1e-12);
    assert_within(r.throughput.low, 2, 1e-12);
    assert_within(r.throughput.high, 3, 1e-12);
    assert_within(r.latency.median, 38.0 / 11, 1e-12);
    assert_within(r.latency.low, 3, 1e-12);
    assert_within(r.latency.high, 4, 1e-12);
    assert_within(r.jitter.median, 5.0 / 2, 1e-12);
    assert_within(r.jitter.low, 1, 1e-12);
    assert_within(r.jitter.high, 5, 1e-12);
    /* The other way round each is the inverse. */
    struct tuner_ratio back;
    assert_int_equal(tuner_ratio(trials, made, "linux", "nom", 32, &back), 3);
    assert_within(back.throughput.median * r.throughput.median, 1, 1e-12);
    assert_within(back.latency.low * r.latency.high, 1, 1e-12);
    assert_within(back.jitter.median * r.jitter.median, 1, 1e-12);
}

static void levels_have_medians_and_spread(void **state) {
    (void)state;
    struct tuner_level level;
    add("nom", 32, 0, 100, 10, 2)->settings.delay_us = 8;
    add("nom", 32, 1, 120, 12, 4);
    add("nom", 32, 2, 110, 11, 1);
    add("nom", 1, 0, 7, 7, 7);
    add("linux", 32, 0, 9, 9, 9);
    assert_int_equal(tuner_level(trials, ids, made, "nom", 32, &level), 3);
    assert_int_equal(level.repeats, 3);
    assert_string_equal(level.settings.target, "nom");
    assert_within(level.settings.delay_us, 8, 0);
    assert_within(level.throughput_ops.median, 110, 0);
    assert_within(level.throughput_ops.low, 100, 0);
    assert_within(level.throughput_ops.high, 120, 0);
    assert_within(level.latency_mean_us.median, 11, 0);
    assert_within(level.jitter_us.median, 2, 0);
    assert_within(level.jitter_us.high, 4, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(level.run_id[i], 100 + i);
}

static void only_rounds_that_both_finished_well_count(void **state) {
    (void)state;
    struct tuner_ratio r;
    struct tuner_level level;
    assert_int_equal(tuner_ratio(trials, made, "nom", "linux", 32, &r), 0);
    assert_int_equal(tuner_level(trials, ids, made, "nom", 32, &level), 0);
    add("nom", 32, 0, 1000, 1, 1);
    add("linux", 32, 0, 1, 1000, 1000)->result.status = TRIAL_FAILED;
    add("nom", 32, 1, 1000, 1, 1)->result.status = TRIAL_NOISY;
    add("linux", 32, 1, 10, 10, 10);
    assert_int_equal(tuner_ratio(trials, made, "nom", "linux", 32, &r), 0);
    add("nom", 32, 1, 20, 5, 5); /* the noisy one, measured again */
    add("linux", 32, 2, 10, 10, 10);
    add("nom", 32, 2, 1, 1, 1)->result.status = TRIAL_ABORTED;
    add("linux", 1, 0, 10, 10, 10);
    assert_int_equal(tuner_ratio(trials, made, "nom", "linux", 32, &r), 1);
    assert_within(r.throughput.median, 2, 0);
    assert_within(r.throughput.low, 2, 0);
    assert_within(r.latency.high, 2, 0);
    assert_int_equal(tuner_level(trials, ids, made, "nom", 32, &level), 2);
    assert_int_equal(tuner_ratio(trials, made, "nom", "linux", 1, &r), 0);
    assert_int_equal(tuner_ratio(trials, made, "nom", "osv", 32, &r), 0);
}

static void a_ratio_lies_between_those_of_the_rounds(void **state) {
    (void)state;
    struct seeded random = {7};
    for (int run = 0; run < 200; run++) {
        struct tuner_ratio r;
        uint32_t rounds = 1 + (uint32_t)seeded_below(&random, 12);
        made = 0;
        for (uint32_t repeat = 0; repeat < rounds; repeat++)
            for (int floor = 0; floor < 2; floor++)
                if (repeat == 0 || seeded_below(&random, 5) > 0)
                    add(floor ? "nom" : "linux", 32, repeat,
                        1 + (double)seeded_below(&random, 1000),
                        1 + (double)seeded_below(&random, 1000),
                        1 + (double)seeded_below(&random, 1000));
        assert_true(tuner_ratio(trials, made, "nom", "linux", 32, &r) >= 1);
        const struct tuner_spread *all[] = {&r.throughput, &r.latency, &r.jitter};
        for (int i = 0; i < 3; i++) {
            assert_true(all[i]->low > 0 && all[i]->low <= all[i]->median * (1 + 1e-12));
            assert_true(all[i]->median <= all[i]->high * (1 + 1e-12));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(over_one_says_that_a_is_better, begin),
        cmocka_unit_test_setup(levels_have_medians_and_spread, begin),
        cmocka_unit_test_setup(only_rounds_that_both_finished_well_count, begin),
        cmocka_unit_test_setup(a_ratio_lies_between_those_of_the_rounds, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
