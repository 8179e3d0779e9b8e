/*
 * The price page: what is published is read; a read never waits, never mixes two publications and
 * never believes nonsense.
 */
#include "runtime/lib/prices.h"
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TSC_HZ UINT64_C(1000000000)

static struct nom_prices page;
static struct prices_view view;

static int setup(void **state) {
    (void)state;
    memset(&page, 0, sizeof page);
    memset(&view, 0, sizeof view);
    return 0;
}

static struct nom_price gbit(double price_usd) {
    return (struct nom_price){.use_id = NOM_USE_GBIT_OUT_PER_S,
                              .flags = NOM_PRICE_KNOWN,
                              .price_usd = price_usd,
                              .fetched_tsc = 5 * TSC_HZ};
}

static void what_is_published_is_read(void **state) {
    (void)state;
    struct nom_price prices[2] = {gbit(3.5), {.use_id = NOM_USE_CPU_S_PER_S}};
    assert_int_equal(prices_read(&page, &view), -ENODATA);
    assert_int_equal(prices_generation(&page), 0);
    assert_int_equal(prices_publish(&page, prices, 2, "static", 77), 0);
    assert_int_equal(prices_generation(&page), 1);
    assert_int_equal(prices_read(&page, &view), 0);
    assert_int_equal(view.generation, 1);
    assert_int_equal(view.published_tsc, 77);
    assert_int_equal(view.count, 2);
    assert_int_equal(view.disbelieved, 0);
    assert_memory_equal(view.price, prices, sizeof prices);
    assert_string_equal(view.source, "static");
    assert_int_equal(page.sequence, 2);
    assert_int_equal(prices_publish(&page, prices, 1, "static", 78), 0);
    assert_int_equal(prices_read(&page, &view), 0);
    assert_int_equal(view.generation, 2);
    assert_int_equal(view.count, 1);
}

static void another_version_is_refused(void **state) {
    (void)state;
    struct nom_price price = gbit(1);
    assert_int_equal(prices_publish(&page, &price, 1, "", 1), 0);
    page.version++;
    assert_int_equal(prices_read(&page, &view), -EPROTO);
    assert_int_equal(view.generation, 0);
}

static void a_long_source_is_cut(void **state) {
    (void)state;
    char source[200];
    memset(source, 'x', sizeof source - 1);
    source[sizeof source - 1] = '\0';
    assert_int_equal(prices_publish(&page, NULL, 0, source, 1), 0);
    assert_int_equal(prices_read(&page, &view), 0);
    assert_int_equal(strlen(view.source), sizeof view.source - 1);
    memset(page.source, 'y', sizeof page.source); /* by another writer: no end */
    assert_int_equal(prices_read(&page, &view), 0);
    assert_int_equal(strlen(view.source), sizeof view.source - 1);
}

static const double nonsense[] = {-1.0, -0.001, NAN, INFINITY, -INFINITY};
#define NONSENSE (sizeof nonsense / sizeof *nonsense)

static void nonsense_is_not_published(void **state) {
    (void)state;
    struct nom_price good = gbit(2), bad = good;
    assert_int_equal(prices_publish(&page, &good, 1, "", 1), 0);
    for (size_t i = 0; i < NONSENSE; i++) {
        bad = gbit(nonsense[i]);
        assert_int_equal(prices_publish(&page, &bad, 1, "", 2), -EINVAL);
        bad = gbit(2);
        bad.flags |= NOM_PRICE_NEXT;
        bad.next_usd = nonsense[i];
        assert_int_equal(prices_publish(&page, &bad, 1, "", 2), -EINVAL);
    }
    for (uint32_t id = 0; id < 9; id += 8) {
        bad = gbit(2);
        bad.use_id = id;
        assert_int_equal(prices_publish(&page, &bad, 1, "", 2), -EINVAL);
    }
    assert_int_equal(prices_publish(&page, &good, NOM_USES_MAX + 1, "", 2), -EINVAL);
    assert_int_equal(prices_generation(&page), 1);
}

/* By a writer that is not ours. */
static void nonsense_is_not_believed(void **state) {
    (void)state;
    double price_usd[NOM_USES_MAX] = {4, 5};
    for (size_t i = 0; i < NONSENSE; i++) {
        struct nom_price prices[2] = {gbit(7), {.use_id = NOM_USE_CPU_S_PER_S, .flags = 1}};
        assert_int_equal(prices_publish(&page, prices, 2, "", 1), 0);
        page.prices[0].price_usd = nonsense[i];
        page.prices[1].price_usd = 9;
        assert_int_equal(prices_read(&page, &view), 0);
        assert_int_equal(view.disbelieved, 1);
        assert_int_equal(view.count, 1);
        prices_at(&view, 10, price_usd);
        assert_true(price_usd[0] == 4 && price_usd[1] == 9);
        page.prices[0] = gbit(8);
        page.prices[0].flags |= NOM_PRICE_NEXT;
        page.prices[0].next_usd = nonsense[i];
        assert_int_equal(prices_read(&page, &view), 0);
        assert_int_equal(view.disbelieved, 1);
        assert_int_equal(view.count, 2);
        prices_at(&view, 10, price_usd);
        assert_true(price_usd[0] == 8);
        price_usd[0] = 4;
    }
    page.prices[0] = gbit(8);
    page.prices[0].use_id = 77;
    page.count = 4000000000u;
    assert_int_equal(prices_read(&page, &view), 0);
    assert_int_equal(view.count, 1); /* and two places that are of no use */
    assert_int_equal(view.disbelieved, 3);
}

static void an_announced_price_counts_from_its_time_on(void **state) {
    (void)state;
    struct nom_price price = gbit(1);
    double price_usd[NOM_USES_MAX] = {0, 6};
    price.flags |= NOM_PRICE_NEXT;
    price.next_usd = 10;
    price.next_tsc = 1000;
    assert_int_equal(prices_publish(&page, &price, 1, "", 1), 0);
    assert_int_equal(prices_read(&page, &view), 0);
    assert_int_equal(prices_next_tsc(&view, 999), 1000);
    prices_at(&view, 999, price_usd);
    assert_true(price_usd[0] == 1 && price_usd[1] == 6);
    assert_int_equal(prices_next_tsc(&view, 1000), UINT64_MAX);
    prices_at(&view, 1000, price_usd);
    assert_true(price_usd[0] == 10 && price_usd[1] == 6);
}

static void age_counts_from_the_providers_answer(void **state) {
    (void)state;
    struct nom_price price = gbit(1);
    assert_true(prices_age_s(&price, 5 * TSC_HZ, TSC_HZ) == 0.0);
    assert_true(prices_age_s(&price, 7 * TSC_HZ + TSC_HZ / 2, TSC_HZ) == 2.5);
    assert_true(prices_age_s(&price, 4 * TSC_HZ, TSC_HZ) == 0.0);
}

/* An owner that stopped half-way: readers do not wait, nor do they read; the next owner repairs. */
static void a_torn_page_is_left_alone(void **state) {
    (void)state;
    struct nom_price price = gbit(1);
    assert_int_equal(prices_publish(&page, &price, 1, "a", 1), 0);
    page.sequence++;
    page.prices[0].price_usd = 1e9;
    assert_int_equal(prices_read(&page, &view), -EAGAIN);
    assert_int_equal(view.generation, 0);
    assert_int_equal(prices_generation(&page), 1);
    price = gbit(2);
    assert_int_equal(prices_publish(&page, &price, 1, "b", 2), 0);
    assert_int_equal(page.sequence % 2, 0);
    assert_int_equal(prices_read(&page, &view), 0);
    assert_int_equal(view.generation, 2);
    assert_true(view.price[0].price_usd == 2);
}

#define ROUNDS 200000u

static void *publish_much(void *unused) {
    (void)unused;
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        struct nom_price prices[2] = {gbit(i), {.use_id = NOM_USE_CPU_S_PER_S, .flags = 1}};
        char source[24];
        prices[1].price_usd = 2.0 * i;
        snprintf(source, sizeof source, "%u", i);
        if (prices_publish(&page, prices, 2, source, i) != 0)
            return &page;
    }
    return NULL;
}

static void readers_never_see_two_publications_in_one(void **state) {
    (void)state;
    pthread_t writer;
    void *wrong;
    uint64_t last = 0, reads = 0;
    assert_int_equal(pthread_create(&writer, NULL, publish_much, NULL), 0);
    while (last < ROUNDS) {
        char source[24];
        if (prices_generation(&page) == last || prices_read(&page, &view) != 0)
            continue;
        assert_true(view.generation > last);
        last = view.generation;
        snprintf(source, sizeof source, "%u", (unsigned)last);
        assert_int_equal(view.published_tsc, last);
        assert_true(view.price[0].price_usd == (double)last);
        assert_true(view.price[1].price_usd == 2.0 * (double)last);
        assert_string_equal(view.source, source);
        reads++;
    }
    assert_true(reads > 0);
    assert_int_equal(pthread_join(writer, &wrong), 0);
    assert_null(wrong);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_published_is_read, setup),
        cmocka_unit_test_setup(another_version_is_refused, setup),
        cmocka_unit_test_setup(a_long_source_is_cut, setup),
        cmocka_unit_test_setup(nonsense_is_not_published, setup),
        cmocka_unit_test_setup(nonsense_is_not_believed, setup),
        cmocka_unit_test_setup(an_announced_price_counts_from_its_time_on, setup),
        cmocka_unit_test_setup(age_counts_from_the_providers_answer, setup),
        cmocka_unit_test_setup(a_torn_page_is_left_alone, setup),
        cmocka_unit_test_setup(readers_never_see_two_publications_in_one, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
