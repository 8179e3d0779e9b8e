/*
 * From trials to points to a table file: medians and spread by hand, grouping and frontier marks
 * over random trials, and what no table may be built from.
 */
#include "pareto/pareto.h"
#include "runtime/econ/econ.h"
#include "seeded.h"
#include "tuner/tuner.h"
#include "within.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIALS 200u

static struct trial trials[TRIALS];
static int64_t ids[TRIALS];
static size_t made;

static struct trial *add(const char *load, uint32_t connections, double delay_us, uint32_t kick,
                         double throughput) {
    struct trial *t = &trials[made];
    memset(t, 0, sizeof *t);
    snprintf(t->settings.load, sizeof t->settings.load, "%s", load);
    t->settings.connections = connections;
    t->settings.delay_us = delay_us;
    t->settings.kick = kick;
    t->result.status = TRIAL_OK;
    t->result.throughput_ops = throughput;
    ids[made] = 1000 + (int64_t)made;
    made++;
    return t;
}

static int begin(void **state) {
    (void)state;
    made = 0;
    return 0;
}

static struct tuner_point *points_of(size_t *count) {
    struct tuner_point *points = NULL;
    assert_int_equal(tuner_points(trials, ids, made, &points, count), 0);
    assert_non_null(points);
    return points;
}

static void medians_of_an_odd_number(void **state) {
    (void)state;
    static const double order[] = {3, 1, 2};
    for (size_t i = 0; i < 3; i++) {
        struct trial_result *r = &add("many", 32, 8.0, 0, 90.0 + 10.0 * (order[i] - 1))->result;
        r->latency_mean_us = 100 * order[i];
        r->jitter_us = 10 * order[i];
        r->latency_p50_us = 101 * order[i];
        r->latency_p90_us = 102 * order[i];
        r->latency_p99_us = 103 * order[i];
        r->latency_p999_us = 104 * order[i];
        r->useful_gbit_per_s = 0.1 * order[i];
        r->gbit_out_per_s = 0.2 * order[i];
        r->guest_cpu_s_per_s = 0.3 * order[i];
        r->vcpu_cpu_s_per_s = 0.25 * order[i];
    }
    size_t count;
    struct tuner_point *p = points_of(&count);
    assert_int_equal(count, 1);
    assert_string_equal(p->load, "many");
    assert_int_equal(p->connections, 32);
    assert_within(p->delay_us, 8.0, 0.0);
    assert_int_equal(p->kick, 0);
    assert_within(p->throughput_ops, 100.0, 0.0);
    assert_within(p->throughput_low, 90.0, 0.0);
    assert_within(p->throughput_high, 110.0, 0.0);
    assert_within(p->cv, 0.1, 1e-12); /* deviation 10 (of a sample) over mean 100 */
    assert_within(p->latency_mean_us, 200.0, 0.0);
    assert_within(p->latency_low_us, 100.0, 0.0);
    assert_within(p->latency_high_us, 300.0, 0.0);
    assert_within(p->jitter_us, 20.0, 0.0);
    assert_within(p->latency_p50_us, 202.0, 0.0);
    assert_within(p->latency_p90_us, 204.0, 0.0);
    assert_within(p->latency_p99_us, 206.0, 0.0);
    assert_within(p->latency_p999_us, 208.0, 0.0);
    assert_within(p->useful_gbit_per_s, 0.2, 0.0);
    assert_within(p->gbit_out_per_s, 0.4, 0.0);
    assert_within(p->cpu_s_per_s, 0.6, 0.0);
    assert_int_equal(p->repeats, 3);
    assert_int_equal(p->run_count, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(p->run_id[i], 1000 + i);
    assert_true(p->on_frontier);
    free(p);
}

static void median_of_an_even_number_and_of_one(void **state) {
    (void)state;
    static const double even[] = {40, 10, 30, 20};
    for (size_t i = 0; i < 4; i++)
        add("many", 32, 0.0, 0, even[i]);
    add("many", 32, 2.0, 0, 77.0);
    size_t count;
    struct tuner_point *p = points_of(&count);
    assert_int_equal(count, 2);
    assert_within(p[0].throughput_ops, 25.0, 0.0);
    assert_within(p[1].throughput_ops, 77.0, 0.0);
    assert_within(p[1].cv, 0.0, 0.0);
    assert_int_equal(p[1].repeats, 1);
    free(p);
}

static void only_good_trials_count(void **state) {
    (void)state;
    add("many", 32, 0.0, 0, 10.0)->result.status = TRIAL_FAILED;
    add("many", 32, 0.0, 0, 20.0);
    add("many", 32, 0.0, 0, 30.0)->result.status = TRIAL_NOISY;
    add("many", 32, 9.0, 0, 40.0)->result.status = TRIAL_ABORTED;
    size_t count;
    struct tuner_point *p = points_of(&count);
    assert_int_equal(count, 1);
    assert_within(p->throughput_ops, 20.0, 0.0);
    assert_int_equal(p->run_count, 1);
    assert_int_equal(p->run_id[0], 1001);
    free(p);
}

static void no_trials_give_no_points(void **state) {
    (void)state;
    size_t count = 7;
    struct tuner_point *p = points_of(&count);
    assert_int_equal(count, 0);
    free(p);
}

/* Decision 9: W = 0 strict is a point of its own. */
static void points_stand_by_connections_kick_and_delay(void **state) {
    (void)state;
    add("many", 32, 4.0, NOM_KICK_NATURAL, 1.0);
    add("many", 32, 0.0, NOM_KICK_STRICT, 2.0);
    add("single", 1, 0.0, NOM_KICK_NATURAL, 3.0);
    add("many", 32, 0.0, NOM_KICK_NATURAL, 4.0);
    add("1", 1, 0.0, NOM_KICK_NATURAL, 5.0); /* the same load by another name */
    size_t count;
    struct tuner_point *p = points_of(&count);
    assert_int_equal(count, 4);
    assert_string_equal(p[0].load, "single");
    assert_int_equal(p[0].repeats, 2);
    static const struct {
        uint32_t connections, kick;
        double delay_us, throughput;
    } expected[] = {{1, 0, 0.0, 4.0}, {32, 0, 0.0, 4.0}, {32, 0, 4.0, 1.0}, {32, 1, 0.0, 2.0}};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(p[i].connections, expected[i].connections);
        assert_int_equal(p[i].kick, expected[i].kick);
        assert_within(p[i].delay_us, expected[i].delay_us, 0.0);
        assert_within(p[i].throughput_ops, expected[i].throughput, 0.0);
    }
    free(p);
}

static void run_ids_beyond_the_room_are_left_out(void **state) {
    (void)state;
    for (unsigned i = 0; i < TUNER_RUNS_MAX + 6; i++)
        add("many", 32, 0.0, 0, i);
    size_t count;
    struct tuner_point *p = points_of(&count);
    assert_int_equal(p->repeats, TUNER_RUNS_MAX + 6);
    assert_int_equal(p->run_count, TUNER_RUNS_MAX);
    assert_int_equal(p->run_id[TUNER_RUNS_MAX - 1], 1000 + TUNER_RUNS_MAX - 1);
    assert_within(p->throughput_high, TUNER_RUNS_MAX + 5, 0.0);
    free(p);
}

/* Random trials: every good one is in exactly one point, and a mark is what the definition says. */
static void any_trials(struct seeded *s) {
    static const uint32_t loads[] = {1, 8, 32};
    made = 0;
    for (size_t n = seeded_below(s, TRIALS); n > 0; n--) {
        struct trial *t = add("load", loads[seeded_below(s, 3)], (double)seeded_below(s, 10),
                              (uint32_t)seeded_below(s, 2), (double)seeded_below(s, 20));
        t->result.status = (enum trial_status)(seeded_below(s, 6) ? 0 : seeded_below(s, 4));
        t->result.latency_mean_us = (double)seeded_below(s, 20);
        t->result.jitter_us = (double)seeded_below(s, 20);
    }
}

static void marks_are_the_frontier_of_each_load(void **state) {
    (void)state;
    static const int sense[] = {1, -1, -1};
    struct seeded s = {41};
    unsigned on = 0, off = 0;
    for (unsigned c = 0; c < 300; c++) {
        any_trials(&s);
        size_t count, good = 0, counted = 0;
        struct tuner_point *p = points_of(&count);
        for (size_t i = 0; i < made; i++)
            good += trials[i].result.status == TRIAL_OK;
        for (size_t i = 0; i < count; i++) {
            double at[3] = {p[i].throughput_ops, p[i].latency_mean_us, p[i].jitter_us};
            int dominated = 0;
            for (size_t j = 0; j < count; j++) {
                double other[3] = {p[j].throughput_ops, p[j].latency_mean_us, p[j].jitter_us};
                dominated |=
                    p[j].connections == p[i].connections && pareto_dominates(other, at, 3, sense);
            }
            assert_int_equal(p[i].on_frontier != 0, !dominated);
            counted += p[i].repeats;
            on += !dominated;
            off += dominated != 0;
        }
        assert_int_equal(counted, good);
        free(p);
    }
    assert_true(on > 100 && off > 100);
}

static void strict_that_cannot_be_told_from_natural_goes(void **state) {
    (void)state;
    /* Load 1: 100 to 110 and 104 to 112; load 32: 200 to 210 and 150 to 160; load 64: strict only.
     */
    for (int run = 0; run < 3; run++) {
        add("single", 1, 0.0, NOM_KICK_NATURAL, 100 + 5 * run);
        add("single", 1, 0.0, NOM_KICK_STRICT, 104 + 4 * run);
        add("single", 1, 8.0, NOM_KICK_NATURAL, 106.5);
        add("many", 32, 0.0, NOM_KICK_NATURAL, 200 + 5 * run);
        add("many", 32, 0.0, NOM_KICK_STRICT, 150 + 5 * run);
        add("64", 64, 0.0, NOM_KICK_STRICT, 200 + 5 * run);
    }
    size_t count;
    struct tuner_point *p = points_of(&count);
    assert_int_equal(count, 6);
    assert_int_equal(p[1].on_frontier, 0); /* W = 8: 106.5, below strict's 108 */
    assert_int_equal(p[2].kick, NOM_KICK_STRICT);
    assert_int_equal(p[2].on_frontier, 1);
    assert_int_equal(tuner_prefer_natural(p, &count), 0);
    static const struct {
        uint32_t connections, kick;
        double delay_us;
        int on_frontier;
    } expected[] = {{1, NOM_KICK_NATURAL, 0.0, 0},
                    {1, NOM_KICK_NATURAL, 8.0, 1},
                    {32, NOM_KICK_NATURAL, 0.0, 1},
                    {32, NOM_KICK_STRICT, 0.0, 0},
                    {64, NOM_KICK_STRICT, 0.0, 1}};
    assert_int_equal(count, 5);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(p[i].connections, expected[i].connections);
        assert_int_equal(p[i].kick, expected[i].kick);
        assert_within(p[i].delay_us, expected[i].delay_us, 0.0);
        assert_int_equal(p[i].on_frontier, expected[i].on_frontier);
    }
    /* A difference of as much as the spread tells them apart, and so does any without a spread. */
    p[1] = (struct tuner_point){.connections = 1,
                                .kick = NOM_KICK_STRICT,
                                .throughput_ops = 115,
                                .throughput_low = 115,
                                .throughput_high = 115};
    count = 2;
    assert_int_equal(tuner_prefer_natural(p, &count), 0);
    assert_int_equal(count, 2);
    free(p);
}

static struct tuner_table_info info(void) {
    struct tuner_table_info i = {
        .app = "nhttpd",
        .target = "nom",
        .accel = "kvm",
        .app_build_id = "00ff",
        .session_id = 3,
        .built_unix_s = 1700000000,
        .utility = econ_utility_default(NOM_UTILITY_PENALTY),
    };
    memcpy(i.app, "nhttpd\0left over", 16);
    return i;
}

static struct tuner_point point(uint32_t connections, double delay_us) {
    return (struct tuner_point){.connections = connections,
                                .delay_us = delay_us,
                                .throughput_ops = 1000.0,
                                .latency_mean_us = 200.0,
                                .jitter_us = 20.0,
                                .latency_p50_us = 190.0,
                                .latency_p90_us = 220.0,
                                .latency_p99_us = 250.0,
                                .latency_p999_us = 280.0,
                                .useful_gbit_per_s = 0.5,
                                .gbit_out_per_s = 0.6,
                                .cpu_s_per_s = 0.9,
                                .cv = 0.03,
                                .repeats = 5};
}

static void a_table_holds_every_point(void **state) {
    (void)state;
    struct tuner_table_info about = info();
    struct tuner_point p[3] = {point(1, 0.0), point(32, 0.0), point(32, 6.0)};
    p[1].kick = NOM_KICK_STRICT;
    p[2].on_frontier = 1;
    p[2].gbit_out_per_s = 0.0; /* not counted */
    void *file;
    size_t bytes;
    assert_int_equal(tuner_table(&about, p, 3, &file, &bytes), 0);

    const struct nom_table_header *h;
    const struct nom_table_row *row;
    char why[200];
    assert_int_equal(econ_table_check(file, bytes, &h, &row, why, sizeof why), 0);
    assert_string_equal(h->app, "nhttpd");
    assert_string_equal(h->target, "nom");
    assert_string_equal(h->accel, "kvm");
    assert_string_equal(h->app_build_id, "00ff");
    assert_int_equal(h->session_id, 3);
    assert_int_equal(h->built_unix_s, 1700000000);
    assert_memory_equal(&h->utility, &about.utility, sizeof h->utility);
    assert_int_equal(h->row_count, 3);
    assert_int_equal(h->knob_count, 3);
    assert_int_equal(h->knob_id[0], NOM_KNOB_DELAY_US);
    assert_int_equal(h->knob_id[1], NOM_KNOB_KICK);
    assert_int_equal(h->knob_id[2], NOM_KNOB_POLL_US);
    assert_int_equal(h->use_count, 2);
    assert_int_equal(h->use_id[0], NOM_USE_GBIT_OUT_PER_S);
    assert_int_equal(h->use_id[1], NOM_USE_CPU_S_PER_S);
    for (int i = 0; i < 3; i++) {
        assert_within(row[i].connections, p[i].connections, 0.0);
        assert_within(row[i].knob[0], p[i].delay_us, 0.0);
        assert_within(row[i].knob[1], p[i].kick, 0.0);
        assert_within(row[i].knob[2], p[i].poll_us, 0.0);
        assert_within(row[i].use[0], i == 2 ? 0.5 : 0.6, 0.0);
        assert_within(row[i].use[1], 0.9, 0.0);
        assert_within(row[i].throughput_ops, 1000.0, 0.0);
        assert_within(row[i].useful_gbit_per_s, 0.5, 0.0);
        assert_within(row[i].latency_mean_us, 200.0, 0.0);
        assert_within(row[i].jitter_us, 20.0, 0.0);
        assert_within(row[i].latency_p50_us, 190.0, 0.0);
        assert_within(row[i].latency_p90_us, 220.0, 0.0);
        assert_within(row[i].latency_p99_us, 250.0, 0.0);
        assert_within(row[i].latency_p999_us, 280.0, 0.0);
        assert_within(row[i].cv, 0.03, 0.0);
        assert_int_equal(row[i].samples, 5);
        assert_int_equal(row[i].flags, i == 2 ? NOM_ROW_ON_FRONTIER : 0);
    }
    free(file);
}

static void tables_are_built_from_any_good_trials(void **state) {
    (void)state;
    struct tuner_table_info about = info();
    struct seeded s = {42};
    for (unsigned c = 0; c < 300; c++) {
        any_trials(&s);
        size_t count, bytes;
        void *file;
        struct tuner_point *p = points_of(&count);
        assert_int_equal(tuner_table(&about, p, count, &file, &bytes), count ? 0 : -EINVAL);
        if (count)
            free(file);
        free(p);
    }
}

static void bad_tables_are_not_built(void **state) {
    (void)state;
    struct tuner_table_info about = info();
    struct tuner_point *many = calloc(NOM_TABLE_ROWS_MAX + 1, sizeof *many);
    void *file;
    size_t bytes;
    assert_non_null(many);
    for (unsigned i = 0; i <= NOM_TABLE_ROWS_MAX; i++)
        many[i] = point(1, 0.0);
    assert_int_equal(tuner_table(&about, many, 0, &file, &bytes), -EINVAL);
    assert_int_equal(tuner_table(&about, many, NOM_TABLE_ROWS_MAX + 1, &file, &bytes), -EINVAL);
    assert_int_equal(tuner_table(&about, many, NOM_TABLE_ROWS_MAX, &file, &bytes), 0);
    free(file);

    many[1].jitter_us = NAN;
    assert_int_equal(tuner_table(&about, many, 2, &file, &bytes), -EINVAL);
    many[1] = point(1, 1001.0);
    assert_int_equal(tuner_table(&about, many, 2, &file, &bytes), -EINVAL);
    many[0] = point(32, 0.0);
    many[1] = point(1, 0.0);
    assert_int_equal(tuner_table(&about, many, 2, &file, &bytes), -EINVAL);
    about.utility.kind = 0;
    assert_int_equal(tuner_table(&about, many, 1, &file, &bytes), -EINVAL);
    free(many);
}

static void the_normal_tail(void **state) {
    (void)state;
    assert_within(tuner_normal_tail(0.0), 0.5, 0.0);
    assert_within(tuner_normal_tail(1.959963984540054), 0.025, 1e-15);
    assert_within(tuner_normal_tail(-3.0), 1.0 - 0.0013498980316300957, 1e-15);
    assert_within(tuner_normal_tail(INFINITY), 0.0, 0.0);
    assert_within(tuner_normal_tail(-INFINITY), 1.0, 0.0);
}

static void a_cleared_trial_owns_nothing(void **state) {
    (void)state;
    struct trial *t = add("many", 32, 0.0, 0, 5.0);
    t->result.serial_log = strdup("nom: hello");
    t->result.latency = calloc(1, sizeof *t->result.latency);
    trial_clear(t);
    assert_null(t->result.serial_log);
    assert_null(t->result.latency);
    assert_within(t->result.throughput_ops, 5.0, 0.0);
    trial_clear(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(medians_of_an_odd_number, begin),
        cmocka_unit_test_setup(median_of_an_even_number_and_of_one, begin),
        cmocka_unit_test_setup(only_good_trials_count, begin),
        cmocka_unit_test_setup(no_trials_give_no_points, begin),
        cmocka_unit_test_setup(points_stand_by_connections_kick_and_delay, begin),
        cmocka_unit_test_setup(run_ids_beyond_the_room_are_left_out, begin),
        cmocka_unit_test_setup(marks_are_the_frontier_of_each_load, begin),
        cmocka_unit_test_setup(strict_that_cannot_be_told_from_natural_goes, begin),
        cmocka_unit_test(a_table_holds_every_point),
        cmocka_unit_test(tables_are_built_from_any_good_trials),
        cmocka_unit_test(bad_tables_are_not_built),
        cmocka_unit_test(the_normal_tail),
        cmocka_unit_test_setup(a_cleared_trial_owns_nothing, begin),
    };
    return cmocka_run_group_tests_name("tuner", tests, NULL, NULL);
}
