/*
 * What net does between NIC and lwIP when something runs out or time matters: rings, pools, lent
 * buffers, the batching delay to the nanosecond, connections that are over.
 */
#include "lwip/priv/tcp_priv.h"
#include "runtime/net/net.h"
#include "runtime/platform/platform.h"
#include "tests/memory/fetch.h"
#include "tests/memory/talk.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#define SECOND_US UINT64_C(1000000)

static void alone(void (*body)(const void *in, void *out), const void *in) {
    assert_int_equal(world_alone(body, in, NULL, 0), 0);
}

static struct fetch_result fetch_right(const struct fetch_plan *plan) {
    struct fetch_result r = fetch_run(plan);
    WORLD_CHECK(r.wrong == 0);
    WORLD_CHECK(r.broken == 0);
    WORLD_CHECK(r.replies == plan->replies);
    return r;
}

/* ---- the transmit ring ---- */

static void ring_full(const void *in, void *out) {
    const uint32_t *tx_size = in;
    (void)out;
    struct world_settings s = world_plain(1);
    struct fetch_plan plan = {.seed = 1,
                              .connections = 32,
                              .replies = 64,
                              .replies_per_connection = 3,
                              .bytes_each = 200000,
                              .most_us = 600 * SECOND_US};
    s.link.ps_per_byte = 80000; /* 100 Mbit/s: the ring fills faster than it empties */
    s.server_nic.tx_size = *tx_size;
    world_start(&s);
    struct fetch_result r = fetch_right(&plan);
    /* The wire was the limit, and was kept busy. */
    WORLD_CHECK(r.us > r.bytes * 8 / 100 && r.us < r.bytes * 8 / 100 * 13 / 10);
    WORLD_CHECK(world.link.counters.overrun == 0 && world.server->counters.tx_refused > 0);
}

/* ---- pools ---- */

/* More is asked for than the stack has segments, and nobody reads for a while: connections get
 * their replies when the others have theirs. */
static void pools_dry(const void *in, void *out) {
    (void)in;
    (void)out;
    struct world_settings s = world_plain(2);
    struct fetch_plan plan = {.seed = 2,
                              .connections = 300,
                              .replies = 300,
                              .replies_per_connection = 1,
                              .bytes_each = 300000,
                              .stall_us = 3 * SECOND_US,
                              .most_us = 600 * SECOND_US};
    world_start(&s);
    fetch_right(&plan);
}

/* The floor refuses what pools would like to grow by: all get their replies nevertheless. */
static void memory_short(const void *in, void *out) {
    (void)in;
    (void)out;
    struct world_settings s = world_plain(3);
    struct fetch_plan plan = {.seed = 3,
                              .connections = 100,
                              .replies = 300,
                              .replies_per_connection = 2,
                              .bytes_each = 100000,
                              .stall_us = SECOND_US,
                              .most_us = 600 * SECOND_US};
    s.connections = 100;
    s.server_nic.rx_size = 32;
    s.dma_bytes_max = 1600 << 10; /* of which nhttpd generates bodies from 1 MiB */
    world_start(&s);
    fetch_right(&plan);
    WORLD_CHECK(plat_memory_share() < 32 << 10);
}

static void too_little_memory(const void *in, void *out) {
    (void)in;
    (void)out;
    const struct memory_settings floor = {.nic = {.rx_size = 32}, .dma_bytes_max = 256 << 10};
    const struct net_config config = {.address_be = 1};
    char why[100] = "";
    WORLD_CHECK(memory_start(&floor) == 0);
    WORLD_CHECK(net_open(&config, why, sizeof why) == -1);
    WORLD_CHECK(strcmp(why, "no memory for packets") == 0);
}

static void open_once(const void *in, void *out) {
    (void)in;
    (void)out;
    const struct net_config config = {.address_be = 1};
    struct world_settings s = world_plain(1);
    char why[100];
    WORLD_CHECK(net_open(&config, why, sizeof why) == -1); /* no NIC yet */
    world_start(&s);
    WORLD_CHECK(net_open(&config, why, sizeof why) == -1);
    WORLD_CHECK(plat_nic_open(why, sizeof why) == NULL);
}

/* ---- receive buffers ---- */

/* The server holds on to what clients sent while it cannot answer them: past half of the buffers
 * it copies, so that the ring never starves. */
static void buffers_lent(const void *in, void *out) {
    enum { TALKS = 6, REQUESTS = 60, BODY = 100000 };
    (void)in;
    (void)out;
    static struct talk t[TALKS];
    static const char request[] = "GET /bytes/100000 HTTP/1.1\r\nHost: h\r\n\r\n";
    struct world_settings s = world_plain(3);
    uint32_t lent_max = 0;
    s.server_nic.rx_size = 32;
    world_start(&s);
    for (unsigned i = 0; i < TALKS; i++) {
        talk_open(&t[i], WORLD_PORT);
        client_reads(t[i].stream, false);
    }
    for (unsigned n = 0; n < REQUESTS; n++)
        for (unsigned i = 0; i < TALKS; i++) {
            talk_say(&t[i], request, sizeof request - 1);
            world_run_us(10); /* a segment each */
            if (world.server->lent_count > lent_max)
                lent_max = world.server->lent_count;
        }
    WORLD_CHECK(lent_max == world.server->nic.rx_size);
    WORLD_CHECK(world.server->counters.rx_overruns == 0 && world_counters().rx_dropped == 0);
    for (unsigned i = 0; i < TALKS; i++)
        client_reads(t[i].stream, true);
    for (unsigned i = 0; i < TALKS; i++) {
        WORLD_CHECK(talk_hear(&t[i], (size_t)REQUESTS * BODY, 60 * SECOND_US));
        talk_close(&t[i]);
    }
    world_run_us(3 * SECOND_US);
    WORLD_CHECK(world.server->lent_count == 0);
}

/* ---- time ---- */

/* No frame is held longer than W and the poll that ends it, on either side, counted by the NIC. */
static void held_no_longer(const void *in, void *out) {
    const double *delay_us = in;
    (void)out;
    struct world_settings s = world_plain(4);
    struct fetch_plan plan = {.seed = 4,
                              .connections = 24,
                              .replies = 200,
                              .replies_per_connection = 4,
                              .bytes_max = 100000,
                              .most_us = 60 * SECOND_US};
    s.delay_us = *delay_us;
    world_start(&s);
    fetch_right(&plan);
    const struct memory_nic_counters *nic = &world.server->counters;
    struct nom_net_counters c = world_counters();
    uint64_t limit_ns = (uint64_t)(*delay_us * 1000) + WORLD_POLL_NS;
    WORLD_CHECK(nic->rx_wait_max_ns <= limit_ns && nic->tx_wait_max_ns <= limit_ns);
    WORLD_CHECK(c.rx_hold_max_ns == nic->rx_wait_max_ns);
    WORLD_CHECK(c.tx_hold_max_ns == nic->tx_wait_max_ns);
    WORLD_CHECK(*delay_us == 0 || nic->rx_wait_max_ns >= limit_ns - WORLD_POLL_NS);
    WORLD_CHECK(*delay_us == 0 || (c.rx_batches < c.rx_packets && c.tx_batches < c.tx_packets));
}

/* A request answered after exactly W; but nothing is waited for while no connection could send. */
static void w_is_spent_once(const void *in, void *out) {
    (void)in;
    (void)out;
    struct talk t;
    struct world_settings s = world_plain(5);
    s.delay_us = 500;
    world_start(&s);
    WORLD_CHECK(net_nothing_to_wait_for());
    uint64_t start_us = plat_now_us();
    talk_open(&t, WORLD_PORT);
    WORLD_CHECK(t.connected);
    uint64_t quick_us = plat_now_us() - start_us; /* ARP, SYN, SYN+ACK: four ways */
    WORLD_CHECK(quick_us < 100);
    world_run_us(2000);
    WORLD_CHECK(!net_nothing_to_wait_for());
    for (int i = 0; i < 3; i++) {
        start_us = plat_now_us();
        talk_forget(&t);
        talk_say(&t, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", 27);
        WORLD_CHECK(talk_hear(&t, 100, SECOND_US));
        uint64_t took_us = t.heard_us - start_us;
        WORLD_CHECK(took_us >= 540 && took_us <= 545);
        world_run_us(SECOND_US);
    }
    /* Idle for long, it is set aside, and still waited for. */
    world_run_us(5 * SECOND_US);
    WORLD_CHECK(!net_nothing_to_wait_for());
    client_end(t.stream);
    WORLD_CHECK(talk_end_comes(&t, SECOND_US));
    talk_close(&t);
    world_run_us(1000);
    WORLD_CHECK(net_nothing_to_wait_for());
}

/* W changes while frames are held: they are judged by the new one. */
static void w_changes_at_once(const void *in, void *out) {
    (void)in;
    (void)out;
    struct talk t;
    struct world_settings s = world_plain(6);
    s.delay_us = 5000;
    world_start(&s);
    talk_open(&t, WORLD_PORT);
    world_run_us(20000);
    talk_say(&t, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", 27);
    world_run_us(1000);
    WORLD_CHECK(t.bytes == 0 && memory_nic_holds(world.server));
    net_set_batching(0, NOM_KICK_STRICT);
    world_run_us(50);
    WORLD_CHECK(t.bytes > 0);
    talk_close(&t);
}

/* ---- connections that are over ---- */

static uint32_t time_wait(void) {
    uint32_t n = 0;
    for (const struct tcp_pcb *pcb = tcp_tw_pcbs; pcb; pcb = pcb->next)
        n++;
    return n;
}

static void churn(const void *in, void *out) {
    (void)in;
    (void)out;
    struct world_settings s = world_plain(7);
    struct fetch_plan plan = {.seed = 7,
                              .connections = 50,
                              .replies = 250,
                              .replies_per_connection = 1,
                              .bytes_max = 1000,
                              .most_us = 60 * SECOND_US};
    uint32_t most = 0;
    world_start(&s);
    for (int i = 0; i < 20; i++) {
        plan.seed++;
        WORLD_CHECK(fetch_right(&plan).connections == plan.replies);
        world_run_us(1100);
        most = LWIP_MAX(most, time_wait());
    }
    WORLD_CHECK(most > 0 && most <= 128);
    world_run_us(10 * SECOND_US);
    WORLD_CHECK(time_wait() == 0 && tcp_active_pcbs == NULL);
    struct serve_counters c;
    serve_counters(&c);
    WORLD_CHECK(c.connections_total == 5000 && c.connections_open == 0);
}

/* ---- addresses ---- */

static void test_addresses(void **state) {
    (void)state;
    uint32_t address, mask;
    static const char *const bad[] = {"",          "1",          "1.2.3",     "1.2.3.4.5",
                                      "256.1.1.1", "1.2.3.4/33", "1.2.3.4/",  "1.2.3.4 ",
                                      "1..2.3",    "0001.2.3.4", "1.2.3.4/a", "-1.2.3.4"};
    assert_int_equal(net_parse_cidr("10.0.1.255/24", &address, &mask), 0);
    assert_int_equal(address, lwip_htonl(0x0a0001ff));
    assert_int_equal(mask, lwip_htonl(0xffffff00));
    assert_int_equal(net_parse_cidr("1.2.3.4", &address, &mask), 0);
    assert_int_equal(mask, 0xffffffff);
    assert_int_equal(net_parse_cidr("1.2.3.4/0", &address, &mask), 0);
    assert_int_equal(mask, 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(net_parse_cidr(bad[i], &address, &mask), -1);
}

static void test_ring_full(void **state) {
    (void)state;
    static const uint32_t sizes[] = {16, 32, 128};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        alone(ring_full, &sizes[i]);
}

static void test_pools_dry(void **state) {
    (void)state;
    alone(pools_dry, NULL);
    alone(memory_short, NULL);
    alone(too_little_memory, NULL);
}

static void test_open_once(void **state) {
    (void)state;
    alone(open_once, NULL);
}

static void test_buffers_lent(void **state) {
    (void)state;
    alone(buffers_lent, NULL);
}

static void test_held_no_longer(void **state) {
    (void)state;
    static const double delays_us[] = {0, 5, 20, 100};
    for (size_t i = 0; i < sizeof delays_us / sizeof *delays_us; i++)
        alone(held_no_longer, &delays_us[i]);
}

static void test_w_is_spent_once(void **state) {
    (void)state;
    alone(w_is_spent_once, NULL);
    alone(w_changes_at_once, NULL);
}

static void test_churn(void **state) {
    (void)state;
    alone(churn, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),       cmocka_unit_test(test_open_once),
        cmocka_unit_test(test_ring_full),       cmocka_unit_test(test_pools_dry),
        cmocka_unit_test(test_buffers_lent),    cmocka_unit_test(test_held_no_longer),
        cmocka_unit_test(test_w_is_spent_once), cmocka_unit_test(test_churn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
