/*
 * The histogram against sorted arrays of seeded random values, and its packed form against damage.
 * The bound tested is half a unit of the third significant digit: 1 part in 2048.
 */
#include "workloads/load/hist.h"
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define VALUES 20000u

static struct hist hist_a, hist_b;
static uint64_t values[VALUES];

/* xorshift64*: the same sequence everywhere. */
static uint64_t random_state;
static uint64_t random_next(void) {
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 2685821657736338717ull;
}
static double random_unit(void) {
    return (double)(random_next() >> 11) * 0x1p-53;
}

static uint64_t log_uniform(void) {
    return (uint64_t)(1e3 * pow(1e7, random_unit()));
}
static uint64_t uniform_below_2_us(void) {
    return random_next() % 2000;
}
static uint64_t constant(void) {
    return 123457;
}
static uint64_t constant_10_s(void) {
    return HIST_MAX_NS;
}
static uint64_t bimodal(void) {
    return random_unit() < 0.97 ? 28000 + random_next() % 3000 : 40000000 + random_next() % 90000;
}
static uint64_t exponential(void) {
    return 20000 + (uint64_t)(-80000 * log(1 - random_unit()));
}

static const struct {
    const char *name;
    uint64_t (*draw)(void);
} distributions[] = {
    {"log-uniform 1 us to 10 s", log_uniform},
    {"uniform 0 to 2 us", uniform_below_2_us},
    {"constant", constant},
    {"constant 10 s", constant_10_s},
    {"bimodal", bimodal},
    {"exponential", exponential},
};
#define DISTRIBUTIONS (sizeof distributions / sizeof distributions[0])

static int compare(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Fills `values` (sorted) and *h with n draws. */
static void fill(struct hist *h, uint64_t (*draw)(void), uint32_t n, uint64_t seed) {
    random_state = seed;
    hist_init(h);
    for (uint32_t i = 0; i < n; i++) {
        values[i] = draw();
        hist_record(h, values[i]);
    }
    qsort(values, n, sizeof values[0], compare);
}

static void assert_near(double got, double want, double relative, const char *name, double q) {
    if (fabs(got - want) > relative * want) {
        fail_msg("%s, q = %g: %.3f, exactly %.3f", name, q, got, want);
    }
}

static void quantiles_have_3_digits(void **state) {
    (void)state;
    const double quantiles[] = {0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 1};
    const uint32_t counts[] = {1, 2, 3, 100, 1001, VALUES};
    for (size_t d = 0; d < DISTRIBUTIONS; d++) {
        for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
            uint32_t n = counts[c];
            fill(&hist_a, distributions[d].draw, n, 7 + c);
            for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++) {
                double place = ceil(quantiles[i] * n);
                double exact = (double)values[place >= 1 ? (size_t)place - 1 : 0];
                assert_near(hist_quantile_ns(&hist_a, quantiles[i]), exact, 1.0 / 2048,
                            distributions[d].name, quantiles[i]);
            }
        }
    }
}

/* Every bucket's bounds, by values on both sides of each power of two and at random. */
static void any_single_value_has_3_digits(void **state) {
    (void)state;
    random_state = 99;
    for (uint32_t i = 0; i < 3000; i++) {
        uint64_t v = i < 102 ? (1ull << (i / 3)) + i % 3 - 1 : log_uniform();
        if (v > HIST_MAX_NS) {
            continue;
        }
        hist_init(&hist_a);
        hist_record(&hist_a, v);
        hist_record(&hist_a, 0);           /* so that the clamp to min and max */
        hist_record(&hist_a, HIST_MAX_NS); /* does not hide a wrong bucket */
        assert_near(hist_quantile_ns(&hist_a, 0.5), (double)v, v < HIST_SUB ? 0 : 1.0 / 2048,
                    "single value", (double)v);
    }
}

static void mean_and_deviation_are_exact(void **state) {
    (void)state;
    for (size_t d = 0; d < DISTRIBUTIONS; d++) {
        fill(&hist_a, distributions[d].draw, VALUES, 3);
        long double sum = 0, squares = 0;
        for (uint32_t i = 0; i < VALUES; i++) {
            sum += values[i];
        }
        long double mean = sum / VALUES;
        for (uint32_t i = 0; i < VALUES; i++) {
            squares += (values[i] - mean) * (values[i] - mean);
        }
        double deviation = (double)sqrtl(squares / VALUES);
        assert_near(hist_mean_ns(&hist_a), (double)mean, 1e-12, distributions[d].name, -1);
        assert_true(fabs(hist_deviation_ns(&hist_a) - deviation) <= 1e-6 * (double)mean);
        assert_int_equal(hist_a.count, VALUES);
        assert_int_equal(hist_a.min_ns, values[0]);
        assert_int_equal(hist_a.max_ns, values[VALUES - 1]);
        assert_int_equal(hist_a.over, 0);
    }
}

static void empty_and_over(void **state) {
    (void)state;
    hist_init(&hist_a);
    assert_true(hist_mean_ns(&hist_a) == 0);
    assert_true(hist_deviation_ns(&hist_a) == 0);
    assert_true(hist_quantile_ns(&hist_a, 0.5) == 0);
    hist_record(&hist_a, 5000);
    assert_true(hist_deviation_ns(&hist_a) == 0);
    hist_record(&hist_a, HIST_MAX_NS + 1);
    hist_record(&hist_a, UINT64_MAX);
    assert_int_equal(hist_a.count, 3);
    assert_int_equal(hist_a.over, 2);
    assert_int_equal(hist_a.max_ns, HIST_MAX_NS);
    assert_int_equal(hist_a.min_ns, 5000);
    assert_true(hist_quantile_ns(&hist_a, 1) == (double)HIST_MAX_NS);
    assert_near(hist_quantile_ns(&hist_a, -1), 5000, 1.0 / 2048, "below 0", -1);
    assert_true(hist_quantile_ns(&hist_a, 2) == (double)HIST_MAX_NS);
}

static void merge_is_recording_both(void **state) {
    (void)state;
    static struct hist both;
    hist_init(&both);
    hist_init(&hist_a);
    hist_init(&hist_b);
    random_state = 11;
    for (uint32_t i = 0; i < VALUES; i++) {
        uint64_t a = log_uniform(), b = bimodal();
        hist_record(&hist_a, a);
        hist_record(&hist_b, b);
        hist_record(&both, a);
        hist_record(&both, b);
    }
    assert_int_equal(hist_merge(&hist_a, &hist_b), 0);
    assert_memory_equal(hist_a.bucket, both.bucket, sizeof both.bucket);
    assert_int_equal(hist_a.count, both.count);
    assert_int_equal(hist_a.min_ns, both.min_ns);
    assert_int_equal(hist_a.max_ns, both.max_ns);
    assert_near(hist_mean_ns(&hist_a), hist_mean_ns(&both), 1e-12, "merged mean", -1);
    assert_near(hist_deviation_ns(&hist_a), hist_deviation_ns(&both), 1e-9, "merged deviation", -1);

    hist_init(&both);
    assert_int_equal(hist_merge(&hist_a, &both), 0);
    assert_int_equal(hist_merge(&both, &hist_a), 0);
    assert_memory_equal(&both, &hist_a, sizeof both);
}

static void full_bucket_takes_no_more(void **state) {
    (void)state;
    hist_init(&hist_a);
    hist_record(&hist_a, 100);
    hist_a.bucket[100] = UINT32_MAX;
    hist_a.count = UINT32_MAX;
    hist_b = hist_a;
    hist_record(&hist_a, 100);
    assert_memory_equal(&hist_a, &hist_b, sizeof hist_a);
    static struct hist one;
    hist_init(&one);
    hist_record(&one, 7);
    hist_record(&one, 100);
    assert_int_equal(hist_merge(&hist_a, &one), -EOVERFLOW);
    assert_memory_equal(&hist_a, &hist_b, sizeof hist_a);
}

static void pack_round_trip(void **state) {
    (void)state;
    for (size_t d = 0; d <= DISTRIBUTIONS; d++) {
        hist_init(&hist_a);
        if (d < DISTRIBUTIONS) {
            fill(&hist_a, distributions[d].draw, VALUES, 21);
            hist_record(&hist_a, UINT64_MAX);
        }
        size_t bytes = 0;
        void *blob = hist_pack(&hist_a, &bytes);
        assert_non_null(blob);
        memset(&hist_b, 0x5a, sizeof hist_b);
        assert_int_equal(hist_unpack(&hist_b, blob, bytes), 0);
        assert_memory_equal(&hist_b, &hist_a, sizeof hist_a);
        free(blob);
    }
}

/* Unpacks from an allocation of exactly that size, so that a sanitizer sees a read past it. */
static void assert_refused(const unsigned char *blob, size_t bytes) {
    unsigned char *exact = malloc(bytes ? bytes : 1);
    assert_non_null(exact);
    memcpy(exact, blob, bytes);
    hist_init(&hist_b);
    hist_b.count = 77;
    int refused = hist_unpack(&hist_b, exact, bytes);
    free(exact);
    assert_int_equal(refused, -1);
    assert_int_equal(hist_b.count, 77);
}

static void damaged_blobs_are_refused(void **state) {
    (void)state;
    fill(&hist_a, exponential, 500, 5);
    size_t bytes = 0;
    unsigned char *blob = hist_pack(&hist_a, &bytes);
    assert_non_null(blob);
    for (size_t n = 0; n < bytes; n++) {
        assert_refused(blob, n);
    }
    unsigned char *longer = calloc(1, bytes + 16);
    assert_non_null(longer);
    memcpy(longer, blob, bytes);
    assert_refused(longer, bytes + 1);
    assert_refused(longer, bytes + 8);
    free(longer);
    for (size_t bit = 0; bit < bytes * 8; bit++) {
        blob[bit / 8] ^= (unsigned char)(1u << bit % 8);
        assert_refused(blob, bytes);
        blob[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    random_state = 1234;
    unsigned char *bad = malloc(bytes);
    assert_non_null(bad);
    for (uint32_t round = 0; round < 2000; round++) {
        memcpy(bad, blob, bytes);
        uint64_t changes = 1 + random_next() % 8;
        for (uint64_t i = 0; i < changes; i++) {
            bad[random_next() % bytes] = (unsigned char)random_next();
        }
        if (memcmp(bad, blob, bytes) != 0) {
            assert_refused(bad, bytes);
        }
    }
    free(bad);
    assert_int_equal(hist_unpack(&hist_b, blob, bytes), 0);
    free(blob);
}

/* Blobs whose checksum is right and whose content contradicts itself, as hist_pack makes them from
 * a struct that was tampered with. */
static void contradictions_are_refused(void **state) {
    (void)state;
    for (int kind = 0; kind < 7; kind++) {
        fill(&hist_a, exponential, 500, 6);
        switch (kind) {
        case 0:
            hist_a.count++;
            break;
        case 1:
            hist_a.over = 501;
            break;
        case 2:
            hist_a.over = 1;
            break; /* yet the greatest value is not HIST_MAX_NS */
        case 3:
            hist_a.min_ns = hist_a.max_ns + 1;
            break;
        case 4:
            hist_a.max_ns = HIST_MAX_NS + 1;
            break;
        case 5:
            hist_a.sum_ns = NAN;
            break;
        default:
            hist_a.sum_squares_ns2 *= 1e6;
            break;
        }
        size_t bytes = 0;
        unsigned char *blob = hist_pack(&hist_a, &bytes);
        assert_non_null(blob);
        assert_refused(blob, bytes);
        free(blob);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_have_3_digits),
        cmocka_unit_test(any_single_value_has_3_digits),
        cmocka_unit_test(mean_and_deviation_are_exact),
        cmocka_unit_test(empty_and_over),
        cmocka_unit_test(merge_is_recording_both),
        cmocka_unit_test(full_bucket_takes_no_more),
        cmocka_unit_test(pack_round_trip),
        cmocka_unit_test(damaged_blobs_are_refused),
        cmocka_unit_test(contradictions_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
