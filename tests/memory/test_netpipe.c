/*
 * netpipe as a whole over the real stack, its own main and loop, at the other end of a wire that
 * may lose packets: runs whose every message comes back as it was, clients that break off, and one
 * client too many.
 */
#include "runtime/platform/platform.h"
#include "tests/memory/world.h"
#include "tests/unit/seeded.h"
#include "workloads/netpipe/serve.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
// clang-format off
#include <cmocka.h>
// clang-format on

int netpipe_main(int argc, char **argv);

#define PORT    5002u
#define MOST_US UINT64_C(900000000)
#define CLIENTS 2u
#define BIG     200000u

/* A client of the protocol: one exchange after the other, what it hears compared with what it
 * should hear. */
static struct client {
    struct client_stream *stream;
    struct np_sizes sizes;
    enum { HELLO, FIRST, TRIED, SIZE, COUNT, TRIAL, MESSAGES, QUIT, DONE } at;
    const char *says, *hears;
    size_t says_bytes, said, hears_bytes, heard;
    uint32_t bytes, left, trials;
    char message[BIG + 16];
    bool lost;
} clients[CLIENTS];

static const struct np_settings *settings;

static void exchange(struct client *c, const char *says, size_t bytes, const char *hears,
                     size_t hears_bytes) {
    c->says = says;
    c->says_bytes = bytes;
    c->hears = hears;
    c->hears_bytes = hears_bytes;
    c->said = c->heard = 0;
}

static void message(struct client *c) {
    struct seeded random = {c->bytes * 1000u + c->left};
    for (size_t i = 0; i < c->bytes; i++)
        c->message[i] = (char)seeded_next(&random);
    exchange(c, c->message, c->bytes, c->message, c->bytes);
}

/* The exchange before has ended; the next one, if it has any. */
static void next(struct client *c) {
    static const char sync[] = "SyncMe", count[4] = {0, 0, 0, 2};
    switch (c->at) {
    case FIRST:
    case MESSAGES:
        if (--c->left > 0) {
            message(c);
            return;
        }
        c->at = c->at == FIRST ? TRIED : --c->trials > 0 ? TRIAL : SIZE;
        break;
    case HELLO:
        c->at = FIRST;
        c->left = NP_FIRST_MESSAGES;
        c->bytes = settings->start;
        message(c);
        return;
    case TRIED:
        c->at = SIZE;
        break;
    case SIZE:
        c->at = COUNT;
        exchange(c, count, sizeof count, "", 0);
        return;
    case COUNT:
        c->at = TRIAL;
        c->trials = NP_TRIALS;
        break;
    case TRIAL:
        c->at = MESSAGES;
        c->left = 2;
        message(c);
        return;
    case QUIT:
    case DONE:
        c->at = DONE;
        return;
    }
    if (c->at == SIZE && !np_sizes_next(&c->sizes, &c->bytes)) {
        c->at = QUIT;
        exchange(c, "QUIT", 5, "QUIT", 5);
    } else {
        exchange(c, sync, 6, sync, 6);
    }
}

static void speak(struct client *c) {
    while (c->stream && c->at != DONE) {
        c->said += client_send(c->stream, c->says + c->said, c->says_bytes - c->said);
        if (c->said < c->says_bytes || c->heard < c->hears_bytes)
            return;
        next(c);
    }
}

static void connected(void *context) {
    speak(context);
}

static void received(void *context, const void *data, size_t bytes) {
    struct client *c = context;
    WORLD_CHECK(c->heard + bytes <= c->hears_bytes && c->said == c->says_bytes);
    WORLD_CHECK(memcmp(c->hears + c->heard, data, bytes) == 0);
    c->heard += bytes;
    speak(c);
}

static void ended(void *context) {
    struct client *c = context;
    WORLD_CHECK(c->at == DONE);
}

static void failed(void *context) {
    struct client *c = context;
    c->stream = NULL;
    c->lost = true;
}

static const struct client_calls calls = {connected, received, connected, ended, failed};

static void start(struct client *c) {
    memset(c, 0, sizeof *c);
    np_sizes_begin(&c->sizes, settings);
    exchange(c, "SyncMe", 6, "SyncMe", 6);
    c->stream = client_connect(PORT, &calls, c);
    WORLD_CHECK(c->stream);
}

static void finish(struct client *c) {
    if (c->stream)
        client_close(c->stream);
    c->stream = NULL;
}

/* ---- scenes: asked once a turn, true ends the app ---- */

static int scene_at;
static uint64_t until_us;

static bool all_done(void) {
    for (struct client *c = clients; c < clients + CLIENTS; c++)
        if (c->at != DONE)
            return false;
    return true;
}

/* Two clients at once, then two more. */
static bool runs(void *context) {
    (void)context;
    WORLD_CHECK(plat_now_us() < MOST_US);
    world_step();
    if (scene_at % 2 == 0) {
        for (struct client *c = clients; c < clients + CLIENTS; c++)
            start(c);
        scene_at++;
    } else if (all_done()) {
        for (struct client *c = clients; c < clients + CLIENTS; c++)
            finish(c);
        scene_at++;
    }
    return scene_at == 4;
}

static void serve(bool (*turn)(void *), const struct world_settings *like, int argc, char **argv) {
    struct world_settings s = *like;
    scene_at = 0;
    s.turn = turn;
    world_start(&s);
    WORLD_CHECK(netpipe_main(argc, argv) == 0);
}

static void whole_runs(const void *in, void *out) {
    const bool *loses = in;
    static const struct np_settings s = {3, BIG, 3, false};
    char *argv[] = {"netpipe", "--ip", "10.0.0.2/24", "-l", "3", "-u", "200000"};
    struct world_settings w = world_plain(3);
    (void)out;
    settings = &s;
    if (*loses) {
        w.link.loss = 0.01;
        w.link.duplicate = 0.01;
        w.link.reorder = 0.01;
    }
    serve(runs, &w, 7, argv);
    WORLD_CHECK(strcmp(memory_log(), "netpipe: ready at 10.0.0.2:5002, control port off, delay 0 "
                                     "us, natural, messages of 3 to 200000 bytes\n") == 0);
}

/* ---- clients that break off ---- */

static size_t lines(void) {
    size_t n = 0;
    for (const char *at = memory_log(); (at = strchr(at, '\n')); at++)
        n++;
    return n;
}

static bool endings(void *context) {
    struct client *c = clients;
    (void)context;
    WORLD_CHECK(plat_now_us() < MOST_US);
    world_step();
    switch (scene_at) {
    case 0: /* goes in mid-message */
        start(c);
        scene_at++;
        break;
    case 1:
        if (c->at == MESSAGES && c->bytes > 1000) {
            client_abort(c->stream);
            scene_at++;
        }
        break;
    case 2: /* garbage */
        if (lines() == 2) {
            start(c);
            c->says = "GARBAGE";
            c->says_bytes = 7;
            scene_at++;
        }
        break;
    case 3: /* silence */
        if (c->lost) {
            WORLD_CHECK(lines() == 3);
            start(c);
            c->hears_bytes = 100;
            scene_at++;
        }
        break;
    case 4:
        if (c->lost) {
            WORLD_CHECK(lines() == 4 && plat_now_us() > NP_SILENT_S * 1000000u);
            start(c);
            scene_at++;
        }
        break;
    default: /* and the next is served */
        if (c->at == DONE)
            finish(c);
        return c->at == DONE;
    }
    return false;
}

static void break_off(const void *in, void *out) {
    static const struct np_settings s = {3, 3000, 0, false};
    char *argv[] = {"netpipe", "--ip", "10.0.0.2/24", "-l", "3", "-u", "3000", "-p", "0"};
    struct world_settings w = world_plain(4);
    (void)in;
    (void)out;
    settings = &s;
    serve(endings, &w, 9, argv);
    WORLD_CHECK(strstr(memory_log(), "of a message: it reset the connection\n"));
    WORLD_CHECK(strstr(memory_log(), "\"SyncMe\" expected, \"G\" heard: has NPtcp the same"));
    WORLD_CHECK(strstr(memory_log(), "nothing for 60 s"));
    WORLD_CHECK(lines() == 4);
}

/* ---- no place ---- */

static bool one_too_many(void *context) {
    (void)context;
    WORLD_CHECK(plat_now_us() < MOST_US);
    world_step();
    if (scene_at == 0) {
        start(&clients[0]);
        scene_at++;
    } else if (scene_at == 1 && clients[0].at != HELLO) {
        start(&clients[1]);
        scene_at++;
    } else if (clients[0].at == DONE && until_us == 0) {
        WORLD_CHECK(clients[1].lost);
        finish(&clients[0]);
        until_us = plat_now_us() + 500000; /* it sleeps meanwhile */
    }
    return until_us != 0 && plat_now_us() >= until_us;
}

static void one_place(const void *in, void *out) {
    static const struct np_settings s = {3, 300, 0, false};
    char *argv[] = {"netpipe", "--ip", "10.0.0.2/24",   "-l", "3", "-p", "0",
                    "--upper", "300",  "--connections", "1"};
    struct world_settings w = world_plain(5);
    (void)in;
    (void)out;
    settings = &s;
    serve(one_too_many, &w, 11, argv);
    WORLD_CHECK(strstr(memory_log(), "a client was turned away"));
}

/* ---- arguments ---- */

struct refused {
    int argc;
    char *argv[9];
    const char *says;
};

static void refused_alone(const void *in, void *out) {
    const struct refused *r = in;
    char *argv[9];
    struct world_settings s = world_plain(1);
    (void)out;
    memcpy(argv, r->argv, sizeof argv);
    s.turn = runs;
    world_start(&s);
    WORLD_CHECK(netpipe_main(r->argc, argv) == 2);
    WORLD_CHECK(strstr(memory_log(), r->says) != NULL);
}

static void test_arguments(void **state) {
#define IP "netpipe", "--ip", "10.0.0.2/24"
    static const struct refused refused[] = {
        {1, {"netpipe"}, "--ip"},
        {4, {IP, "--start"}, "option --start has no value"},
        {5, {IP, "--colour", "red"}, "no option --colour"},
        {5, {IP, "--start", "0"}, "bad value for --start: 0"},
        {5, {IP, "-l", "1.5"}, "bad value for -l: 1.5"},
        {5, {IP, "-u", "1e9"}, "bad value for -u"},
        {5, {IP, "-p", "-1"}, "bad value for -p"},
        {5, {IP, "--bidirectional", "yes"}, "bad value for --bidirectional"},
        {5, {IP, "--connections", "65"}, "bad value for --connections"},
        {7, {IP, "-l", "9", "-u", "8"}, "--start 9 is above --upper 8"},
        {6, {IP, "-2", "--port", "70000"}, "bad value for --port"},
        {5, {IP, "--control-port", "5002"}, "both 5002"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        assert_int_equal(world_alone(refused_alone, &refused[i], NULL, 0), 0);
}

static void test_runs(void **state) {
    static const bool loses[] = {false, true};
    (void)state;
    assert_int_equal(world_alone(whole_runs, &loses[0], NULL, 0), 0);
    assert_int_equal(world_alone(whole_runs, &loses[1], NULL, 0), 0);
}

static void test_break_off(void **state) {
    (void)state;
    assert_int_equal(world_alone(break_off, NULL, NULL, 0), 0);
}

static void test_one_place(void **state) {
    (void)state;
    assert_int_equal(world_alone(one_place, NULL, NULL, 0), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_break_off),
        cmocka_unit_test(test_one_place),
        cmocka_unit_test(test_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
