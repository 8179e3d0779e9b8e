/*
 * Which points a plot names rather than covers (tuner/far.c), and that reports do so: arrows and
 * numbers for those, none without them, the same for a frontier's line.
 */
#include "reports/internal.h"
#include "tuner/tuner.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scratch.h"

#define BOTH (TUNER_FAR_THROUGHPUT | TUNER_FAR_LATENCY)

struct spot {
    double kops, latency_us;
    int on_frontier;
    unsigned far;
};

static void expect(const struct spot *spots, size_t count) {
    /* Scale and order must not matter. */
    static const double scales[] = {1.0, 1e-6, 1e6};
    for (size_t s = 0; s < 3; s++) {
        for (size_t turn = 0; turn < count; turn++) {
            struct tuner_point points[64] = {0};
            unsigned far[64];
            for (size_t i = 0; i < count; i++) {
                const struct spot *spot = &spots[(i + turn) % count];
                points[i].throughput_ops = scales[s] * spot->kops * 1e3;
                points[i].latency_mean_us = scales[s] * spot->latency_us;
                points[i].on_frontier = spot->on_frontier;
            }
            assert_int_equal(tuner_far(points, count, far), 0);
            for (size_t i = 0; i < count; i++) {
                if (far[i] != spots[(i + turn) % count].far)
                    fail_msg("scale %g, turn %zu, (%g, %g): %u", scales[s], turn,
                             spots[(i + turn) % count].kops, spots[(i + turn) % count].latency_us,
                             far[i]);
            }
        }
    }
}
#define EXPECT(spots) expect(spots, sizeof(spots) / sizeof((spots)[0]))

static void one_far_off(void **state) {
    (void)state;
    static const struct spot spots[] = {
        {52, 614, 0, BOTH}, {172, 186, 0, 0}, {191, 168, 0, 0}, {192, 166, 0, 0},
        {197, 162, 1, 0},   {203, 158, 1, 0}, {201, 159, 0, 0}, {196, 163, 1, 0},
        {173, 184, 1, 0},   {162, 197, 0, 0}, {153, 209, 0, 0},
    };
    EXPECT(spots);
}

static void one_measure_only(void **state) {
    (void)state;
    static const struct spot spots[] = {
        {95, 900, 0, TUNER_FAR_LATENCY},   {100, 50, 1, 0}, {98, 55, 0, 0}, {90, 60, 0, 0},
        {20, 58, 0, TUNER_FAR_THROUGHPUT},
    };
    EXPECT(spots);
}

/* Two beside each other, and one at either end. */
static void several_do_not_hide_each_other(void **state) {
    (void)state;
    static const struct spot beside[] = {
        {10, 900, 0, BOTH}, {11, 905, 0, BOTH}, {100, 50, 1, 0}, {105, 55, 1, 0},
        {110, 60, 1, 0},    {104, 62, 0, 0},    {103, 64, 0, 0}, {101, 66, 0, 0},
    };
    static const struct spot either[] = {
        {100, 500, 0, TUNER_FAR_LATENCY},
        {101, 5, 0, TUNER_FAR_LATENCY},
        {102, 200, 1, 0},
        {103, 210, 0, 0},
        {104, 205, 0, 0},
        {105, 220, 1, 0},
        {106, 215, 0, 0},
        {107, 230, 1, 0},
    };
    EXPECT(beside);
    EXPECT(either);
}

/* Whatever its place, the frontier is kept, and so is what lies between its points. */
static void the_frontier_is_never_far(void **state) {
    (void)state;
    static const struct spot spots[] = {
        {1, 1, 1, 0},    {50, 500, 0, 0}, {100, 1000, 1, 0}, {99, 1010, 0, 0},
        {98, 990, 0, 0}, {97, 985, 0, 0}, {100, 1001, 0, 0}, {20, 5000, 0, TUNER_FAR_LATENCY},
    };
    EXPECT(spots);
}

/* A curve that climbs ever faster has no gap at which to cut it. */
static void a_climbing_curve_is_whole(void **state) {
    (void)state;
    struct spot spots[12];
    for (int i = 0; i < 12; i++)
        spots[i] = (struct spot){200 - i, 50 * pow(1.5, i), i == 0, 0};
    EXPECT(spots);
}

static void little_is_near(void **state) {
    (void)state;
    static const struct spot three[] = {{1, 1, 1, 0}, {1, 1, 0, 0}, {0.001, 1e6, 0, 0}};
    static const struct spot equal[] = {{5, 5, 1, 0}, {5, 5, 1, 0}, {5, 5, 1, 0}, {5, 5, 1, 0}};
    static const struct spot nearly[] = {
        {100, 50, 1, 0}, {100, 50, 1, 0}, {100, 50, 1, 0}, {85, 58, 0, 0}};
    static const struct spot one[] = {{7, 7, 1, 0}};
    static const struct spot beyond[] = {
        {100, 50, 1, 0}, {100, 50, 1, 0}, {100, 50, 1, 0}, {75, 65, 0, BOTH}};
    EXPECT(three);
    EXPECT(equal);
    EXPECT(nearly);
    EXPECT(one);
    EXPECT(beyond);
    expect(NULL, 0);
}

static void what_is_no_number_is_left_alone(void **state) {
    (void)state;
    static const struct spot spots[] = {
        {NAN, 50, 0, 0},
        {100, INFINITY, 1, 0},
        {100, 50, 1, 0},
        {101, 51, 0, 0},
        {102, 52, 0, 0},
        {-INFINITY, 9, 0, 0},
        {9, 52, 0, TUNER_FAR_THROUGHPUT},
    };
    static const struct spot none[] = {{NAN, NAN, 0, 0}, {NAN, 1, 1, 0}};
    EXPECT(spots);
    EXPECT(none);
}

static void numbers_in_short(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {{52.14, "52.1"}, {613.7, "614"}, {12345.6, "12346"}, {2.1, "2.10"}, {0, "0.000"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[40];
        report_number(cases[i].value, text, sizeof(text));
        assert_string_equal(text, cases[i].text);
    }
}

/* Natural points, on one line of the plane or all at one place, and a strict one. */
static char *page_of(const char *name, double rise_us, double strict_us) {
    struct store *store = NULL;
    struct store_session session = {.command = "profile", .app = "a", .target = "nom"};
    char why[300] = "", *index = NULL;
    assert_int_equal(store_open(scratch_path("nom.db"), STORE_WRITE, &store), 0);
    assert_int_equal(store_session_begin(store, &session), 0);
    for (int i = 0; i < 6; i++) {
        struct trial t = {.settings = {.connections = 4, .delay_us = i, .load = "some"},
                          .result = {.throughput_ops = 50e3 + 1e3 * i * (rise_us > 0 ? 1 : -1),
                                     .latency_mean_us = 100 + fabs(rise_us) * i,
                                     .jitter_us = 1 + i}};
        int64_t id;
        if (i == 5) {
            t.settings.delay_us = 0;
            t.settings.kick = NOM_KICK_STRICT;
            t.result.latency_mean_us = strict_us;
            t.result.throughput_ops = 48e3;
        }
        assert_int_equal(store_trial_add(store, session.id, &t, &id), 0);
    }
    if (report_write(store, session.id, scratch_path(name), &index, why, sizeof(why)) != 0)
        fail_msg("%s", why);
    FILE *file = fopen(index, "r");
    char *text = calloc(1, 1 << 20);
    assert_non_null(file);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
    fclose(file);
    free(index);
    store_close(store);
    return text;
}

static void reports_say_what_lies_outside(void **state) {
    (void)state;
    char *with = page_of("with", 5, 2345), *without = page_of("without", 5, 130);
    assert_non_null(strstr(with, "0 strict: 48.0 k/s, 2345 \u00b5s, outside"));
    assert_non_null(strstr(with, "W = 0 \u00b5s, strict: 2345 \u00b5s, outside"));
    assert_non_null(strstr(with, "strict, outside<"));
    assert_non_null(strstr(with, "arrow: beyond the ax"));
    assert_non_null(strstr(with, "is an arrow at the edge"));
    assert_null(strstr(without, "outside"));
    assert_null(strstr(without, "arrow"));
    free(with);
    free(without);
}

static void a_line_is_named_where_there_is_one(void **state) {
    (void)state;
    char *with = page_of("with", 5, 130), *without = page_of("without", -5, 130);
    assert_non_null(strstr(with, "The broken line joins"));
    assert_non_null(strstr(with, "line: without jitter"));
    assert_null(strstr(without, "The broken line"));
    assert_null(strstr(without, "line: without jitter"));
    free(with);
    free(without);
}

int main(void) {
#define REPORT_TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_far_off),
        cmocka_unit_test(one_measure_only),
        cmocka_unit_test(several_do_not_hide_each_other),
        cmocka_unit_test(the_frontier_is_never_far),
        cmocka_unit_test(a_climbing_curve_is_whole),
        cmocka_unit_test(little_is_near),
        cmocka_unit_test(what_is_no_number_is_left_alone),
        cmocka_unit_test(numbers_in_short),
        REPORT_TEST(reports_say_what_lies_outside),
        REPORT_TEST(a_line_is_named_where_there_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
