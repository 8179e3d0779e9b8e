/*
 * The reply parser: what it makes of a reply must not depend on where the reply was split, and no
 * bytes may make it read or write out of bounds (run under SAN=1).
 */
#include "workloads/load/reply.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct outcome {
    enum load_reply_progress progress;
    size_t used; /* in all */
    int status;
    bool closing;
};

/* Feeds text[0, n) in pieces that end at cut_a and cut_b, each from an allocation of its own size.
 */
static struct outcome parse(const char *text, size_t n, size_t cut_a, size_t cut_b) {
    struct load_reply reply;
    struct outcome o = {.progress = LOAD_REPLY_MORE};
    memset(&reply, 0x5a, sizeof reply);
    load_reply_begin(&reply);
    const size_t ends[] = {cut_a, cut_b, n};
    size_t at = 0;
    for (int i = 0; i < 3 && o.progress == LOAD_REPLY_MORE; i++) {
        if (ends[i] == at) {
            continue;
        }
        size_t used = 0, piece = ends[i] - at;
        char *exact = malloc(piece);
        assert_non_null(exact);
        memcpy(exact, text + at, piece);
        o.progress = load_reply_feed(&reply, exact, piece, &used);
        free(exact);
        assert_true(used <= piece);
        assert_true(o.progress != LOAD_REPLY_MORE || used == piece);
        o.used += used;
        at = ends[i];
    }
    o.status = reply.status;
    o.closing = reply.closing;
    return o;
}

/* Parses in one piece, in any two, and in a sample of any three: all must agree. */
static struct outcome parse_all_ways(const char *text, size_t n) {
    struct outcome whole = parse(text, n, n, n);
    for (size_t a = 0; a <= n; a++) {
        for (size_t b = a; b <= n; b += 1 + (n - a) / 8) {
            struct outcome o = parse(text, n, a, b);
            assert_int_equal(o.progress, whole.progress);
            if (o.progress == LOAD_REPLY_WHOLE) {
                assert_int_equal(o.used, whole.used);
                assert_int_equal(o.status, whole.status);
                assert_int_equal(o.closing, whole.closing);
            }
        }
    }
    return whole;
}

#define BODY5 "hello"

static void good_replies(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int status;
        bool closing;
        size_t surplus;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" BODY5, 200, false, 0},
        {"HTTP/1.1 200\r\nContent-Length:5\r\n\r\n" BODY5, 200, false, 0},
        {"HTTP/1.1 200 \r\ncONTENT-lENGTH: \t 5 \t\r\n\r\n" BODY5, 200, false, 0},
        {"HTTP/1.1 503 No\nServer: x\ncontent-length: 5\n\n" BODY5, 503, false, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, false, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n", 200, false, 0},
        {"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 5\r\n\r\n" BODY5, 404,
         true, 0},
        {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n" BODY5, 200, true, 0},
        {"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 5\r\n\r\n" BODY5, 200, false,
         0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 000000000000000005\r\n\r\n" BODY5 "xyz", 200, false,
         3},
        {"HTTP/1.1 200 OK\r\nX-Content-Length: 9\r\nContent-Lengthy: 7\r\nTE: x\r\nC:\r\n"
         "Content-Length: 5\r\n\r\n" BODY5,
         200, false, 0},
        {"HTTP/1.1 200 OK\r\nX: "
         "0123456789012345678901234567890123456789012345678901234567890123456789"
         "01234567890123456789012345678901234567890\r\nContent-Length: 5\r\n\r\n" BODY5,
         200, false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t n = strlen(cases[i].text);
        struct outcome o = parse_all_ways(cases[i].text, n);
        assert_int_equal(o.progress, LOAD_REPLY_WHOLE);
        assert_int_equal(o.used, n - cases[i].surplus);
        assert_int_equal(o.status, cases[i].status);
        assert_int_equal(o.closing, cases[i].closing);
        for (size_t part = 0; part < n - cases[i].surplus; part++) {
            assert_int_equal(parse(cases[i].text, part, part / 2, part).progress, LOAD_REPLY_MORE);
        }
    }
}

static void malformed_replies(void **state) {
    (void)state;
    static const char *const cases[] = {
        "\r\n",
        "HTTP/2.0 200 OK\r\nContent-Length: 5\r\n\r\n" BODY5,
        "HTTP/1.1  200 OK\r\nContent-Length: 5\r\n\r\n" BODY5,
        "HTTP/1.1 20\r\n",
        "HTTP/1.1 2000 OK\r\n",
        "HTTP/1.1 099 OK\r\n",
        "HTTP/1.1 2x0 OK\r\n",
        "http/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length:\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5 5\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5,5\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551621\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n",
        /* more of a line than is looked at */
        "HTTP/1.1 200 OK\r\nContent-Length:                                                      "
        "                                       5\r\n\r\n" BODY5,
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(parse_all_ways(cases[i], strlen(cases[i])).progress, LOAD_REPLY_MALFORMED);
    }
}

static void endless_heads_are_malformed(void **state) {
    (void)state;
    struct load_reply reply;
    char line[1000];
    for (int with_lines = 0; with_lines < 2; with_lines++) {
        enum load_reply_progress progress = LOAD_REPLY_MORE;
        size_t fed = 0, used;
        load_reply_begin(&reply);
        assert_int_equal(load_reply_feed(&reply, "HTTP/1.1 200 OK\r\n", 17, &used),
                         LOAD_REPLY_MORE);
        memset(line, 'x', sizeof line);
        line[sizeof line - 1] = with_lines ? '\n' : 'x';
        while (progress == LOAD_REPLY_MORE) {
            assert_true(fed <= LOAD_REPLY_HEAD_BYTES_MAX);
            progress = load_reply_feed(&reply, line, sizeof line, &used);
            fed += sizeof line;
        }
        assert_int_equal(progress, LOAD_REPLY_MALFORMED);
        assert_true(fed >= LOAD_REPLY_HEAD_BYTES_MAX - 1000);
    }
}

static void a_parser_is_used_again(void **state) {
    (void)state;
    static const char text[] = "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n" BODY5
                               "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n";
    struct load_reply reply;
    size_t used, n = sizeof text - 1;
    load_reply_begin(&reply);
    assert_int_equal(load_reply_feed(&reply, text, n, &used), LOAD_REPLY_WHOLE);
    assert_true(reply.closing);
    size_t first = used;
    load_reply_begin(&reply);
    assert_int_equal(load_reply_feed(&reply, text + first, n - first, &used), LOAD_REPLY_WHOLE);
    assert_int_equal(first + used, n);
    assert_int_equal(reply.status, 503);
    assert_false(reply.closing);
}

/* Seeded mutations of a good reply, split at random: no crash, and never a reply out of nothing. */
static void mutations(void **state) {
    (void)state;
    static const char good[] =
        "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\n" BODY5;
    uint64_t random = 88172645463325252ull;
    size_t n = sizeof good - 1;
    for (int round = 0; round < 20000; round++) {
        char text[sizeof good];
        memcpy(text, good, sizeof good);
        for (int i = 0; i < 3; i++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            text[random % n] = (char)(random >> 32);
        }
        size_t a = (random >> 8) % (n + 1), b = a + (random >> 20) % (n + 1 - a);
        struct outcome split = parse(text, n, a, b), whole = parse(text, n, n, n);
        assert_int_equal(split.progress, whole.progress);
        if (whole.progress == LOAD_REPLY_WHOLE) {
            assert_int_equal(split.used, whole.used);
            assert_int_equal(split.status, whole.status);
            assert_in_range(whole.status, 100, 999);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_replies),
        cmocka_unit_test(malformed_replies),
        cmocka_unit_test(endless_heads_are_malformed),
        cmocka_unit_test(a_parser_is_used_again),
        cmocka_unit_test(mutations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
