/*
 * Nothing the wire does reaches who fetches: 1,000 bodies of random size up to 1 MiB arrive right
 * to the byte, whatever is lost, doubled, late or damaged on the way, at several settings of W. The
 * same seed gives the same run, frame by frame.
 */
#include "tests/memory/fetch.h"
#include "tests/memory/world.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
// clang-format off
#include <cmocka.h>
// clang-format on

/* Sanitizers make it several times slower, and would see the same with fewer. */
#if defined(__SANITIZE_ADDRESS__)
#define REPLIES 100u
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define REPLIES 100u
#endif
#endif
#ifndef REPLIES
#define REPLIES 1000u
#endif

struct run {
    struct world_settings world;
    struct fetch_plan fetch;
};

struct outcome {
    struct fetch_result fetch;
    struct memory_link_counters link;
    uint64_t trace;
    struct nom_net_counters net;
    uint64_t tx_wait_max_ns;
    double delay_us;
};

static void fetch_all(const void *in, void *out) {
    const struct run *run = in;
    struct outcome *o = out;
    world_start(&run->world);
    o->fetch = fetch_run(&run->fetch);
    o->link = world.link.counters;
    o->trace = world.link.trace;
    o->net = world_counters();
    o->tx_wait_max_ns = world.server->counters.tx_wait_max_ns;
}

static struct run plain(uint64_t seed) {
    return (struct run){
        .world = world_plain(seed),
        .fetch = {.seed = seed,
                  .connections = 8,
                  .replies = REPLIES,
                  .replies_per_connection = 10,
                  .bytes_max = 1 << 20,
                  .most_us = UINT64_C(40000000000)},
    };
}

static struct outcome run_well(const struct run *run) {
    struct outcome o = {0};
    int status = world_alone(fetch_all, run, &o, sizeof o);
    print_message("# %u replies, %llu bytes, %u connections, %.1f s; frames %llu: lost %llu, "
                  "doubled %llu, late %llu, damaged %llu, overrun %llu\n",
                  o.fetch.replies, (unsigned long long)o.fetch.bytes, o.fetch.connections,
                  (double)o.fetch.us / 1e6, (unsigned long long)o.link.frames,
                  (unsigned long long)o.link.lost, (unsigned long long)o.link.duplicated,
                  (unsigned long long)o.link.reordered, (unsigned long long)o.link.corrupted,
                  (unsigned long long)o.link.overrun);
    assert_int_equal(status, 0);
    assert_int_equal(o.fetch.wrong, 0);
    assert_int_equal(o.fetch.broken, 0);
    assert_int_equal(o.fetch.replies, run->fetch.replies);
    return o;
}

static void test_quiet(void **state) {
    (void)state;
    struct run run = plain(1);
    struct outcome o = run_well(&run);
    assert_int_equal(o.link.lost + o.link.duplicated + o.link.reordered + o.link.corrupted, 0);
}

static void lossy(uint64_t seed, double loss, double delay_us, enum nom_kick kick) {
    struct run run = plain(seed);
    run.world.link.loss = loss;
    run.world.delay_us = delay_us;
    run.world.kick = kick;
    struct outcome o = run_well(&run);
    double expected = (double)o.link.frames * loss;
    assert_true((double)o.link.lost > expected * 0.8 && (double)o.link.lost < expected * 1.2);
}

static void test_loss_a_thousandth(void **state) {
    (void)state;
    lossy(2, 0.001, 0, NOM_KICK_STRICT);
}

static void test_loss_a_hundredth(void **state) {
    (void)state;
    lossy(3, 0.01, 20, NOM_KICK_NATURAL);
}

static void test_loss_a_twentieth(void **state) {
    (void)state;
    lossy(4, 0.05, 0, NOM_KICK_NATURAL);
}

static void test_reordering(void **state) {
    (void)state;
    struct run run = plain(5);
    run.world.link.reorder = 0.05;
    run.world.delay_us = 20;
    assert_true(run_well(&run).link.reordered > 0);
}

static void test_duplication(void **state) {
    (void)state;
    struct run run = plain(6);
    run.world.link.duplicate = 0.05;
    run.world.kick = NOM_KICK_STRICT;
    assert_true(run_well(&run).link.duplicated > 0);
}

static void test_corruption(void **state) {
    (void)state;
    struct run run = plain(7);
    run.world.link.corrupt = 0.01;
    run.world.delay_us = 20;
    assert_true(run_well(&run).link.corrupted > 0);
}

static void test_all_together(void **state) {
    (void)state;
    for (uint64_t i = 0; i < 3; i++) {
        struct run run = plain(8 + i);
        run.world.link.loss = run.world.link.duplicate = run.world.link.corrupt = 0.01;
        run.world.link.reorder = 0.05;
        run.world.server_nic.rx_checksum = true;
        run.world.delay_us = i == 2 ? 20 : 0;
        run.world.kick = i == 1 ? NOM_KICK_STRICT : NOM_KICK_NATURAL;
        run.fetch.replies = i == 0 ? REPLIES : REPLIES / 10;
        run_well(&run);
    }
}

static void test_same_seed_same_run(void **state) {
    (void)state;
    struct run run = plain(11);
    run.world.link.loss = run.world.link.duplicate = run.world.link.corrupt = 0.01;
    run.world.link.reorder = 0.05;
    run.world.delay_us = 20;
    run.fetch.replies = REPLIES / 20;
    struct outcome first = run_well(&run), second = run_well(&run);
    assert_true(first.trace == second.trace);
    assert_memory_equal(&first.link, &second.link, sizeof first.link);
    assert_true(first.fetch.us == second.fetch.us);
    run.world.seed++;
    assert_true(first.trace != run_well(&run).trace);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quiet),
        cmocka_unit_test(test_loss_a_thousandth),
        cmocka_unit_test(test_loss_a_hundredth),
        cmocka_unit_test(test_loss_a_twentieth),
        cmocka_unit_test(test_reordering),
        cmocka_unit_test(test_duplication),
        cmocka_unit_test(test_corruption),
        cmocka_unit_test(test_all_together),
        cmocka_unit_test(test_same_seed_same_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
