/*
 * nhttpd as a whole, its own main and loop: from its arguments to its end, served and steered by a
 * client that comes while the loop turns.
 */
#include "runtime/platform/platform.h"
#include "tests/memory/world.h"
#include "tests/unit/sample_table.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#define MOST_US 5000000u

/* What the client says, to which port, and when it goes on. */
struct line {
    uint16_t port;
    const void *says;
    size_t bytes;
    bool (*heard)(const char *reply, size_t bytes); /* whole and right */
};

static const struct line *script;
static struct client_stream *stream;
static char reply[4096];
static size_t reply_bytes;
static double delay_us;
static uint64_t idle_until_us;

static void connected(void *context) {
    (void)context;
    WORLD_CHECK(client_send(stream, script->says, script->bytes) == script->bytes);
}

static void received(void *context, const void *data, size_t bytes) {
    (void)context;
    WORLD_CHECK(bytes <= sizeof reply - reply_bytes);
    memcpy(reply + reply_bytes, data, bytes);
    reply_bytes += bytes;
}

static void over(void *context) {
    (void)context;
}

static const struct client_calls calls = {
    .connected = connected, .received = received, .ended = over, .failed = over};

/* One line after the other, a connection each; after the last a silence, so that the app waits. */
static bool turn(void *context) {
    (void)context;
    WORLD_CHECK(plat_now_us() < MOST_US);
    world_step();
    if (!script->says) {
        if (idle_until_us == 0)
            idle_until_us = plat_now_us() + 500000;
        return plat_now_us() >= idle_until_us;
    }
    if (!stream) {
        reply_bytes = 0;
        stream = client_connect(script->port, &calls, NULL);
        WORLD_CHECK(stream);
    } else if (script->heard(reply, reply_bytes)) {
        client_close(stream);
        stream = NULL;
        script++;
    }
    return false;
}

/* ---- what is expected ---- */

static bool page(const char *text, size_t bytes) {
    return bytes > 17 && strncmp(text, "HTTP/1.1 200 OK\r\n", 17) == 0;
}

static bool refusal(const char *text, size_t bytes) {
    return bytes > 13 && strncmp(text, "HTTP/1.1 503 ", 13) == 0;
}

struct answer {
    struct nom_control_header header;
    struct nom_control_status status;
    struct nom_statistics statistics;
};

static bool done(const char *text, size_t bytes) {
    struct answer a;
    if (bytes < sizeof a.header + sizeof a.status)
        return false;
    memcpy(&a, text, sizeof a.header + sizeof a.status);
    WORLD_CHECK(a.status.error == 0);
    return true;
}

static bool counted(const char *text, size_t bytes) {
    struct answer a;
    if (bytes < sizeof a)
        return false;
    memcpy(&a, text, sizeof a);
    WORLD_CHECK(a.status.error == 0 && a.statistics.requests == 1 && a.statistics.uptime_us > 0);
    WORLD_CHECK(a.statistics.delay_us == delay_us && a.statistics.connections_total == 1);
    WORLD_CHECK(a.statistics.net.rx_packets > 0 && a.statistics.kick == NOM_KICK_STRICT);
    return true;
}

static bool adapting(const char *text, size_t bytes) {
    struct answer a;
    if (bytes < sizeof a)
        return false;
    memcpy(&a, text, sizeof a);
    WORLD_CHECK(a.statistics.adapting && !a.statistics.serving && a.statistics.refused == 1);
    return true;
}

static void whole_life(const void *in, void *out) {
    char *argv[] = {"nhttpd",         "--ip",   "10.0.0.2/24", "--gateway",     "10.0.0.254",
                    "--control-port", "81",     "--delay-us",  "12.5",          "--kick",
                    "strict",         "--port", "80",          "--connections", "100"};
    static const char get[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    static const struct nom_control_header ask = {NOM_CONTROL_MAGIC, NOM_CONTROL_VERSION,
                                                  NOM_CONTROL_STATISTICS, 0, 1};
    struct {
        struct nom_control_header header;
        struct sample_table table;
    } table = {
        {NOM_CONTROL_MAGIC, NOM_CONTROL_VERSION, NOM_CONTROL_TABLE, sizeof(struct sample_table), 2},
        sample_table()};
    struct {
        struct nom_control_header header;
        struct nom_control_price price;
    } price = {{NOM_CONTROL_MAGIC, NOM_CONTROL_VERSION, NOM_CONTROL_PRICE,
                sizeof(struct nom_control_price), 3},
               {.count = 1, .use_id = {NOM_USE_GBIT_OUT_PER_S}, .price_usd = {1e6}}};
    const struct line lines[] = {{80, get, sizeof get - 1, page},
                                 {81, &ask, sizeof ask, counted},
                                 {81, &table, sizeof table, done},
                                 {81, &price, sizeof price, done},
                                 {80, get, sizeof get - 1, refusal},
                                 {81, &ask, sizeof ask, adapting},
                                 {0, NULL, 0, NULL}};
    struct world_settings s = world_plain(1);
    (void)in;
    (void)out;
    script = lines;
    delay_us = 12.5;
    s.turn = turn;
    world_start(&s);
    WORLD_CHECK(plat_main(sizeof argv / sizeof *argv, argv) == 0);
    WORLD_CHECK(strcmp(memory_log(),
                       "nhttpd: ready at 10.0.0.2:80, control port 81, delay 12.5 us, "
                       "strict\n") == 0);
    WORLD_CHECK(!script->says);
}

struct refused {
    int argc;
    char *argv[8];
    const char *says;
};

static void refused_alone(const void *in, void *out) {
    const struct refused *r = in;
    char *argv[8];
    struct world_settings s = world_plain(1);
    (void)out;
    memcpy(argv, r->argv, sizeof argv);
    script = &(const struct line){0};
    s.turn = turn;
    world_start(&s);
    WORLD_CHECK(plat_main(r->argc, argv) != 0);
    WORLD_CHECK(strstr(memory_log(), r->says) != NULL);
}

static void test_whole_life(void **state) {
    (void)state;
    assert_int_equal(world_alone(whole_life, NULL, NULL, 0), 0);
}

static void test_arguments(void **state) {
    static const struct refused refused[] = {
        {1, {"nhttpd"}, "--ip"},
        {2, {"nhttpd", "--ip"}, "has no value"},
        {3, {"nhttpd", "--ip", "10.0.0.2"}, "bad value for --ip"},
        {3, {"nhttpd", "--colour", "red"}, "no option --colour"},
        {5, {"nhttpd", "--ip", "10.0.0.2/24", "--port", "0"}, "bad value for --port"},
        {5, {"nhttpd", "--ip", "10.0.0.2/24", "--port", "80.5"}, "bad value for --port"},
        {5, {"nhttpd", "--ip", "10.0.0.2/24", "--kick", "soft"}, "bad value for --kick"},
        {5, {"nhttpd", "--ip", "10.0.0.2/24", "--delay-us", "-1"}, "bad value for --delay-us"},
        {5, {"nhttpd", "--ip", "10.0.0.2/24", "--connections", "0"}, "bad value for --connections"},
        {5, {"nhttpd", "--ip", "10.0.0.2/24", "--gateway", "1.2.3.4/8"}, "bad value for --gateway"},
        {5, {"nhttpd", "--ip", "10.0.0.2/24", "--control-port", "80"}, "both 80"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        assert_int_equal(world_alone(refused_alone, &refused[i], NULL, 0), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_life),
        cmocka_unit_test(test_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
