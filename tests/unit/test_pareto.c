/*
 * The frontier against its definition, and the hypervolume against counted unit cells: random
 * points on coarse grids, so that ties and equal points abound.
 */
#include "pareto/pareto.h"
#include "seeded.h"
#include "within.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CASES      3000u
#define POINTS     60u
#define DIMENSIONS 4u

/* By the definition in pareto.h, on its own. */
static int beats(const double *a, const double *b, size_t d, const int *sense) {
    int better = 0;
    for (size_t k = 0; k < d; k++) {
        if (isnan(a[k]) || isnan(b[k]))
            return 0;
        if (sense[k] > 0 ? a[k] < b[k] : a[k] > b[k])
            return 0;
        better |= a[k] != b[k];
    }
    return better;
}

static size_t search(const double *points, size_t n, size_t d, const int *sense, size_t *index) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        int on = 1;
        for (size_t k = 0; k < d; k++)
            on &= !isnan(points[i * d + k]);
        for (size_t j = 0; j < n && on; j++)
            on = !beats(points + j * d, points + i * d, d, sense);
        if (on)
            index[count++] = i;
    }
    return count;
}

static void any_senses(struct seeded *s, int *sense) {
    for (size_t k = 0; k < DIMENSIONS; k++)
        sense[k] = seeded_below(s, 2) ? 1 + (int)seeded_below(s, 3) : -1 - (int)seeded_below(s, 3);
}

static void compare(const double *points, size_t n, size_t d, const int *sense) {
    size_t expected[POINTS], got[POINTS], count = 99;
    size_t expected_count = search(points, n, d, sense, expected);
    assert_int_equal(pareto_frontier(points, n, d, sense, got, &count), 0);
    assert_int_equal(count, expected_count);
    assert_memory_equal(got, expected, count * sizeof *got);
}

static void the_frontier_is_as_defined(void **state) {
    (void)state;
    struct seeded s = {31};
    double points[POINTS * DIMENSIONS];
    int sense[DIMENSIONS];
    for (size_t d = 1; d <= DIMENSIONS; d++) {
        for (unsigned i = 0; i < CASES; i++) {
            size_t n = seeded_below(&s, POINTS + 1);
            uint64_t grid = 1 + seeded_below(&s, 12);
            any_senses(&s, sense);
            for (size_t j = 0; j < n * d; j++)
                points[j] = (double)seeded_below(&s, grid) - 3.0;
            compare(points, n, d, sense);
        }
    }
}

static void the_frontier_of_points_that_are_not_numbers(void **state) {
    (void)state;
    struct seeded s = {32};
    static const double odd[] = {NAN, INFINITY, -INFINITY, 0.0, -0.0};
    double points[POINTS * DIMENSIONS];
    int sense[DIMENSIONS];
    for (size_t d = 1; d <= DIMENSIONS; d++) {
        for (unsigned i = 0; i < CASES; i++) {
            size_t n = seeded_below(&s, POINTS + 1);
            any_senses(&s, sense);
            for (size_t j = 0; j < n * d; j++)
                points[j] = seeded_below(&s, 4) ? (double)seeded_below(&s, 5) - 2.0
                                                : odd[seeded_below(&s, 5)];
            compare(points, n, d, sense);
        }
    }
}

static void domination_is_as_defined(void **state) {
    (void)state;
    struct seeded s = {33};
    unsigned dominated = 0;
    for (unsigned i = 0; i < 10 * CASES; i++) {
        size_t d = 1 + seeded_below(&s, DIMENSIONS);
        double a[DIMENSIONS], b[DIMENSIONS];
        int sense[DIMENSIONS];
        any_senses(&s, sense);
        for (size_t k = 0; k < d; k++) {
            a[k] = seeded_below(&s, 40) ? (double)seeded_below(&s, 3) : NAN;
            b[k] = seeded_below(&s, 40) ? (double)seeded_below(&s, 3) : NAN;
        }
        int expected = beats(a, b, d, sense);
        assert_int_equal(pareto_dominates(a, b, d, sense) != 0, expected);
        dominated += (unsigned)expected;
    }
    assert_true(dominated > CASES);
}

static void frontier_by_hand(void **state) {
    (void)state;
    /* Throughput up, latency down: the third is slower and does less, the last two are equal. */
    static const double points[] = {100, 10, 120, 12, 90, 11, 130, 20, 130, 20};
    static const int sense[] = {1, -1};
    size_t index[5], count;
    assert_int_equal(pareto_frontier(points, 5, 2, sense, index, &count), 0);
    assert_int_equal(count, 4);
    assert_memory_equal(index, ((size_t[]){0, 1, 3, 4}), 4 * sizeof *index);
}

static void bad_frontiers_are_refused(void **state) {
    (void)state;
    double point[2] = {1, 2};
    size_t index[1], count = 5;
    assert_int_equal(pareto_frontier(point, 1, 0, (int[]){1, 1}, index, &count), -EINVAL);
    assert_int_equal(pareto_frontier(point, 1, 2, (int[]){1, 0}, index, &count), -EINVAL);
    assert_int_equal(pareto_frontier(NULL, 0, 2, (int[]){1, -1}, index, &count), 0);
    assert_int_equal(count, 0);
}

/* 200,000 points of which none dominates another, shuffled: out of reach for n^2. */
static void a_large_plane(void **state) {
    (void)state;
    enum { N = 200000 };
    static const int sense[] = {1, -1};
    struct seeded s = {34};
    double *points = calloc(N, 2 * sizeof *points);
    size_t *index = calloc(N, sizeof *index), count;
    assert_non_null(points);
    assert_non_null(index);
    for (size_t i = 0; i < N; i++) {
        size_t j = seeded_below(&s, i + 1);
        memcpy(points + 2 * i, points + 2 * j, 2 * sizeof *points);
        points[2 * j] = points[2 * j + 1] = (double)i;
    }
    assert_int_equal(pareto_frontier(points, N, 2, sense, index, &count), 0);
    assert_int_equal(count, N);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(index[i], i);
    free(points);
    free(index);
}

/* Unit cells of [0, SIDE)^d, counted from the reference outwards, that some point covers. */
#define SIDE 7
static double count_cells(const double *points, size_t n, size_t d, const int *sense,
                          const double *reference) {
    unsigned cells = 0, total = d == 1 ? SIDE : d == 2 ? SIDE * SIDE : SIDE * SIDE * SIDE;
    for (unsigned c = 0; c < total; c++) {
        const unsigned cell[3] = {c % SIDE, c / SIDE % SIDE, c / (SIDE * SIDE)};
        int covered = 0;
        for (size_t i = 0; i < n && !covered; i++) {
            covered = 1;
            for (size_t k = 0; k < d; k++) {
                double reach = (points[i * d + k] - reference[k]) * (sense[k] > 0 ? 1.0 : -1.0);
                covered &= reach >= cell[k] + 1.0;
            }
        }
        cells += (unsigned)covered;
    }
    return cells;
}

static void hypervolume_is_the_count_of_cells(void **state) {
    (void)state;
    struct seeded s = {35};
    double points[20 * 3];
    int sense[DIMENSIONS];
    for (size_t d = 1; d <= 3; d++) {
        for (unsigned i = 0; i < CASES; i++) {
            size_t n = seeded_below(&s, 21);
            double reference[3];
            any_senses(&s, sense);
            for (size_t k = 0; k < d; k++)
                reference[k] = (double)seeded_below(&s, 9) - 4.0;
            for (size_t j = 0; j < n * d; j++) {
                /* One and two steps on the wrong side of the reference as well, and on it. */
                double reach = (double)seeded_below(&s, SIDE + 3) - 2.0;
                points[j] = reference[j % d] + (sense[j % d] > 0 ? reach : -reach);
            }
            assert_within(pareto_hypervolume(points, n, d, sense, reference),
                          count_cells(points, n, d, sense, reference), 0.0);
        }
    }
}

static void hypervolume_by_hand(void **state) {
    (void)state;
    /* Throughput up from 0, latency down from 100: 10 x 50, and 10 x 20 more. */
    static const double plane[] = {10, 50, 20, 80, 15, 90, 5, 120};
    static const int sense[] = {1, -1, -1};
    assert_within(pareto_hypervolume(plane, 4, 2, sense, (double[]){0, 100}), 700.0, 0.0);
    /* Two boxes of 2 x 3 x 4 and 4 x 3 x 1 that share 2 x 3 x 1. */
    static const double space[] = {2, 7, 6, 4, 7, 9};
    assert_within(pareto_hypervolume(space, 2, 3, sense, (double[]){0, 10, 10}), 30.0, 0.0);
    /* Nothing that is not finite counts. */
    static const double odd[] = {NAN, 1, INFINITY, 1, 3, 98, 3, NAN};
    assert_within(pareto_hypervolume(odd, 4, 2, sense, (double[]){0, 100}), 6.0, 0.0);
}

static void other_dimensions_have_no_hypervolume(void **state) {
    (void)state;
    static const double points[4] = {1, 1, 1, 1};
    static const int sense[4] = {1, 1, 1, 1};
    static const double reference[4];
    assert_within(pareto_hypervolume(points, 1, 0, sense, reference), -1.0, 0.0);
    assert_within(pareto_hypervolume(points, 1, 4, sense, reference), -1.0, 0.0);
    assert_within(pareto_hypervolume(points, 1, 3, sense, reference), 1.0, 0.0);
    assert_within(pareto_hypervolume(points, 0, 3, sense, reference), 0.0, 0.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_frontier_is_as_defined),
        cmocka_unit_test(the_frontier_of_points_that_are_not_numbers),
        cmocka_unit_test(domination_is_as_defined),
        cmocka_unit_test(frontier_by_hand),
        cmocka_unit_test(bad_frontiers_are_refused),
        cmocka_unit_test(a_large_plane),
        cmocka_unit_test(hypervolume_is_the_count_of_cells),
        cmocka_unit_test(hypervolume_by_hand),
        cmocka_unit_test(other_dimensions_have_no_hypervolume),
    };
    return cmocka_run_group_tests_name("pareto", tests, NULL, NULL);
}
