/*
 * The control port over the real stack: what a client sends is answered and takes effect; one that
 * says nonsense, too much, nothing at all, or comes too many, costs no one else anything.
 */
#include "runtime/net/control_port.h"
#include "runtime/net/net.h"
#include "runtime/platform/platform.h"
#include "tests/memory/talk.h"
#include "tests/unit/sample_table.h"
#include <setjmp.h>
#include <stdarg.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#define SECOND_US 1000000u

static void alone(void (*body)(const void *in, void *out)) {
    assert_int_equal(world_alone(body, NULL, NULL, 0), 0);
}

static void start(void) {
    struct world_settings settings = world_plain(1);
    world_start(&settings);
}

static bool has_place(void) {
    struct talk t;
    talk_open(&t, WORLD_CONTROL_PORT);
    world_run_us(1000);
    bool refused = t.failed;
    talk_close(&t);
    return !refused;
}

static void statistics_and_delay(const void *in, void *out) {
    (void)in;
    (void)out;
    struct talk t, web;
    struct nom_statistics s;
    struct nom_control_delay delay = {.delay_us = 50, .kick = NOM_KICK_STRICT};
    double delay_us;
    enum nom_kick kick;
    start();
    talk_open(&web, WORLD_PORT);
    talk_say(&web, "GET / HTTP/1.0\r\n\r\n", 18);
    WORLD_CHECK(talk_end_comes(&web, SECOND_US));
    talk_close(&web);
    talk_open(&t, WORLD_CONTROL_PORT);
    WORLD_CHECK(talk_control(&t, NOM_CONTROL_STATISTICS, NULL, 0, &s) == 0);
    WORLD_CHECK(s.requests == 1 && s.connections_total == 1 && s.connections_open == 0);
    WORLD_CHECK(s.delay_us == 0 && s.kick == NOM_KICK_NATURAL && !s.adapting && s.serving);
    WORLD_CHECK(s.net.rx_packets > 0 && s.net.tx_packets > 0 && s.net.device_errors == 0);
    world_run_us(SECOND_US); /* the last ACK */
    struct nom_net_counters c = world_counters();
    WORLD_CHECK(c.rx_packets == world.server->counters.rx_frames && c.rx_dropped == 0);
    WORLD_CHECK(c.tx_packets == world.server->counters.tx_frames && c.tx_dropped == 0);
    WORLD_CHECK(c.kicks == world.server->counters.tx_kicks);
    WORLD_CHECK(talk_control(&t, NOM_CONTROL_DELAY, &delay, sizeof delay, NULL) == 0);
    net_get_batching(&delay_us, &kick);
    WORLD_CHECK(delay_us == 50 && kick == NOM_KICK_STRICT);
    delay.delay_us = -1;
    WORLD_CHECK(talk_control(&t, NOM_CONTROL_DELAY, &delay, sizeof delay, NULL) ==
                NOM_CONTROL_EVALUE);
    net_get_batching(&delay_us, &kick);
    WORLD_CHECK(delay_us == 50);
    /* Two requests in one segment are answered in order, one that comes byte by byte too. */
    struct nom_control_header two[2] = {
        {NOM_CONTROL_MAGIC, NOM_CONTROL_VERSION, NOM_CONTROL_STATISTICS, 0, 7},
        {NOM_CONTROL_MAGIC, NOM_CONTROL_VERSION, NOM_CONTROL_STATISTICS, 0, 8}};
    size_t reply = sizeof two[0] + sizeof(struct nom_control_status) + sizeof s;
    talk_forget(&t);
    talk_say(&t, two, sizeof two);
    WORLD_CHECK(talk_hear(&t, 2 * reply, SECOND_US));
    WORLD_CHECK(((struct nom_control_header *)(void *)t.heard)->tag == 7);
    WORLD_CHECK(((struct nom_control_header *)(void *)(t.heard + reply))->tag == 8);
    talk_forget(&t);
    for (size_t i = 0; i < sizeof two[0]; i++) {
        talk_say(&t, (char *)two + i, 1);
        world_run_us(100);
    }
    WORLD_CHECK(talk_hear(&t, reply, SECOND_US) && t.bytes == reply);
    /* The client's end of stream is answered by ours. */
    client_end(t.stream);
    WORLD_CHECK(talk_end_comes(&t, SECOND_US) && t.ended);
    talk_close(&t);
}

static void tables(const void *in, void *out) {
    (void)in;
    (void)out;
    static unsigned char nonsense[NOM_CONTROL_PAYLOAD_MAX];
    struct talk t, web;
    struct nom_statistics s;
    struct sample_table table = sample_table();
    struct nom_control_price price = {
        .count = 1, .use_id = {NOM_USE_GBIT_OUT_PER_S}, .price_usd = {1e6}};
    start();
    talk_open(&t, WORLD_CONTROL_PORT);
    WORLD_CHECK(talk_control(&t, NOM_CONTROL_TABLE, &table, sizeof table, NULL) == 0);
    WORLD_CHECK(talk_control(&t, NOM_CONTROL_STATISTICS, NULL, 0, &s) == 0);
    WORLD_CHECK(s.adapting && s.serving && s.table_built_unix_s == 1700000000);
    /* At a price at which every row loses, requests are refused politely. */
    WORLD_CHECK(talk_control(&t, NOM_CONTROL_PRICE, &price, sizeof price, NULL) == 0);
    talk_open(&web, WORLD_PORT);
    talk_say(&web, "GET / HTTP/1.0\r\n\r\n", 18);
    WORLD_CHECK(talk_end_comes(&web, SECOND_US));
    WORLD_CHECK(strncmp(web.heard, "HTTP/1.1 503 ", 13) == 0);
    talk_close(&web);
    WORLD_CHECK(talk_control(&t, NOM_CONTROL_STATISTICS, NULL, 0, &s) == 0);
    WORLD_CHECK(!s.serving && s.refused == 1);
    /* The longest message there is, more than any window: gathered, then refused, not the stream.
     */
    const struct nom_control_header header = {NOM_CONTROL_MAGIC, NOM_CONTROL_VERSION,
                                              NOM_CONTROL_TABLE, sizeof nonsense, 1};
    talk_forget(&t);
    talk_say(&t, &header, sizeof header);
    for (size_t sent = 0; sent < sizeof nonsense; world_step())
        sent += client_send(t.stream, nonsense + sent, sizeof nonsense - sent);
    WORLD_CHECK(talk_hear(&t, sizeof header + sizeof(struct nom_control_status), SECOND_US));
    WORLD_CHECK(((struct nom_control_status *)(void *)(t.heard + sizeof header))->error ==
                NOM_CONTROL_ETABLE);
    WORLD_CHECK(talk_control(&t, NOM_CONTROL_STATISTICS, NULL, 0, &s) == 0 && s.adapting);
    talk_close(&t);
}

static void nonsense_ends_the_session(const void *in, void *out) {
    (void)in;
    (void)out;
    struct talk t;
    struct nom_control_header header = {NOM_CONTROL_MAGIC, NOM_CONTROL_VERSION, NOM_CONTROL_TABLE,
                                        NOM_CONTROL_PAYLOAD_MAX + 1, 9};
    start();
    for (int i = 0; i < 10; i++) {
        talk_open(&t, WORLD_CONTROL_PORT);
        WORLD_CHECK(t.connected);
        if (i % 2)
            header.magic = 0;
        talk_say(&t, &header, sizeof header);
        talk_say(&t, "more that nobody reads", 22);
        WORLD_CHECK(talk_end_comes(&t, SECOND_US) && t.ended);
        WORLD_CHECK(t.bytes == sizeof header + sizeof(struct nom_control_status));
        WORLD_CHECK(((struct nom_control_status *)(void *)(t.heard + sizeof header))->error ==
                    NOM_CONTROL_EFORMAT);
        talk_close(&t);
    }
}

static void places(const void *in, void *out) {
    (void)in;
    (void)out;
    struct talk t[CONTROL_PORT_SESSIONS_MAX], one_more;
    start();
    for (unsigned i = 0; i < CONTROL_PORT_SESSIONS_MAX; i++) {
        talk_open(&t[i], WORLD_CONTROL_PORT);
        WORLD_CHECK(t[i].connected);
        world_run_us(1000);
        WORLD_CHECK(!t[i].failed);
    }
    talk_open(&one_more, WORLD_CONTROL_PORT);
    WORLD_CHECK(talk_end_comes(&one_more, SECOND_US) && one_more.failed);
    /* Those that have one work on; a reset frees a place, a long silence too. */
    WORLD_CHECK(talk_control(&t[0], NOM_CONTROL_STATISTICS, NULL, 0, NULL) == 0);
    client_abort(t[1].stream);
    world_run_us(1000);
    WORLD_CHECK(has_place());
    world_run_us((CONTROL_PORT_IDLE_S - 2) * SECOND_US);
    WORLD_CHECK(!t[2].ended && !t[3].ended);
    WORLD_CHECK(talk_control(&t[0], NOM_CONTROL_STATISTICS, NULL, 0, NULL) == 0);
    world_run_us(3 * SECOND_US);
    WORLD_CHECK(!t[0].ended && t[2].ended && t[3].ended);
    WORLD_CHECK(talk_control(&t[0], NOM_CONTROL_STATISTICS, NULL, 0, NULL) == 0);
    talk_close(&t[0]);
    talk_close(&t[2]);
    talk_close(&t[3]);
}

/* Who does not read its replies is not read from: it holds its window and no more, and gets all
 * its replies once it reads. */
static void who_does_not_read(const void *in, void *out) {
    (void)in;
    (void)out;
    enum { REQUESTS = 20000 };
    struct talk t, other;
    const size_t reply = CONTROL_REPLY_BYTES_MAX;
    struct nom_control_header ask = {NOM_CONTROL_MAGIC, NOM_CONTROL_VERSION, NOM_CONTROL_STATISTICS,
                                     0, 0};
    uint32_t asked = 0;
    start();
    talk_open(&t, WORLD_CONTROL_PORT);
    client_reads(t.stream, false);
    for (uint64_t end_us = plat_now_us() + 5 * SECOND_US;
         asked < REQUESTS && plat_now_us() < end_us; world_step())
        while (asked < REQUESTS && client_send(t.stream, &ask, sizeof ask) == sizeof ask)
            asked++;
    WORLD_CHECK(t.bytes < REQUESTS * reply);
    talk_open(&other, WORLD_CONTROL_PORT);
    WORLD_CHECK(talk_control(&other, NOM_CONTROL_STATISTICS, NULL, 0, NULL) == 0);
    client_reads(t.stream, true);
    for (; asked < REQUESTS; world_step())
        while (asked < REQUESTS && client_send(t.stream, &ask, sizeof ask) == sizeof ask)
            asked++;
    WORLD_CHECK(talk_hear(&t, REQUESTS * reply, 60 * SECOND_US));
    talk_close(&t);
    talk_close(&other);
}

static void test_statistics_and_delay(void **state) {
    (void)state;
    alone(statistics_and_delay);
}

static void test_tables(void **state) {
    (void)state;
    alone(tables);
}

static void test_nonsense_ends_the_session(void **state) {
    (void)state;
    alone(nonsense_ends_the_session);
}

static void test_places(void **state) {
    (void)state;
    alone(places);
}

static void test_who_does_not_read(void **state) {
    (void)state;
    alone(who_does_not_read);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statistics_and_delay),      cmocka_unit_test(test_tables),
        cmocka_unit_test(test_nonsense_ends_the_session), cmocka_unit_test(test_places),
        cmocka_unit_test(test_who_does_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
