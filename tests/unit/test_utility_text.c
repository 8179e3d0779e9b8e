/*
 * Utilities as text: what a person may write, what comes back, and what is said of a mistake.
 */
#include "runtime/econ/econ.h"
#include "seeded.h"
#include "tuner/tuner.h"
#include "within.h"
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct nom_utility parsed(const char *text) {
    struct nom_utility u;
    char why[200] = "";
    if (tuner_utility_parse(text, &u, why, sizeof why) != 0)
        print_error("%s: %s\n", text, why);
    assert_string_equal(why, "");
    return u;
}

static void reads_as(const char *text, struct nom_utility expected) {
    struct nom_utility u = parsed(text);
    assert_memory_equal(&u, &expected, sizeof u);
}

static void texts_by_hand(void **state) {
    (void)state;
    struct nom_utility u = econ_utility_default(NOM_UTILITY_PENALTY);
    reads_as("penalty", u);
    reads_as("penalty:alpha=20,x=100,l0_us=750", u);
    u.alpha_usd_per_gbit = 12.5;
    u.penalty_x = 3.0;
    u.l0_s = 1e-3;
    reads_as("penalty:l0_us=1000,x=3,alpha=12.5", u);
    u = econ_utility_default(NOM_UTILITY_SIMPLE);
    reads_as("simple:alpha=20,l0_us=750", u);
    u.l0_s = 0.0;
    reads_as("simple:l0_us=0", u);
    u = econ_utility_default(NOM_UTILITY_REFUND);
    reads_as("refund", u);
    u.beta_usd_per_gbit_s = 20000.0;
    reads_as("refund:beta=2e4", u);
    u = econ_utility_default(NOM_UTILITY_BONUS);
    reads_as("bonus:gamma=0.01,delta=inf", u);
    u.delta_usd_per_gbit = 0.5;
    reads_as("bonus:delta=.5", u);
}

static void canonical_texts(void **state) {
    (void)state;
    static const char *const text[] = {
        "simple:alpha=20,l0_us=750",
        "penalty:alpha=20,x=100,l0_us=750",
        "refund:alpha=20,beta=10",
        "bonus:alpha=20,gamma=0.01,delta=inf",
    };
    char got[160];
    for (uint32_t kind = NOM_UTILITY_SIMPLE; kind <= NOM_UTILITY_BONUS; kind++) {
        struct nom_utility u = econ_utility_default(kind);
        tuner_utility_format(&u, got, sizeof got);
        assert_string_equal(got, text[kind - 1]);
    }
    struct nom_utility odd = {.kind = 99};
    tuner_utility_format(&odd, got, sizeof got);
    assert_string_equal(got, "unknown kind 99");
}

static void formatting_stays_in_its_buffer(void **state) {
    (void)state;
    struct nom_utility u = econ_utility_default(NOM_UTILITY_PENALTY);
    for (size_t n = 1; n < 40; n++) {
        char got[48];
        memset(got, '#', sizeof got);
        tuner_utility_format(&u, got, n);
        size_t length = n - 1 < 32 ? n - 1 : 32;
        assert_int_equal(strlen(got), length);
        assert_memory_equal(got, "penalty:alpha=20,x=100,l0_us=750", length);
        for (size_t i = n; i < sizeof got; i++)
            assert_int_equal(got[i], '#');
    }
}

static double any_amount(struct seeded *s) {
    switch (seeded_below(s, 4)) {
    case 0:
        return (double)seeded_below(s, 1000);
    case 1:
        return (double)seeded_below(s, 100000) / 1000.0;
    default:
        return seeded_magnitude(s, 1e-9, 1e9);
    }
}

static void texts_come_back(void **state) {
    (void)state;
    struct seeded s = {51};
    for (unsigned i = 0; i < 20000; i++) {
        struct nom_utility u = econ_utility_default(1 + (uint32_t)seeded_below(&s, 4));
        u.alpha_usd_per_gbit = any_amount(&s);
        /* Only its own parameters are part of a kind's text. */
        if (u.kind == NOM_UTILITY_SIMPLE || u.kind == NOM_UTILITY_PENALTY)
            u.l0_s = any_amount(&s) / 1e6;
        if (u.kind == NOM_UTILITY_PENALTY)
            u.penalty_x = any_amount(&s);
        if (u.kind == NOM_UTILITY_REFUND)
            u.beta_usd_per_gbit_s = any_amount(&s);
        if (u.kind == NOM_UTILITY_BONUS) {
            u.gamma_usd_s_per_gbit = any_amount(&s);
            u.delta_usd_per_gbit = seeded_below(&s, 3) ? any_amount(&s) : INFINITY;
        }
        char text[160], again[160];
        tuner_utility_format(&u, text, sizeof text);
        assert_true(strlen(text) < sizeof text - 1);
        struct nom_utility back = parsed(text);
        assert_within(back.l0_s, u.l0_s, 1e-15 * u.l0_s);
        back.l0_s = u.l0_s;
        assert_memory_equal(&back, &u, sizeof u);
        tuner_utility_format(&back, again, sizeof again);
        assert_string_equal(again, text);
    }
}

static void mistakes_are_named(void **state) {
    (void)state;
    static const struct {
        const char *text, *why;
    } mistakes[] = {
        {"", "utility: no kind ''; the kinds are simple, penalty, refund, bonus"},
        {"Penalty", "utility: no kind 'Penalty'; the kinds are simple, penalty, refund, bonus"},
        {"pen:x=1", "utility: no kind 'pen'; the kinds are simple, penalty, refund, bonus"},
        {"alpha=20", "utility: no kind 'alpha=20'; the kinds are simple, penalty, refund, bonus"},
        {"penalty:", "utility penalty: no key ''; its keys are alpha, x, l0_us"},
        {"penalty:x=1,", "utility penalty: no key ''; its keys are alpha, x, l0_us"},
        {"penalty:x=1,,alpha=2", "utility penalty: no key ''; its keys are alpha, x, l0_us"},
        {"refund:x=1", "utility refund: no key 'x'; its keys are alpha, beta"},
        {"bonus:l0_us=1", "utility bonus: no key 'l0_us'; its keys are alpha, gamma, delta"},
        {"simple:l0=1", "utility simple: no key 'l0'; its keys are alpha, l0_us"},
        {"simple: alpha=1", "utility simple: no key ' alpha'; its keys are alpha, l0_us"},
        {"penalty:x", "utility penalty: x has no value; write x=NUMBER"},
        {"penalty:x=1,alpha=2,x=1", "utility penalty: x stands twice"},
        {"penalty:x=", "utility penalty: x is '', not a number of 0 or more"},
        {"penalty:x=ten", "utility penalty: x is 'ten', not a number of 0 or more"},
        {"penalty:x=-1", "utility penalty: x is '-1', not a number of 0 or more"},
        {"penalty:x=-0", "utility penalty: x is '-0', not a number of 0 or more"},
        {"penalty:x=1 ", "utility penalty: x is '1 ', not a number of 0 or more"},
        {"penalty:x= 1", "utility penalty: x is ' 1', not a number of 0 or more"},
        {"penalty:x=0x10", "utility penalty: x is '0x10', not a number of 0 or more"},
        {"penalty:x=1e", "utility penalty: x is '1e', not a number of 0 or more"},
        {"penalty:x=1e999", "utility penalty: x is '1e999', not a number of 0 or more"},
        {"penalty:x=inf", "utility penalty: x is 'inf', not a number of 0 or more"},
        {"penalty:x=nan", "utility penalty: x is 'nan', not a number of 0 or more"},
        {"penalty:x=1.2.3", "utility penalty: x is '1.2.3', not a number of 0 or more"},
        {"bonus:delta=nan", "utility bonus: delta is 'nan', not a number of 0 or more or inf"},
        {"bonus:delta=-inf", "utility bonus: delta is '-inf', not a number of 0 or more or inf"},
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        struct nom_utility u = {.kind = 77};
        char why[200];
        assert_int_equal(tuner_utility_parse(mistakes[i].text, &u, why, sizeof why), -1);
        assert_string_equal(why, mistakes[i].why);
        assert_int_equal(u.kind, 77);
    }
}

static void long_mistakes_stay_in_their_buffer(void **state) {
    (void)state;
    char text[400] = "bonus:alpha=", why[41];
    memset(text + 12, '1', sizeof text - 13);
    struct nom_utility u;
    for (size_t n = 1; n < 40; n++) {
        memset(why, '#', sizeof why);
        assert_int_equal(tuner_utility_parse(text, &u, why, n), -1);
        assert_int_equal(strlen(why), n - 1);
        for (size_t i = n; i < sizeof why; i++)
            assert_int_equal(why[i], '#');
    }
}

static void numbers_have_63_characters_at_most(void **state) {
    (void)state;
    char text[100] = "bonus:alpha=", why[200];
    struct nom_utility u;
    memset(text + 12, '1', 63);
    assert_int_equal(tuner_utility_parse(text, &u, why, sizeof why), 0);
    assert_within(u.alpha_usd_per_gbit, 1e63 / 9.0, 1e50);
    text[12 + 63] = '1';
    assert_int_equal(tuner_utility_parse(text, &u, why, sizeof why), -1);
}

/* Any bytes at all: read or refused, and what is read is a utility. */
static void any_text_is_read_or_refused(void **state) {
    (void)state;
    static const char *const pieces[] = {"penalty", "bonus", "simple", ":", ",",  "=",  "alpha",
                                         "delta",   "x",     "l0_us",  "1", "e9", "-2", ".5",
                                         "inf",     "nan",   "\xff",   " ", "%s", "0x1"};
    struct seeded s = {52};
    unsigned good = 0;
    for (unsigned i = 0; i < 100000; i++) {
        char text[128] = "", why[200] = "";
        const char *constant_why;
        for (uint64_t n = seeded_below(&s, 9); n > 0; n--)
            strcat(text, pieces[seeded_below(&s, sizeof pieces / sizeof pieces[0])]);
        struct nom_utility u;
        if (tuner_utility_parse(text, &u, why, sizeof why) == 0) {
            assert_int_equal(econ_utility_check(&u, &constant_why), 0);
            good++;
        } else {
            assert_int_equal(strncmp(why, "utility", 7), 0);
        }
    }
    assert_true(good > 100);
}

/* A locale that differs from C in its decimal comma, made for this test in dir; NULL where the
 * machine has no character maps to make one from. */
static const char *comma_locale(const char *dir) {
    char command[300];
    snprintf(
        command, sizeof command,
        "cd %s && printf '%%s\\n' 'comment_char %%' 'escape_char /' LC_NUMERIC "
        "'decimal_point \"<U002C>\"' 'thousands_sep \"\"' 'grouping -1' 'END LC_NUMERIC' >src && "
        "localedef --no-archive -c -i src -f ANSI_X3.4-1968 ./comma >log 2>&1; test -d comma",
        dir);
    if (system(command) != 0)
        return NULL;
    setenv("LOCPATH", dir, 1);
    return setlocale(LC_ALL, "comma");
}

static void numbers_have_a_point_in_any_locale(void **state) {
    (void)state;
    char dir[] = "/tmp/nom-locale-XXXXXX", clean[64];
    char got[160], comma[8];
    assert_non_null(mkdtemp(dir));
    snprintf(clean, sizeof clean, "rm -r %s", dir);
    const char *found = comma_locale(dir);
    struct nom_utility u = parsed("penalty:alpha=12.5");
    tuner_utility_format(&u, got, sizeof got);
    snprintf(comma, sizeof comma, "%.1f", 0.5); /* by then the caller's locale is in force again */
    setlocale(LC_ALL, "C");
    unsetenv("LOCPATH");
    assert_int_equal(system(clean), 0);
    if (!found)
        skip();
    assert_within(u.alpha_usd_per_gbit, 12.5, 0.0);
    assert_string_equal(got, "penalty:alpha=12.5,x=100,l0_us=750");
    assert_string_equal(comma, "0,5");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_by_hand),
        cmocka_unit_test(canonical_texts),
        cmocka_unit_test(formatting_stays_in_its_buffer),
        cmocka_unit_test(texts_come_back),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(long_mistakes_stay_in_their_buffer),
        cmocka_unit_test(numbers_have_63_characters_at_most),
        cmocka_unit_test(any_text_is_read_or_refused),
        cmocka_unit_test(numbers_have_a_point_in_any_locale),
    };
    return cmocka_run_group_tests_name("utility text", tests, NULL, NULL);
}
