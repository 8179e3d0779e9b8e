/*
 * priced's judgement on a fake clock. The property test feeds random answers, failures and times,
 * keeps its own record of the last good price, and holds priced to the promises of priced.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/priced/priced.h"
#include "tests/unit/seeded.h"
#include <cmocka.h>
#include <math.h>
#include <string.h>

#define S   1000000ull
#define OUT NOM_USE_GBIT_OUT_PER_S
#define CPU NOM_USE_CPU_S_PER_S

static struct priced_settings settings(void) {
    struct priced_settings s = {.poll_us = 10 * S,
                                .retry_us = 1 * S,
                                .retry_most_us = 8 * S,
                                .seed = 1,
                                .log_us = 60 * S,
                                .max_factor = 100,
                                .confirm = 3};
    for (int i = 0; i < (int)NOM_USES_MAX; i++) {
        s.least_usd[i] = 0.01;
        s.greatest_usd[i] = 1000;
    }
    return s;
}

static struct priced start(const struct priced_settings *s) {
    struct priced p;
    priced_init(&p, s, 0);
    return p;
}

static struct priced_answer answer(double usd) {
    return (struct priced_answer){.count = 1, .quote = {{.use_id = OUT, .price_usd = usd}}};
}

static struct priced_outcome say(struct priced *p, uint64_t now_us, double usd) {
    struct priced_answer a = answer(usd);
    return priced_answered(p, now_us, &a);
}

static struct priced_outcome trouble(struct priced *p, uint64_t now_us,
                                     enum priced_failure failure) {
    struct priced_trouble t;
    priced_trouble(&t, failure, "it failed");
    return priced_failed(p, now_us, &t);
}

static void asks_once_and_again(void **state) {
    (void)state;
    struct priced_settings s = settings();
    struct priced p = start(&s);
    assert_true(priced_ask(&p, 0));
    assert_false(priced_ask(&p, 0));
    assert_false(priced_ask(&p, 100 * S));
    assert_true(priced_ask_us(&p) == UINT64_MAX);
    say(&p, 2 * S, 10);
    assert_int_equal(priced_ask_us(&p), 12 * S);
    assert_false(priced_ask(&p, 12 * S - 1));
    assert_true(priced_ask(&p, 12 * S));
}

static void asks_when_the_answer_says(void **state) {
    (void)state;
    struct priced_settings s = settings();
    struct priced p = start(&s);
    struct priced_answer a = answer(10);
    a.ask_in_s = 25;
    priced_answered(&p, 0, &a);
    assert_int_equal(priced_ask_us(&p), 25 * S);
    a.ask_in_s = 0.5;
    priced_answered(&p, 25 * S, &a);
    assert_int_equal(priced_ask_us(&p), 25 * S + S / 2);
    a.ask_in_s = 1e-9; /* not without end */
    priced_answered(&p, 30 * S, &a);
    assert_int_equal(priced_ask_us(&p), 30 * S + S / 100);
    a.ask_in_s = 0;
    priced_answered(&p, 40 * S, &a);
    assert_int_equal(priced_ask_us(&p), 50 * S);
    /* A price announced for earlier is looked at; after a failure it asks as ever. */
    a.ask_in_s = 25;
    a.quote[0].has_next = true;
    a.quote[0].next_usd = 12;
    a.quote[0].next_in_s = 7;
    priced_answered(&p, 50 * S, &a);
    assert_int_equal(priced_ask_us(&p), 57 * S);
    trouble(&p, 57 * S, PRICED_LATE);
    assert_int_equal(priced_ask_us(&p), 58 * S);
    static const double bad[] = {-1, NAN, INFINITY, 1e9};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        p = start(&s);
        a.ask_in_s = bad[i];
        assert_non_null(strstr(priced_answered(&p, 0, &a).line, "to be asked again in"));
        assert_int_equal(p.count, 0);
        assert_int_equal(priced_ask_us(&p), 1 * S);
    }
}

static void never_asks_by_itself_without_a_poll_interval(void **state) {
    (void)state;
    struct priced_settings s = settings();
    s.poll_us = 0;
    struct priced p = start(&s);
    assert_false(priced_ask(&p, 1000 * S));
    say(&p, 0, 10);
    assert_false(priced_ask(&p, 1000 * S));
    say(&p, 0, -1);
    assert_false(priced_ask(&p, 1000 * S));
    assert_true(priced_ask_us(&p) == UINT64_MAX);
}

static void publishes_what_it_hears(void **state) {
    (void)state;
    struct priced_settings s = settings();
    struct priced p = start(&s);
    struct priced_outcome o = say(&p, 5, 10);
    assert_true(o.publish && o.notify);
    assert_string_equal(o.line, "gbit_out_per_s 10 $/Gbit");
    assert_int_equal(p.count, 1);
    assert_true(p.price[0].price_usd == 10 && !p.price[0].stale && !p.price[0].has_next);
    assert_int_equal(p.price[0].fetched_us, 5);
    assert_int_equal(p.price[0].changed_us, 5);
    /* The same again: its age, and no notification. */
    o = say(&p, 100, 10);
    assert_true(o.publish && !o.notify);
    assert_string_equal(o.line, "");
    assert_int_equal(p.price[0].fetched_us, 100);
    assert_int_equal(p.price[0].changed_us, 5);
    o = say(&p, 200, 12.5);
    assert_true(o.publish && o.notify);
    assert_string_equal(o.line, "gbit_out_per_s 10 -> 12.5 $/Gbit");
    assert_int_equal(p.price[0].changed_us, 200);
}

static void keeps_the_last_good_price_and_marks_it(void **state) {
    (void)state;
    struct priced_settings s = settings();
    struct priced p = start(&s);
    say(&p, 0, 10);
    struct priced_outcome o = trouble(&p, 10 * S, PRICED_LATE);
    assert_true(o.publish && o.notify);
    assert_string_equal(o.line, "it failed; the last good price stays, 10 s old");
    assert_true(p.price[0].stale && p.price[0].price_usd == 10);
    assert_int_equal(p.price[0].fetched_us, 0);
    o = trouble(&p, 20 * S, PRICED_LATE);
    assert_false(o.publish || o.notify);
    assert_string_equal(o.line, "");
    o = say(&p, 21 * S, 10);
    assert_true(o.publish && o.notify);
    assert_string_equal(o.line, "the provider answers again, after 11 s");
    assert_true(!p.price[0].stale);
    assert_int_equal(p.price[0].fetched_us, 21 * S);
    assert_int_equal(p.price[0].changed_us, 0);
}

static void says_nothing_where_nothing_was_ever_known(void **state) {
    (void)state;
    struct priced_settings s = settings();
    struct priced p = start(&s);
    struct priced_outcome o = trouble(&p, 0, PRICED_UNREACHED);
    assert_false(o.publish || o.notify);
    assert_string_equal(o.line, "it failed; no price is known yet");
    assert_int_equal(p.count, 0);
}

static void backs_off(void **state) {
    (void)state;
    static const uint64_t waits_s[] = {1, 2, 4, 8, 8, 8};
    struct priced_settings s = settings();
    struct priced p = start(&s);
    uint64_t now_us = 0;
    for (size_t i = 0; i < sizeof waits_s / sizeof *waits_s; i++) {
        trouble(&p, now_us, PRICED_LATE);
        assert_int_equal(priced_ask_us(&p), now_us + waits_s[i] * S);
        now_us = priced_ask_us(&p);
    }
    say(&p, now_us, 10);
    assert_int_equal(priced_ask_us(&p), now_us + 10 * S);
    trouble(&p, now_us, PRICED_LATE);
    assert_int_equal(priced_ask_us(&p), now_us + 1 * S);
    for (uint32_t i = 0; i < 200; i++)
        trouble(&p, now_us, PRICED_LATE);
    assert_int_equal(priced_ask_us(&p), now_us + 8 * S);
}

static void jitter_is_bounded_and_seeded(void **state) {
    (void)state;
    struct priced_settings s = settings();
    s.jitter = 0.2;
    struct priced a = start(&s), b = start(&s);
    s.seed = 2;
    struct priced c = start(&s);
    uint64_t least = UINT64_MAX, most = 0;
    bool differs = false;
    for (int i = 0; i < 1000; i++) {
        say(&a, 0, 10);
        say(&b, 0, 10);
        say(&c, 0, 10);
        assert_int_equal(priced_ask_us(&a), priced_ask_us(&b));
        differs |= priced_ask_us(&a) != priced_ask_us(&c);
        least = priced_ask_us(&a) < least ? priced_ask_us(&a) : least;
        most = priced_ask_us(&a) > most ? priced_ask_us(&a) : most;
    }
    assert_true(differs);
    assert_in_range(least, 8 * S, 8 * S + S / 10);
    assert_in_range(most, 12 * S - S / 10, 12 * S);
}

static void refuses_prices_that_cannot_be(void **state) {
    (void)state;
    static const struct {
        double usd;
        const char *line;
    } bad[] = {
        {NAN, "no finite number"},
        {INFINITY, "no finite number"},
        {-INFINITY, "no finite number"},
        {-1, "gbit_out_per_s: the price -1 $/Gbit is negative"},
        {0, "gbit_out_per_s: the price 0 $/Gbit is below the least that is believed"},
        {0.0099, "below the least"},
        {1000.1, "above the greatest"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct priced_settings s = settings();
        struct priced p = start(&s);
        say(&p, 0, 10);
        struct priced_outcome o = say(&p, 1, bad[i].usd);
        assert_non_null(strstr(o.line, bad[i].line));
        assert_true(p.price[0].price_usd == 10 && p.price[0].stale);
        assert_true(o.publish && o.notify);
    }
}

static void refuses_answers_whole(void **state) {
    (void)state;
    struct priced_settings s = settings();
    struct priced p = start(&s);
    struct priced_answer a = {
        .count = 2, .quote = {{.use_id = OUT, .price_usd = 10}, {.use_id = CPU, .price_usd = -1}}};
    assert_non_null(strstr(priced_answered(&p, 0, &a).line, "cpu_s_per_s"));
    assert_int_equal(p.count, 0);
    a.quote[1].price_usd = 1;
    assert_string_equal(priced_answered(&p, 0, &a).line,
                        "the provider answers again, after 0 s; gbit_out_per_s 10 $/Gbit; "
                        "cpu_s_per_s 1 $/s");
    assert_int_equal(p.count, 2);
    a.quote[0].use_id = 0;
    assert_non_null(strstr(priced_answered(&p, 0, &a).line, "unknown use"));
    a.quote[0].use_id = NOM_USES_MAX + 1;
    priced_answered(&p, 0, &a);
    a.count = 0;
    priced_answered(&p, 0, &a);
    a.count = NOM_USES_MAX + 1;
    priced_answered(&p, 0, &a);
    assert_int_equal(p.count, 2);
    assert_true(p.price[0].price_usd == 10 && p.price[1].price_usd == 1);
}

static void a_great_change_must_be_confirmed(void **state) {
    (void)state;
    struct priced_settings s = settings();
    s.max_factor = 2;
    struct priced p = start(&s);
    say(&p, 0, 10);
    say(&p, 1, 20);
    assert_true(p.price[0].price_usd == 20); /* just the factor */
    struct priced_outcome o = say(&p, 2, 50);
    assert_string_equal(o.line, "gbit_out_per_s: from 20 to 50 $/Gbit at once is too great a "
                                "change; the last good price stays, 1e-06 s old");
    assert_true(p.price[0].price_usd == 20 && p.price[0].stale);
    say(&p, 3, 9); /* down, and another than before: it starts anew */
    say(&p, 4, 50);
    say(&p, 5, 51);
    assert_true(p.price[0].price_usd == 20);
    say(&p, 6, 52);
    assert_true(p.price[0].price_usd == 52 && !p.price[0].stale);
    /* A good answer between starts anew, too. */
    say(&p, 7, 200);
    say(&p, 8, 200);
    say(&p, 9, 52);
    say(&p, 10, 200);
    say(&p, 11, 200);
    assert_true(p.price[0].price_usd == 52);
    /* Without confirmation: never; without a factor: at once. */
    s.confirm = 0;
    p = start(&s);
    say(&p, 0, 10);
    for (int i = 1; i < 100; i++)
        say(&p, (uint64_t)i, 100);
    assert_true(p.price[0].price_usd == 10);
    s.max_factor = 0;
    p = start(&s);
    say(&p, 0, 0.01);
    say(&p, 1, 1000);
    assert_true(p.price[0].price_usd == 1000);
}

static void zero_only_where_it_is_allowed(void **state) {
    (void)state;
    struct priced_settings s = settings();
    s.least_usd[OUT - 1] = 0;
    struct priced p = start(&s);
    say(&p, 0, 0);
    assert_int_equal(p.count, 1);
    assert_true(p.price[0].price_usd == 0);
    say(&p, 0, -0.0);
    assert_false(p.price[0].stale);
}

static struct priced_outcome announce(struct priced *p, uint64_t now_us, double usd, double next,
                                      double in_s) {
    struct priced_answer a = {.count = 1,
                              .quote = {{.use_id = OUT,
                                         .price_usd = usd,
                                         .has_next = true,
                                         .next_usd = next,
                                         .next_in_s = in_s}}};
    return priced_answered(p, now_us, &a);
}

static void carries_the_next_price(void **state) {
    (void)state;
    struct priced_settings s = settings();
    struct priced p = start(&s);
    struct priced_outcome o = announce(&p, 0, 10, 12, 5);
    assert_string_equal(o.line,
                        "gbit_out_per_s 10 $/Gbit; gbit_out_per_s 12 $/Gbit announced, in 5 s");
    assert_true(p.price[0].has_next && p.price[0].next_usd == 12);
    assert_int_equal(p.price[0].next_us, 5 * S);
    assert_int_equal(priced_ask_us(&p), 5 * S); /* it is looked at then */
    /* Said again, later: the first time stays. An earlier one counts. */
    o = announce(&p, 3 * S, 10, 12, 5);
    assert_false(o.notify);
    assert_int_equal(p.price[0].next_us, 5 * S);
    o = announce(&p, 3 * S, 10, 12, 1);
    assert_true(o.notify);
    assert_int_equal(p.price[0].next_us, 4 * S);
    /* Its time is over and the provider still says so: a new one. */
    announce(&p, 6 * S, 10, 12, 5);
    assert_int_equal(p.price[0].next_us, 11 * S);
    /* Another next price; none that differs; none. */
    announce(&p, 7 * S, 10, 13, 5);
    assert_true(p.price[0].next_usd == 13);
    o = announce(&p, 8 * S, 10, 10, 5);
    assert_true(o.notify && !p.price[0].has_next);
    announce(&p, 9 * S, 10, 13, 5);
    o = say(&p, 10 * S, 10);
    assert_true(o.notify && !p.price[0].has_next);
    /* It is judged like any other. */
    announce(&p, 11 * S, 10, -3, 5);
    assert_true(p.price[0].stale && !p.price[0].has_next);
    announce(&p, 12 * S, 10, NAN, 5);
    announce(&p, 12 * S, 10, 12, NAN);
    announce(&p, 12 * S, 10, 12, -1);
    announce(&p, 12 * S, 10, 12, 1e300);
    assert_false(p.price[0].has_next);
}

static void logs_each_kind_once_an_interval(void **state) {
    (void)state;
    struct priced_settings s = settings();
    struct priced p = start(&s);
    assert_string_not_equal(trouble(&p, 0, PRICED_LATE).line, "");
    assert_string_equal(trouble(&p, 59 * S, PRICED_LATE).line, "");
    assert_string_not_equal(trouble(&p, 59 * S, PRICED_STATUS).line, "");
    assert_string_equal(trouble(&p, 59 * S, PRICED_LATE).line, "");
    assert_string_equal(trouble(&p, 60 * S, PRICED_LATE).line,
                        "it failed (and 2 like it before); no price is known yet");
    assert_string_equal(trouble(&p, 61 * S, PRICED_LATE).line, "");
    /* What was not said to have begun is not said to have ended. */
    say(&p, 62 * S, 10);
    assert_string_equal(trouble(&p, 63 * S, PRICED_LATE).line, "");
    assert_string_equal(say(&p, 64 * S, 10).line, "");
}

static void trouble_is_one_printable_line(void **state) {
    (void)state;
    struct priced_trouble t;
    assert_int_equal(priced_trouble(&t, PRICED_NONSENSE, "%s", "a\nb\x1b[31m\xff"), -1);
    assert_string_equal(t.text, "a?b?[31m?");
    assert_int_equal(t.failure, PRICED_NONSENSE);
}

/* What the provider says in one step of the property test. */
static double any_price(struct seeded *r) {
    static const double odd[] = {0, -1, 1e9, 1e-9, NAN, INFINITY, -INFINITY};
    return seeded_below(r, 3) == 0 ? odd[seeded_below(r, sizeof odd / sizeof *odd)]
                                   : 0.02 + seeded_unit(r) * 900;
}

static void promises_hold_for_any_provider(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct seeded r = {seed};
        struct priced_settings s = settings();
        s.jitter = 0.3;
        s.seed = seed;
        s.max_factor = seeded_below(&r, 2) ? 0 : 1 + seeded_unit(&r) * 50;
        struct priced p = start(&s);
        uint64_t now_us = 0;
        uint32_t failures = 0;
        for (int step = 0; step < 200; step++) {
            struct priced before = p;
            now_us = priced_ask_us(&p) + seeded_below(&r, 3 * S);
            assert_true(priced_ask(&p, now_us));
            struct priced_outcome o;
            if (seeded_below(&r, 4) == 0) {
                o = trouble(&p, now_us, (enum priced_failure)seeded_below(&r, PRICED_FAILURES));
            } else {
                struct priced_answer a = answer(any_price(&r));
                a.quote[0].has_next = seeded_below(&r, 3) == 0;
                a.quote[0].next_usd = any_price(&r);
                a.quote[0].next_in_s = seeded_unit(&r) * 100;
                o = priced_answered(&p, now_us, &a);
                if (p.count > 0 && !p.price[0].stale)
                    assert_true(p.price[0].price_usd == a.quote[0].price_usd);
            }
            bool good = p.count > 0 && !p.price[0].stale;
            failures = good ? 0 : failures + 1;
            assert_int_equal(p.failures, failures);
            assert_true(p.count >= before.count); /* 1 */
            if (p.count > 0) {
                assert_true(p.price[0].price_usd >= 0.01 && p.price[0].price_usd <= 1000);
                assert_true(!p.price[0].has_next ||
                            (p.price[0].next_usd >= 0.01 && p.price[0].next_usd <= 1000));
            }
            if (!good && p.count > 0) { /* 2 */
                assert_true(p.price[0].price_usd == before.price[0].price_usd);
                assert_int_equal(p.price[0].fetched_us, before.price[0].fetched_us);
                assert_true(o.publish == !before.price[0].stale);
            }
            uint64_t wait_us = failures == 0 ? 10 * S : failures > 3 ? 8 * S : S << (failures - 1);
            assert_true(priced_ask_us(&p) - now_us <= wait_us * 13 / 10); /* 4 */
            assert_true(failures == 0 || priced_ask_us(&p) - now_us >= wait_us * 7 / 10);
            assert_true(strlen(o.line) < sizeof o.line - 1);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_once_and_again),
        cmocka_unit_test(asks_when_the_answer_says),
        cmocka_unit_test(never_asks_by_itself_without_a_poll_interval),
        cmocka_unit_test(publishes_what_it_hears),
        cmocka_unit_test(keeps_the_last_good_price_and_marks_it),
        cmocka_unit_test(says_nothing_where_nothing_was_ever_known),
        cmocka_unit_test(backs_off),
        cmocka_unit_test(jitter_is_bounded_and_seeded),
        cmocka_unit_test(refuses_prices_that_cannot_be),
        cmocka_unit_test(refuses_answers_whole),
        cmocka_unit_test(a_great_change_must_be_confirmed),
        cmocka_unit_test(zero_only_where_it_is_allowed),
        cmocka_unit_test(carries_the_next_price),
        cmocka_unit_test(logs_each_kind_once_an_interval),
        cmocka_unit_test(trouble_is_one_printable_line),
        cmocka_unit_test(promises_hold_for_any_provider),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
