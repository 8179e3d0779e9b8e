/*
 * A connection of nhttpd's logic: pipelined requests, limits, work areas that run out and change
 * hands; and any bytes at all are survived.
 */
#include "tests/unit/http_client.h"
#include "tests/unit/seeded.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void pipeline(void **state) {
    (void)state;
    static const char two[] = "GET / HTTP/1.1\r\n" HOST "\r\nGET /none HTTP/1.1\r\n" HOST "\r\n";
    static struct http_client k;
    char stream[200 * sizeof two];
    size_t n = 0;
    for (int i = 0; i < 100; i++)
        n += (size_t)snprintf(stream + n, sizeof stream - n, "%s", two);

    /* Not read by the client: input stops at the limit, and nothing is lost. */
    http_client_init(&k);
    size_t used = http_input(&k.connection, stream, n);
    assert_int_equal(used, HTTP_PIPELINE_MAX / 2 * (sizeof two - 1));
    assert_int_equal(http_input(&k.connection, stream + used, n - used), 0);
    struct http_span spans[3 * HTTP_PIPELINE_MAX];
    size_t count = http_output(&k.connection, spans, 3 * HTTP_PIPELINE_MAX);
    assert_int_equal(count, HTTP_PIPELINE_MAX / 2 * 3); /* head and body; head alone */
    assert_int_equal(http_output(&k.connection, spans, 4), 4);
    assert_false(spans[0].stable);
    assert_true(spans[1].stable);
    assert_ptr_equal(memchr(spans[1].data, '<', spans[1].bytes), spans[1].data);
    while (used < n) {
        http_client_drain(&k, 7);
        used += http_input(&k.connection, stream + used, n - used);
    }
    http_client_drain(&k, 1);
    struct http_client *at_once = http_client_whole(stream, n);
    assert_int_equal(k.out_bytes, at_once->out_bytes);
    assert_memory_equal(k.out, at_once->out, k.out_bytes);
    assert_int_equal(k.site.requests, 100);
    assert_int_equal(k.site.errors, 100);

    /* In order, and none after the one that closes. */
    n = (size_t)snprintf(stream, sizeof stream, "%sGET / HTTP/1.0\r\n\r\n%s", two, two);
    at_once = http_client_whole(stream, n);
    assert_int_equal(at_once->site.requests, 2);
    assert_int_equal(at_once->site.errors, 1);
    assert_true(http_finished(&at_once->connection));
}

/* A request whose line is line_bytes and whose head is head_bytes long, line ends included. */
static size_t sized(char *out, size_t line_bytes, size_t head_bytes) {
    size_t n = (size_t)sprintf(out, "GET /");
    while (n < line_bytes - 11)
        out[n++] = 'a';
    n += (size_t)sprintf(out + n, " HTTP/1.0\r\n");
    while (n < head_bytes - 2) {
        size_t left = head_bytes - 2 - n;
        size_t bytes = left > 1000 ? 500 : left; /* never leaves less than a line needs */
        n += (size_t)sprintf(out + n, "a:");
        memset(out + n, 'b', bytes - 4);
        n += bytes - 4;
        n += (size_t)sprintf(out + n, "\r\n");
    }
    return n + (size_t)sprintf(out + n, "\r\n");
}

static void limits(void **state) {
    (void)state;
    static const struct {
        size_t line, head;
        const char *reply;
    } cases[] = {
        {HTTP_REQUEST_LINE_MAX + 2, HTTP_REQUEST_LINE_MAX + 4, "HTTP/1.1 404 "},
        {HTTP_REQUEST_LINE_MAX + 3, HTTP_REQUEST_LINE_MAX + 5, "HTTP/1.1 414 "},
        {HTTP_REQUEST_LINE_MAX + 2, HTTP_HEADERS_MAX, "HTTP/1.1 404 "},
        {100, HTTP_HEADERS_MAX, "HTTP/1.1 404 "},
        {100, HTTP_HEADERS_MAX + 1, "HTTP/1.1 431 "},
        {100, 2 * HTTP_HEADERS_MAX, "HTTP/1.1 431 "},
    };
    static char request[3 * HTTP_HEADERS_MAX];
    static struct http_client k;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = sized(request, cases[i].line, cases[i].head);
        assert_int_equal(n, cases[i].head);
        for (size_t step = 1; step < 2 * n; step = step * 3 + 1) {
            http_client_init(&k);
            for (size_t at = 0; at < n; at += step)
                http_client_feed(&k, request + at, step < n - at ? step : n - at);
            assert_memory_equal(k.out, cases[i].reply, strlen(cases[i].reply));
            assert_true(http_finished(&k.connection));
            assert_true(k.out_bytes < 256);
        }
    }
    /* One endless line, first or later, does not wait for its end. */
    memset(request, 'x', sizeof request);
    assert_memory_equal(http_client_whole(request, HTTP_REQUEST_LINE_MAX + 2)->out, "HTTP/1.1 414 ",
                        13);
    assert_int_equal(http_client_whole(request, HTTP_REQUEST_LINE_MAX + 1)->out_bytes, 0);
    memcpy(request, "GET / HTTP/1.0\r\n", 16);
    assert_memory_equal(http_client_whole(request, HTTP_HEADERS_MAX)->out, "HTTP/1.1 431 ", 13);
    assert_int_equal(http_client_whole(request, HTTP_HEADERS_MAX - 1)->out_bytes, 0);
}

static void half_a_request_is_busy(void **state) {
    (void)state;
    static struct http_client k;
    http_client_init(&k);
    assert_false(http_busy(&k.connection));
    http_client_feed(&k, "GET /", 5);
    assert_true(http_busy(&k.connection));
    http_client_feed(&k, " HTTP/1.0\r\n", 11);
    assert_true(http_busy(&k.connection));
    size_t used = http_input(&k.connection, "\r\n", 2);
    assert_int_equal(used, 2);
    assert_true(http_busy(&k.connection));
    assert_false(http_finished(&k.connection));
    http_client_drain(&k, HTTP_CLIENT_BYTES);
    assert_false(http_busy(&k.connection));
    assert_true(http_finished(&k.connection));
}

/* Two work areas, three connections: nobody's bytes are lost, and an idle connection holds none. */
static void work_areas_run_out(void **state) {
    (void)state;
    static struct http_client k;
    static const char request[] = "GET /big.woff2 HTTP/1.1\r\n" HOST "\r\n";
    struct http_connection other, third;
    size_t n = sizeof request - 1;
    http_client_init(&k);
    http_init(&other, &k.site);
    http_init(&third, &k.site);
    assert_int_equal(http_input(&k.connection, request, 10), 10);
    assert_int_equal(http_input(&other, "\r\n\r\n", 4), 4); /* nothing to remember of that */
    assert_null(other.work);
    assert_int_equal(http_input(&other, request, n), n);
    assert_false(http_work_free(&k.site));
    assert_int_equal(http_input(&third, request, n), 0);
    assert_false(http_pending(&third) || http_busy(&third) || http_finished(&third));
    assert_int_equal(k.site.requests, 1);

    /* A reply whose head was sent holds none: its body lies in a file. */
    struct http_span span[2];
    assert_int_equal(http_output(&other, span, 2), 2);
    http_sent(&other, span[0].bytes - 1);
    assert_false(http_work_free(&k.site));
    http_sent(&other, 1 + 100);
    assert_true(http_work_free(&k.site));
    assert_true(http_pending(&other));
    assert_int_equal(http_output(&other, span, 2), 1);
    assert_int_equal(span[0].bytes, 4900);

    /* Whoever is next has it; the one whose body is under way waits for another. */
    assert_int_equal(http_input(&third, request, n), n);
    assert_int_equal(http_input(&other, request, n), 0);
    http_end(&third);
    assert_int_equal(http_input(&other, request, n), n);
    assert_int_equal(http_output(&other, span, 1), 1);
    assert_int_equal(span[0].bytes, 4900); /* the first reply's body still goes first */
    http_sent(&other, 4900);
    assert_int_equal(http_output(&other, span, 2), 2);
    assert_false(span[0].stable);
    http_sent(&other, span[0].bytes + span[1].bytes);
    assert_false(http_busy(&other));

    /* A half-read request keeps its own, and a body that goes with it too. */
    assert_int_equal(http_input(&k.connection, request + 10, n - 10), n - 10);
    assert_int_equal(http_input(&k.connection, request, 10), 10);
    assert_int_equal(http_output(&k.connection, span, 2), 2);
    http_sent(&k.connection, span[0].bytes + 1);
    assert_non_null(k.connection.work);
    http_sent(&k.connection, 4999);
    assert_non_null(k.connection.work);
    assert_false(http_pending(&k.connection));
    http_end(&k.connection);
    http_end(&other);
    size_t works = 0;
    for (struct http_work *w = k.site.free_work; w; w = w->next_free)
        works++;
    assert_int_equal(works, HTTP_CLIENT_WORKS);
    assert_int_equal(k.site.requests, 4);
}

/* However requests, replies and ends interleave, each connection gets what it alone would get. */
static void work_areas_change_hands(void **state) {
    (void)state;
    enum { CLIENTS = 5, ROUNDS = 3000 };
    static struct http_client k[CLIENTS];
    static const char request[] = "HEAD /big.woff2 HTTP/1.1\r\n" HOST "\r\n"
                                  "GET /big.woff2 HTTP/1.1\r\n" HOST "\r\n";
    static const size_t n = sizeof request - 1;
    size_t at[CLIENTS] = {0}, reply_bytes = http_client_whole(request, n)->out_bytes;
    struct seeded random = {7};
    static char reply[HTTP_CLIENT_BYTES];
    memcpy(reply, http_client_whole(request, n)->out, reply_bytes);
    for (int i = 0; i < CLIENTS; i++) {
        http_client_init(&k[i]);
        k[i].connection.site = &k[0].site; /* one pool for all */
    }
    for (int round = 0; round < ROUNDS; round++) {
        size_t i = seeded_next(&random) % CLIENTS, part = seeded_next(&random) % n + 1;
        if (part > n - at[i])
            part = n - at[i];
        size_t used = http_input(&k[i].connection, request + at[i], part);
        assert_true(used == part || (used == 0 && k[i].connection.work == NULL));
        at[i] += used;
        http_client_drain(&k[i], seeded_next(&random) % 3000 + 1);
        if (at[i] == n) {
            assert_false(http_busy(&k[i].connection));
            assert_int_equal(k[i].out_bytes, reply_bytes);
            assert_memory_equal(k[i].out, reply, reply_bytes);
            at[i] = k[i].out_bytes = 0;
        } else if (round % 7 == 0) { /* gone half-way, and another in its place */
            http_end(&k[i].connection);
            http_init(&k[i].connection, &k[0].site);
            at[i] = k[i].out_bytes = 0;
        }
    }
    assert_true(k[0].site.requests > ROUNDS / 20);
}

/* What comes out must be whole replies, each with a status of ours and the length it says. */
static void check_replies(const struct http_client *k) {
    const char *at = k->out, *end = k->out + k->out_bytes;
    while (at < end) {
        unsigned status;
        size_t length;
        const char *body = strstr(at, "\r\n\r\n");
        assert_non_null(body);
        assert_true((size_t)(body + 4 - at) <= HTTP_REPLY_HEAD_MAX);
        const char *text = strstr(at, "\r\nContent-Length: ");
        assert_true(text && text < body);
        assert_int_equal(sscanf(at, "HTTP/1.1 %3u ", &status), 1);
        assert_int_equal(sscanf(text, "\r\nContent-Length: %zu", &length), 1);
        assert_true(status == 200 || status == 400 || status == 404 || status == 405 ||
                    status == 414 || status == 431 || status == 501);
        at = body + 4;
        at += length;
        assert_true(at <= end);
    }
}

static void garbage(void **state) {
    (void)state;
    static const char *const scraps[] = {
        "GET ",
        "/",
        " HTTP/1.1\r\n",
        " HTTP/1.0\r\n",
        "Host: a\r\n",
        "\r\n",
        "\n",
        "\r",
        "%2e",
        "..",
        "Connection",
        ": close",
        ": ",
        "Content-Length: 1\r\n",
        "?",
        "http://",
        "big.woff2",
        "%",
        "Transfer-Encoding: chunked\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /%2e/a HTTP/1.1\r\nHost: a\r\n\r\n",
    };
    static struct http_client cut;
    char stream[2000];
    for (uint64_t seed = 1; seed <= 4000; seed++) {
        struct seeded random = {seed};
        size_t n = 0, most = seeded_next(&random) % 300 + 1;
        while (n < most) {
            uint64_t kind = seeded_next(&random) % 8;
            if (kind == 0 || (seed % 4 == 0 && kind < 7)) {
                stream[n++] = (char)seeded_next(&random);
            } else {
                const char *scrap = scraps[seeded_next(&random) % (sizeof scraps / sizeof *scraps)];
                memcpy(stream + n, scrap, strlen(scrap));
                n += strlen(scrap);
            }
        }
        struct http_client *k = http_client_whole(stream, n);
        check_replies(k);
        http_client_init(&cut);
        for (size_t at = 0; at < n;) {
            size_t part = seeded_next(&random) % 20 + 1;
            part = part < n - at ? part : n - at;
            http_client_feed(&cut, stream + at, part);
            at += part;
        }
        assert_int_equal(cut.out_bytes, k->out_bytes);
        assert_memory_equal(cut.out, k->out, k->out_bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pipeline),
        cmocka_unit_test(limits),
        cmocka_unit_test(half_a_request_is_busy),
        cmocka_unit_test(work_areas_run_out),
        cmocka_unit_test(work_areas_change_hands),
        cmocka_unit_test(garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
