/*
 * An app in the market: a price on the page becomes a decision at the next look, an announced one
 * at its time, and the time to the first packet under it is counted. What a control message sets
 * stands until the page changes.
 */
#include "runtime/lib/market.h"
#include "tests/unit/sample_table.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct nom_prices page;
static struct market m;
static struct adapt a;

static int setup(void **state) {
    struct sample_table f = sample_table();
    bool changed;
    char why[120] = "";
    (void)state;
    memset(&page, 0, sizeof page);
    market_init(&m, &page);
    adapt_init(&a, "nhttpd", 0.0, NOM_KICK_NATURAL);
    for (uint64_t now_us = 1000; now_us <= 1000000; now_us += 1000)
        adapt_tick(&a, now_us, 32);
    return adapt_load_table(&a, &f, f.header.file_bytes, &changed, why, sizeof why);
}

static void publish(double price_usd, double next_usd, uint64_t next_tsc, uint64_t now_tsc) {
    struct nom_price price = {.use_id = NOM_USE_GBIT_OUT_PER_S,
                              .flags = NOM_PRICE_KNOWN | (next_tsc ? NOM_PRICE_NEXT : 0u),
                              .price_usd = price_usd,
                              .next_usd = next_usd,
                              .next_tsc = next_tsc};
    assert_int_equal(prices_publish(&page, &price, 1, "test", now_tsc), 0);
}

static double price_in_force(void) {
    return a.price_usd[NOM_USE_GBIT_OUT_PER_S - 1];
}

static void a_price_acts_at_the_next_look_and_once(void **state) {
    (void)state;
    assert_false(market_look(&m, &a, 10));
    publish(1e6, 0, 0, 20); /* every row loses */
    assert_true(market_look(&m, &a, 30));
    assert_false(a.now.serving);
    assert_true(price_in_force() == 1e6);
    uint64_t choices = a.choices;
    assert_false(market_look(&m, &a, 40));
    assert_int_equal(a.choices, choices);
    publish(1e6, 0, 0, 50); /* published again, no other decision */
    assert_false(market_look(&m, &a, 60));
    publish(0, 0, 0, 70);
    assert_true(market_look(&m, &a, 80));
    assert_true(a.now.serving);
}

static void what_stands_on_the_page_at_the_start_counts(void **state) {
    (void)state;
    publish(1e6, 0, 0, 20);
    market_init(&m, &page);
    assert_true(market_look(&m, &a, 30));
    assert_false(a.now.serving);
}

static void a_message_counts_until_the_page_changes(void **state) {
    (void)state;
    double by_message[NOM_USES_MAX] = {1e6, 0.25};
    publish(1, 0, 0, 20);
    market_look(&m, &a, 30);
    assert_true(adapt_set_price(&a, by_message));
    assert_false(market_look(&m, &a, 40));
    assert_true(price_in_force() == 1e6);
    publish(2, 0, 0, 50);
    assert_true(market_look(&m, &a, 60));
    assert_true(price_in_force() == 2);
    /* The page does not name the CPU's price. */
    assert_true(a.price_usd[NOM_USE_CPU_S_PER_S - 1] == 0.25);
}

static void an_announced_price_acts_at_its_time(void **state) {
    (void)state;
    publish(1, 1e6, 1000, 20);
    market_look(&m, &a, 30);
    market_sent(&m, 35);
    assert_true(a.now.serving);
    assert_int_equal(m.next_tsc, 1000);
    assert_false(market_look(&m, &a, 999));
    assert_true(market_look(&m, &a, 1003));
    assert_false(a.now.serving);
    assert_int_equal(m.next_tsc, UINT64_MAX);
    market_sent(&m, 1007);
    assert_int_equal(m.latency_last_tsc, 7);
}

static void a_torn_page_changes_nothing(void **state) {
    (void)state;
    publish(1, 0, 0, 20);
    market_look(&m, &a, 30);
    page.sequence++;
    page.prices[0].price_usd = 1e6;
    assert_false(market_look(&m, &a, 40));
    page.generation++; /* and if it had got that far */
    assert_false(market_look(&m, &a, 50));
    assert_true(price_in_force() == 1);
    page.sequence++;
    assert_true(market_look(&m, &a, 60));
    assert_true(price_in_force() == 1e6);
}

static uint64_t ten_times(uint64_t tsc) {
    return tsc * 10;
}

static void latency_is_counted_from_the_publication(void **state) {
    struct nom_statistics s;
    (void)state;
    memset(&s, 0, sizeof s);
    publish(1e6, 0, 0, 100);
    assert_true(market_look(&m, &a, 130));
    assert_true(market_awaits(&m));
    market_sent(&m, 150);
    assert_false(market_awaits(&m));
    market_sent(&m, 170);
    publish(0, 0, 0, 200);
    assert_true(market_look(&m, &a, 210));
    market_applied(&m, 215);
    market_sent(&m, 220);
    market_statistics(&m, ten_times, &s);
    assert_int_equal(s.prices_generation, 2);
    assert_int_equal(s.price_latencies, 2);
    assert_int_equal(s.price_latency_last_ns, 200);
    assert_int_equal(s.price_latency_max_ns, 500);
    assert_int_equal(s.price_decided_last_ns, 150);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_price_acts_at_the_next_look_and_once, setup),
        cmocka_unit_test_setup(what_stands_on_the_page_at_the_start_counts, setup),
        cmocka_unit_test_setup(a_message_counts_until_the_page_changes, setup),
        cmocka_unit_test_setup(an_announced_price_acts_at_its_time, setup),
        cmocka_unit_test_setup(a_torn_page_changes_nothing, setup),
        cmocka_unit_test_setup(latency_is_counted_from_the_publication, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
