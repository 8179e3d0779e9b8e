/*
 * nhttpd over the real stack, where time and the number of connections decide: who is silent, who
 * leaves and how, and who is one too many.
 */
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

static const char get[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

static void alone(void (*body)(const void *in, void *out)) {
    assert_int_equal(world_alone(body, NULL, NULL, 0), 0);
}

static void ask(struct talk *t, const char *text) {
    talk_say(t, text, strlen(text));
}

static uint64_t open_now(void) {
    struct serve_counters c;
    serve_counters(&c);
    return c.connections_open;
}

/* ---- silence ---- */

static void idle_ones_end(const void *in, void *out) {
    (void)in;
    (void)out;
    struct talk silent, half, speaks;
    struct world_settings s = world_plain(1);
    world_start(&s);
    talk_open(&silent, WORLD_PORT);
    talk_open(&half, WORLD_PORT);
    talk_open(&speaks, WORLD_PORT);
    ask(&half, "GET / HT"); /* holds a work area */
    world_run_us((SERVE_HOLD_S - 2) * SECOND_US);
    WORLD_CHECK(!half.ended && !half.failed);
    world_run_us(3 * SECOND_US);
    WORLD_CHECK(half.ended || half.failed);
    while (plat_now_us() < (SERVE_IDLE_S - 5) * SECOND_US) {
        talk_forget(&speaks);
        ask(&speaks, get);
        WORLD_CHECK(talk_hear(&speaks, 100, SECOND_US));
        world_run_us(3 * SECOND_US);
    }
    WORLD_CHECK(!silent.ended && !silent.failed && open_now() == 2);
    world_run_us(7 * SECOND_US);
    WORLD_CHECK(silent.ended && !speaks.ended && open_now() == 1);
    talk_close(&silent);
    talk_close(&half);
    talk_close(&speaks);
    world_run_us(10 * SECOND_US);
    WORLD_CHECK(open_now() == 0 && world.server->lent_count == 0);
}

/* Who asks and then never reads does not keep its place for ever. */
static void who_never_reads(const void *in, void *out) {
    (void)in;
    (void)out;
    struct talk t;
    struct world_settings s = world_plain(2);
    world_start(&s);
    talk_open(&t, WORLD_PORT);
    client_reads(t.stream, false);
    ask(&t, "GET /bytes/1000000 HTTP/1.1\r\nHost: h\r\n\r\n");
    world_run_us((SERVE_IDLE_S - 1) * SECOND_US);
    WORLD_CHECK(open_now() == 1);
    world_run_us(3 * SECOND_US);
    WORLD_CHECK(open_now() == 0);
    client_reads(t.stream, true); /* its stack took the reset for one out of its closed window */
    WORLD_CHECK(talk_end_comes(&t, SECOND_US) && t.failed);
}

/* ---- endings ---- */

/* An error reply arrives whole although the client goes on sending what is not read. */
static void errors_are_heard(const void *in, void *out) {
    (void)in;
    (void)out;
    static char body[30000];
    struct talk t;
    struct world_settings s = world_plain(3);
    world_start(&s);
    for (int i = 0; i < 3; i++) {
        talk_open(&t, WORLD_PORT);
        ask(&t, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 30000\r\n\r\n");
        talk_say(&t, body, sizeof body);
        WORLD_CHECK(talk_end_comes(&t, SECOND_US) && t.ended);
        WORLD_CHECK(strncmp(t.heard, "HTTP/1.1 405 ", 13) == 0);
        if (i == 0)
            talk_close(&t); /* hears its end */
        else if (i == 1)
            client_abort(t.stream);
        else
            world_run_us((SERVE_LINGER_S + 2) * SECOND_US); /* or tires of waiting for it */
        world_run_us(1000);
        WORLD_CHECK(open_now() == 0);
        if (i == 2)
            talk_close(&t);
    }
}

/* Requests, then the client's end at once: all are answered before ours. */
static void half_closed(const void *in, void *out) {
    (void)in;
    (void)out;
    struct talk t;
    struct world_settings s = world_plain(4);
    world_start(&s);
    talk_open(&t, WORLD_PORT);
    for (int i = 0; i < 20; i++)
        ask(&t, "GET /bytes/50000 HTTP/1.1\r\nHost: h\r\n\r\n");
    client_end(t.stream);
    WORLD_CHECK(talk_end_comes(&t, 10 * SECOND_US) && t.ended && t.bytes > 20 * 50000);
    talk_close(&t);
    world_run_us(1000);
    WORLD_CHECK(open_now() == 0);
}

static void resets(const void *in, void *out) {
    (void)in;
    (void)out;
    struct talk t;
    struct world_settings s = world_plain(5);
    world_start(&s);
    for (int i = 0; i < 200; i++) {
        talk_open(&t, WORLD_PORT);
        for (int n = 0; n < 20; n++)
            ask(&t, "GET /bytes/100000 HTTP/1.1\r\nHost: h\r\n\r\n");
        world_run_us((uint64_t)i * 7);
        client_abort(t.stream);
    }
    world_run_us(1000);
    WORLD_CHECK(open_now() == 0 && world.server->lent_count == 0);
}

/* ---- too many ---- */

static void one_more(const void *in, void *out) {
    enum { PLACES = 10 };
    (void)in;
    (void)out;
    struct talk t[PLACES], beyond;
    struct world_settings s = world_plain(6);
    struct serve_counters c;
    s.connections = PLACES;
    world_start(&s);
    for (int i = 0; i < PLACES; i++)
        talk_open(&t[i], WORLD_PORT);
    talk_open(&beyond, WORLD_PORT);
    ask(&beyond, get);
    WORLD_CHECK(talk_end_comes(&beyond, SECOND_US) && beyond.ended);
    WORLD_CHECK(strncmp(beyond.heard, "HTTP/1.1 503 ", 13) == 0);
    talk_close(&beyond);
    talk_open(&beyond, WORLD_PORT); /* and who says nothing is soon forgotten */
    WORLD_CHECK(talk_end_comes(&beyond, (SERVE_LINGER_S + 2) * SECOND_US));
    serve_counters(&c);
    WORLD_CHECK(c.connections_beyond == 2 && c.connections_open == PLACES);
    for (int i = 0; i < PLACES; i++) {
        ask(&t[i], get);
        WORLD_CHECK(talk_hear(&t[i], 100, SECOND_US));
        talk_close(&t[i]);
    }
    talk_open(&beyond, WORLD_PORT);
    ask(&beyond, get);
    WORLD_CHECK(talk_hear(&beyond, 100, SECOND_US));
    WORLD_CHECK(strncmp(beyond.heard, "HTTP/1.1 200 ", 13) == 0);
    talk_close(&beyond);
}

/* More connections ask at once than there are work areas: they wait in line, and get all. */
static void work_in_line(const void *in, void *out) {
    (void)in;
    (void)out;
    struct world_settings s = world_plain(7);
    struct fetch_plan plan = {.seed = 7,
                              .connections = FETCH_CONNECTIONS_MAX,
                              .replies = 2 * FETCH_CONNECTIONS_MAX,
                              .replies_per_connection = 2,
                              .bytes_max = 20000,
                              .most_us = 600 * SECOND_US};
    s.link.loss = 0.001;
    s.client_nic.rx_size = 512;
    world_start(&s);
    struct fetch_result r = fetch_run(&plan);
    WORLD_CHECK(r.wrong == 0 && r.broken == 0 && r.replies == plan.replies);
}

static void test_idle(void **state) {
    (void)state;
    alone(idle_ones_end);
    alone(who_never_reads);
}

static void test_endings(void **state) {
    (void)state;
    alone(errors_are_heard);
    alone(half_closed);
    alone(resets);
}

static void test_too_many(void **state) {
    (void)state;
    alone(one_more);
    alone(work_in_line);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_endings),
        cmocka_unit_test(test_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
