/*
 * The choice of a row and of a load level, against plain searches over the same table. Values are
 * small whole numbers, so that sums are exact and ties are common.
 */
#include "runtime/econ/econ.h"
#include "seeded.h"
#include "tuner/tuner.h"
#include "within.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CASES 4000u

static struct nom_table_row rows[NOM_TABLE_ROWS_MAX];
static struct nom_table_header header;
static struct nom_utility utility;
static struct econ_choice_set set;

static void begin(uint32_t uses) {
    memset(rows, 0, sizeof rows);
    header = (struct nom_table_header){.use_count = uses};
    utility = econ_utility_default(NOM_UTILITY_SIMPLE);
}

static struct nom_table_row *add(double connections, double useful, double wire) {
    struct nom_table_row *row = &rows[header.row_count++];
    row->connections = connections;
    row->useful_gbit_per_s = useful;
    row->use[0] = wire;
    return row;
}

static void init(void) {
    econ_choice_set_init(&set, &header, rows, &utility, tuner_normal_tail);
}

/* By the definition: every row of the level, revenue less uses times prices. */
static size_t search(double connections, const double *price, double *profit) {
    size_t best = ECON_NO_ROW;
    *profit = 0.0;
    for (size_t i = 0; i < header.row_count; i++) {
        double p = rows[i].useful_gbit_per_s * utility.alpha_usd_per_gbit;
        for (size_t k = 0; k < header.use_count; k++)
            p -= rows[i].use[k] * price[k];
        if (rows[i].connections == connections && p > *profit) {
            *profit = p;
            best = i;
        }
    }
    return best;
}

static void any_table(struct seeded *s) {
    begin((uint32_t)seeded_below(s, NOM_USES_MAX + 1));
    double connections = 1.0;
    size_t n = 1 + seeded_below(s, 60);
    for (size_t i = 0; i < n; i++) {
        struct nom_table_row *row = add(connections, (double)seeded_below(s, 6), 0.0);
        for (size_t k = 0; k < header.use_count; k++)
            row->use[k] = (double)seeded_below(s, 8);
        if (seeded_below(s, 6) == 0)
            connections *= (double)(2 + seeded_below(s, 3));
    }
    init();
}

static void the_choice_is_the_best_row_of_its_level(void **state) {
    (void)state;
    struct seeded s = {11};
    unsigned nothing = 0, something = 0;
    for (unsigned i = 0; i < CASES; i++) {
        any_table(&s);
        for (unsigned j = 0; j < 10; j++) {
            double price[NOM_USES_MAX], got, expected;
            for (size_t k = 0; k < NOM_USES_MAX; k++)
                price[k] = (double)seeded_below(&s, 30);
            double level = rows[seeded_below(&s, header.row_count)].connections;
            size_t best = search(level, price, &expected);
            assert_int_equal(econ_choose(&set, level, price, &got), best);
            assert_within(got, expected, 0.0);
            if (best == ECON_NO_ROW)
                nothing++;
            else {
                something++;
                assert_within(econ_profit(&set, best, price), expected, 0.0);
            }
        }
    }
    assert_true(nothing > 1000 && something > 1000);
}

/* The paper's point: dear bandwidth turns the choice from throughput to latency, then to none. */
static void a_rising_price_moves_the_choice(void **state) {
    (void)state;
    double profit;
    begin(1);
    utility = econ_utility_default(NOM_UTILITY_BONUS);
    add(32, 1.0, 1.1)->latency_mean_us = 1000.0; /* 20 + 10 $/Gbit */
    add(32, 0.6, 0.66)->latency_mean_us = 500.0; /* 20 + 20 $/Gbit */
    init();
    assert_int_equal(econ_choose(&set, 32, (double[]){1.0}, &profit), 0);
    assert_within(profit, 28.9, 1e-9);
    assert_int_equal(econ_choose(&set, 32, (double[]){20.0}, &profit), 1);
    assert_within(profit, 24.0 - 13.2, 1e-9);
    assert_int_equal(econ_choose(&set, 32, (double[]){40.0}, &profit), ECON_NO_ROW);
    assert_within(profit, 0.0, 0.0);
}

static void nothing_is_sent_at_a_loss_or_for_nothing(void **state) {
    (void)state;
    double profit = -1.0;
    begin(1);
    add(8, 1.0, 1.0);
    add(8, 2.0, 2.0);
    init();
    assert_int_equal(econ_choose(&set, 8, (double[]){20.0}, &profit), ECON_NO_ROW);
    assert_within(profit, 0.0, 0.0);
    assert_int_equal(econ_choose(&set, 8, (double[]){20.5}, &profit), ECON_NO_ROW);
    assert_within(profit, 0.0, 0.0);
    assert_int_equal(econ_choose(&set, 8, (double[]){19.5}, &profit), 1);
    assert_within(profit, 1.0, 0.0);
}

static void ties_go_to_the_first_row(void **state) {
    (void)state;
    double profit;
    begin(1);
    add(1, 0.5, 0.0);
    add(1, 1.0, 0.0);
    add(1, 1.0, 0.0);
    add(4, 1.0, 0.0);
    init();
    assert_int_equal(econ_choose(&set, 1, (double[]){5.0}, &profit), 1);
    assert_int_equal(econ_choose(&set, 4, (double[]){5.0}, &profit), 3);
}

static void what_is_not_in_the_table_is_not_chosen(void **state) {
    (void)state;
    double profit = -1.0;
    begin(1);
    add(4, 1.0, 1.0);
    add(16, 1.0, 1.0);
    init();
    static const double absent[] = {0.0, 1.0, 3.999, 8.0, 17.0, INFINITY, NAN};
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++) {
        assert_int_equal(econ_choose(&set, absent[i], (double[]){1.0}, &profit), ECON_NO_ROW);
        assert_within(profit, 0.0, 0.0);
    }
    assert_int_equal(econ_choose(&set, 4, (double[]){NAN}, &profit), ECON_NO_ROW);
    assert_within(profit, 0.0, 0.0);

    struct econ_choice_set *empty = calloc(1, sizeof *empty);
    assert_non_null(empty);
    assert_int_equal(econ_choose(empty, 4, (double[]){1.0}, &profit), ECON_NO_ROW);
    assert_within(econ_load_level(empty, 4.0), 0.0, 0.0);
    free(empty);
}

static void a_full_table_of_single_rows(void **state) {
    (void)state;
    double profit;
    begin(NOM_USES_MAX);
    for (unsigned i = 0; i < NOM_TABLE_ROWS_MAX; i++)
        add(1.0 + i, 1.0, 0.0)->use[NOM_USES_MAX - 1] = 2.0;
    init();
    assert_int_equal(set.levels, NOM_TABLE_ROWS_MAX);
    for (unsigned i = 0; i < NOM_TABLE_ROWS_MAX; i++) {
        assert_int_equal(econ_choose(&set, 1.0 + i, (double[]){0, 0, 0, 3.0}, &profit), i);
        assert_within(profit, 14.0, 0.0);
        assert_within(econ_load_level(&set, 1.0 + i), 1.0 + i, 0.0);
    }
}

static void the_load_level_is_the_nearest_by_ratio(void **state) {
    (void)state;
    struct seeded s = {12};
    for (unsigned i = 0; i < CASES; i++) {
        any_table(&s);
        for (unsigned j = 0; j < 10; j++) {
            double estimate = seeded_magnitude(&s, 0.1, 1e5);
            double at = fmax(1.0, estimate);
            double got = econ_load_level(&set, estimate);
            int present = 0;
            for (size_t r = 0; r < header.row_count; r++) {
                present |= rows[r].connections == got;
                assert_true(fabs(log(at / got)) <= fabs(log(at / rows[r].connections)) + 1e-9);
            }
            assert_true(present);
        }
    }
}

static void load_levels_at_the_edges(void **state) {
    (void)state;
    begin(1);
    add(1, 1.0, 0.0);
    add(4, 1.0, 0.0);
    add(64, 1.0, 0.0);
    init();
    static const struct {
        double estimate, level;
    } expected[] = {
        {0.0, 1},   {-5.0, 1}, {NAN, 1},    {1.0, 1},   {2.0, 1},  {2.001, 4},
        {15.99, 4}, {16.0, 4}, {16.01, 64}, {64.0, 64}, {1e9, 64}, {INFINITY, 64},
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        assert_within(econ_load_level(&set, expected[i].estimate), expected[i].level, 0.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_choice_is_the_best_row_of_its_level),
        cmocka_unit_test(a_rising_price_moves_the_choice),
        cmocka_unit_test(nothing_is_sent_at_a_loss_or_for_nothing),
        cmocka_unit_test(ties_go_to_the_first_row),
        cmocka_unit_test(what_is_not_in_the_table_is_not_chosen),
        cmocka_unit_test(a_full_table_of_single_rows),
        cmocka_unit_test(the_load_level_is_the_nearest_by_ratio),
        cmocka_unit_test(load_levels_at_the_edges),
    };
    return cmocka_run_group_tests_name("choose", tests, NULL, NULL);
}
