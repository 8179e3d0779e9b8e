/*
 * nhttpd's logic: what each request is answered, that the answer depends on the bytes and not on
 * how they were cut, and that any bytes at all are survived.
 */
#include "tests/unit/seeded.h"
#include "workloads/nhttpd/http.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OUT_BYTES (1u << 20)

static char found_path[4096];

/* Three files; every path asked for is remembered. */
static int find(void *context, const char *path, struct http_file *file) {
    static const char big[5000] = {'b'};
    (void)context;
    snprintf(found_path, sizeof found_path, "%s", path);
    if (strcmp(path, "/index.html") == 0)
        *file = (struct http_file){"<p>hello", 8};
    else if (strcmp(path, "/empty.css") == 0)
        *file = (struct http_file){"", 0};
    else if (strcmp(path, "/big.woff2") == 0)
        *file = (struct http_file){big, sizeof big};
    else
        return -1;
    return 0;
}

#define WORKS 2

struct client {
    struct http_site site;
    struct http_work works[WORKS];
    struct http_connection connection;
    size_t out_bytes;
    char out[OUT_BYTES];
};

static void client_init(struct client *k) {
    memset(&k->site, 0, sizeof k->site);
    k->site.find = find;
    memset(k->works, 0xa5, sizeof k->works); /* nothing may rest on zeroed memory */
    memset(&k->connection, 0xa5, sizeof k->connection);
    http_work_add(&k->site, k->works, WORKS);
    http_init(&k->connection, &k->site);
    k->out_bytes = 0;
}

/* Sends what there is, at most `most` bytes at a time. */
static void drain(struct client *k, size_t most) {
    struct http_span span;
    while (http_output(&k->connection, &span, 1) == 1) {
        size_t n = span.bytes < most ? span.bytes : most;
        assert_true(n > 0 && k->out_bytes + n <= OUT_BYTES);
        memcpy(k->out + k->out_bytes, span.data, n);
        k->out_bytes += n;
        http_sent(&k->connection, n);
    }
}

static void feed(struct client *k, const char *bytes, size_t n) {
    while (n > 0) {
        /* A copy of just the size, so that a sanitizer sees a byte read beyond it. */
        char *copy = malloc(n);
        assert_non_null(copy);
        memcpy(copy, bytes, n);
        size_t used = http_input(&k->connection, copy, n);
        free(copy);
        drain(k, OUT_BYTES);
        assert_true(used > 0 && used <= n);
        bytes += used;
        n -= used;
    }
}

static struct client *whole(const char *bytes, size_t n) {
    static struct client k;
    client_init(&k);
    feed(&k, bytes, n);
    k.out[k.out_bytes] = '\0';
    return &k;
}

static struct client *ask(const char *request) {
    return whole(request, strlen(request));
}

static void exact_replies(void **state) {
    (void)state;
    struct client *k = ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_string_equal(k->out, "HTTP/1.1 200 OK\r\nServer: nom\r\nContent-Type: text/html\r\n"
                                "Content-Length: 8\r\n\r\n<p>hello");
    assert_false(http_finished(&k->connection));
    assert_false(http_busy(&k->connection));

    k = ask("HEAD / HTTP/1.0\r\n\r\n");
    assert_string_equal(k->out, "HTTP/1.1 200 OK\r\nServer: nom\r\nContent-Type: text/html\r\n"
                                "Content-Length: 8\r\nConnection: close\r\n\r\n");
    assert_true(http_finished(&k->connection));
    assert_false(k->connection.broken);

    k = ask("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
    assert_string_equal(k->out, "HTTP/1.1 200 OK\r\nServer: nom\r\nContent-Type: text/html\r\n"
                                "Content-Length: 8\r\nConnection: keep-alive\r\n\r\n<p>hello");
    assert_false(http_finished(&k->connection));

    k = ask("DELETE / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_string_equal(k->out, "HTTP/1.1 405 Method Not Allowed\r\nServer: nom\r\n"
                                "Content-Type: text/plain\r\nAllow: GET, HEAD\r\n"
                                "Content-Length: 23\r\n\r\n405 Method Not Allowed\n");

    k = ask("HEAD /none HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_string_equal(k->out, "HTTP/1.1 404 Not Found\r\nServer: nom\r\n"
                                "Content-Type: text/plain\r\nContent-Length: 14\r\n\r\n");
}

#define HOST "Host: a\r\n"

static const struct verdict {
    const char *request;
    unsigned status;
    bool closes, broken;
} verdicts[] = {
    {"GET / HTTP/1.1\r\n" HOST "\r\n", 200, false, false},
    {"\r\n\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 200, false, false},
    {"GET / HTTP/1.1\nHost: a\n\n", 200, false, false},
    {"GET / HTTP/1.1\r\nHOST:a\r\n\r\n", 200, false, false},
    {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 200, false, false},
    {"GET /?a=b&c=%zz/../ HTTP/1.1\r\n" HOST "\r\n", 200, false, false},
    {"GET http://a/ HTTP/1.1\r\n" HOST "\r\n", 200, false, false},
    {"GET HTTP://a:80 HTTP/1.1\r\n" HOST "\r\n", 200, false, false},
    {"GET http://a?q HTTP/1.1\r\n" HOST "\r\n", 200, false, false},
    {"GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", 200, true, false},
    {"GET / HTTP/1.1\r\n" HOST "cOnnection: Foo , CLOSE,keep-alive\r\n\r\n", 200, true, false},
    {"GET / HTTP/1.1\r\n" HOST "Connection: closed, xclose\r\n\r\n", 200, false, false},
    {"GET / HTTP/1.1\r\n" HOST "Connection: a\r\nConnection: close\r\n\r\n", 200, true, false},
    {"GET / HTTP/1.0\r\n\r\n", 200, true, false},
    {"GET / HTTP/1.0\r\nConnection: x, keep-alive\r\n\r\n", 200, false, false},
    {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", 200, true, false},
    {"GET / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", 200, false, false},
    {"GET / HTTP/1.1\r\n" HOST "X: \t\x80\xff y\t \r\n\r\n", 200, false, false},
    {"GET /none HTTP/1.1\r\n" HOST "\r\n", 404, false, false},
    {"GET /none HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", 404, true, false},
    {"GET / HTTP/1.1\r\n\r\n", 400, false, false}, /* no Host, but its end is known */
    {"GET /none HTTP/1.1\r\n\r\n", 400, false, false},
    {"GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400, true, true},
    {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, true, true},
    {"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", 400, true, true},
    {"GET / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello", 400, true, true},
    {"GET / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999999\r\n\r\n", 400, true, true},
    {"GET / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", 400, true, true},
    {"GET / HTTP/1.1\r\n" HOST "Content-Length: \r\n\r\n", 400, true, true},
    {"GET / HTTP/1.1\r\n" HOST "Content-Length: 0\r\nContent-Length: 0\r\n\r\n", 400, true, true},
    {"GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501, true, true},
    {"GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: x\r\nContent-Length: 3\r\n\r\n", 501, true,
     true},
    {"POST / HTTP/1.1\r\n" HOST "\r\n", 405, false, false},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", 405, true, true},
    {"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 405, false, false},
    {"CONNECT a:80 HTTP/1.1\r\n" HOST "\r\n", 405, false, false},
    {"BREW / HTTP/1.1\r\n" HOST "\r\n", 501, false, false},
    {"get / HTTP/1.1\r\n" HOST "\r\n", 501, false, false},
    {"GET / HTTP/1.1\r\n" HOST " folded\r\n\r\n", 400, true, true},
    {"GET / HTTP/1.1\r\n" HOST "a b: c\r\n\r\n", 400, true, true},
    {"GET / HTTP/1.1\r\n" HOST "a : c\r\n\r\n", 400, true, true},
    {"GET / HTTP/1.1\r\n" HOST ": c\r\n\r\n", 400, true, true},
    {"GET / HTTP/1.1\r\n" HOST "nocolon\r\n\r\n", 400, true, true},
    {"GET / HTTP/1.1\r\n" HOST "a: b\rc\r\n\r\n", 400, true, true},
    {"GET / HTTP/1.1\r\n" HOST "a: \x01\r\n\r\n", 400, true, true},
    {"GET /\r\n", 400, true, true}, /* HTTP/0.9 */
    {"GET / HTTP/0.9\r\n", 400, true, true},
    {"GET / HTTP/1.2\r\n", 400, true, true},
    {"GET / HTTP/2.0\r\n", 400, true, true},
    {"GET / HTTP/1.10\r\n", 400, true, true},
    {"GET / HTTP/11\r\n", 400, true, true},
    {"GET / http/1.1\r\n", 400, true, true},
    {"GET / HTTP/1.1 \r\n", 400, true, true},
    {"GET  / HTTP/1.1\r\n", 400, true, true},
    {"GET /  HTTP/1.1\r\n", 400, true, true},
    {"GET\t/ HTTP/1.1\r\n", 400, true, true},
    {" GET / HTTP/1.1\r\n", 400, true, true},
    {"GET\r\n", 400, true, true},
    {"G\x01T / HTTP/1.1\r\n", 400, true, true},
    {"GET /\x01 HTTP/1.1\r\n", 400, true, true},
    {"GET /\xc3\xa9 HTTP/1.1\r\n", 400, true, true},
    {"GET * HTTP/1.1\r\n", 400, true, true},
    {"GET index.html HTTP/1.1\r\n", 400, true, true},
    {"GET http:/// HTTP/1.1\r\n", 400, true, true},
    {"GET ftp://a/ HTTP/1.1\r\n", 400, true, true},
    {"GET /a#b HTTP/1.1\r\n", 400, true, true},
    {"GET /% HTTP/1.1\r\n", 400, true, true},
    {"GET /%2 HTTP/1.1\r\n", 400, true, true},
    {"GET /%2g HTTP/1.1\r\n", 400, true, true},
    {"GET /%00 HTTP/1.1\r\n", 400, true, true},
    {"GET /.. HTTP/1.1\r\n", 400, true, true},
    {"GET /a/../../b HTTP/1.1\r\n", 400, true, true},
    {"GET /%2e%2E/etc/passwd HTTP/1.1\r\n", 400, true, true},
    {"GET /a/..%2f..%2fb HTTP/1.1\r\n", 400, true, true},
};

#define VERDICTS (sizeof verdicts / sizeof *verdicts)

static void every_status(void **state) {
    (void)state;
    for (size_t i = 0; i < VERDICTS; i++) {
        const struct verdict *v = &verdicts[i];
        struct client *k = ask(v->request);
        unsigned status = 0;
        if (sscanf(k->out, "HTTP/1.1 %3u ", &status) != 1 || status != v->status ||
            http_finished(&k->connection) != v->closes || k->connection.broken != v->broken)
            fail_msg("%s: expected %u, closes %d, got: %s", v->request, v->status, v->closes,
                     k->out);
        assert_int_equal(strstr(k->out, "\r\nConnection: close\r\n") != NULL, v->closes);
        assert_int_equal(k->site.requests, v->status == 200);
        assert_int_equal(k->site.errors, v->status != 200);
        assert_int_equal(k->site.refused, 0);
    }
}

static void paths(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"/", "/index.html"},
        {"/a/", "/a/index.html"},
        {"/a", "/a"},
        {"/a?b/../..", "/a"},
        {"/%61%2Fb", "/a/b"},
        {"/a//b///", "/a/b/index.html"},
        {"/./a/./b/.", "/a/b/index.html"},
        {"/a/b/../c", "/a/c"},
        {"/a/b/..", "/a/index.html"},
        {"/a/..", "/index.html"},
        {"/a/b/c/../../d", "/a/d"},
        {"/...", "/..."},
        {"/.a/b..", "/.a/b.."},
        {"/%25%3f%20", "/%? "},
        {"http://h/x/%2e%2e/y", "/y"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char request[256];
        snprintf(request, sizeof request, "GET %s HTTP/1.0\r\n\r\n", cases[i][0]);
        found_path[0] = '\0';
        ask(request);
        assert_string_equal(found_path, cases[i][1]);
    }
}

static void content_types(void **state) {
    (void)state;
    assert_non_null(strstr(ask("HEAD /empty.css HTTP/1.0\r\n\r\n")->out, "Type: text/css\r\n"));
    struct client *k = ask("GET /big.woff2 HTTP/1.0\r\n\r\n");
    assert_non_null(strstr(k->out, "Type: font/woff2\r\nContent-Length: 5000\r\n"));
    const char *body = strstr(k->out, "\r\n\r\n") + 4;
    assert_int_equal(k->out + k->out_bytes - body, 5000);
}

/* The same bytes cut in two at every place, and one by one, are answered the same. */
static void same_however_cut(const char *bytes, size_t n) {
    static struct client cut;
    struct client *k = whole(bytes, n);
    for (size_t at = 0; at <= n; at++) {
        client_init(&cut);
        if (at == n)
            for (size_t i = 0; i < n; i++)
                feed(&cut, bytes + i, 1);
        feed(&cut, bytes, at == n ? 0 : at);
        feed(&cut, bytes + at, n - at);
        assert_int_equal(cut.out_bytes, k->out_bytes);
        assert_memory_equal(cut.out, k->out, k->out_bytes);
        assert_int_equal(http_finished(&cut.connection), http_finished(&k->connection));
        assert_int_equal(http_busy(&cut.connection), http_busy(&k->connection));
    }
}

static void cut_at_every_byte(void **state) {
    (void)state;
    char stream[8192];
    for (size_t i = 0; i < VERDICTS; i++) {
        int n = snprintf(stream, sizeof stream,
                         "HEAD /empty.css HTTP/1.1\r\nHost: b\r\nAccept: *\r\n\r\n\r\n%s"
                         "GET /none HTTP/1.1\r\n" HOST "\r\n",
                         verdicts[i].request);
        same_however_cut(stream, (size_t)n);
    }
}

static void pipeline(void **state) {
    (void)state;
    static const char two[] = "GET / HTTP/1.1\r\n" HOST "\r\nGET /none HTTP/1.1\r\n" HOST "\r\n";
    static struct client k;
    char stream[200 * sizeof two];
    size_t n = 0;
    for (int i = 0; i < 100; i++)
        n += (size_t)snprintf(stream + n, sizeof stream - n, "%s", two);

    /* Not read by the client: input stops at the limit, and nothing is lost. */
    client_init(&k);
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
        drain(&k, 7);
        used += http_input(&k.connection, stream + used, n - used);
    }
    drain(&k, 1);
    struct client *at_once = whole(stream, n);
    assert_int_equal(k.out_bytes, at_once->out_bytes);
    assert_memory_equal(k.out, at_once->out, k.out_bytes);
    assert_int_equal(k.site.requests, 100);
    assert_int_equal(k.site.errors, 100);

    /* In order, and none after the one that closes. */
    n = (size_t)snprintf(stream, sizeof stream, "%sGET / HTTP/1.0\r\n\r\n%s", two, two);
    at_once = whole(stream, n);
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
    static struct client k;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = sized(request, cases[i].line, cases[i].head);
        assert_int_equal(n, cases[i].head);
        for (size_t step = 1; step < 2 * n; step = step * 3 + 1) {
            client_init(&k);
            for (size_t at = 0; at < n; at += step)
                feed(&k, request + at, step < n - at ? step : n - at);
            assert_memory_equal(k.out, cases[i].reply, strlen(cases[i].reply));
            assert_true(http_finished(&k.connection));
            assert_true(k.out_bytes < 256);
        }
    }
    /* One endless line, first or later, does not wait for its end. */
    memset(request, 'x', sizeof request);
    assert_memory_equal(whole(request, HTTP_REQUEST_LINE_MAX + 2)->out, "HTTP/1.1 414 ", 13);
    assert_int_equal(whole(request, HTTP_REQUEST_LINE_MAX + 1)->out_bytes, 0);
    memcpy(request, "GET / HTTP/1.0\r\n", 16);
    assert_memory_equal(whole(request, HTTP_HEADERS_MAX)->out, "HTTP/1.1 431 ", 13);
    assert_int_equal(whole(request, HTTP_HEADERS_MAX - 1)->out_bytes, 0);
}

static void refusing(void **state) {
    (void)state;
    static struct client k;
    client_init(&k);
    k.site.refusing = true;
    const char *two = "GET / HTTP/1.1\r\n" HOST "\r\nHEAD /none HTTP/1.1\r\n" HOST "\r\n";
    feed(&k, two, strlen(two));
    k.out[k.out_bytes] = '\0';
    assert_string_equal(
        k.out, "HTTP/1.1 503 Service Unavailable\r\nServer: nom\r\nContent-Type: text/plain\r\n"
               "Retry-After: 1\r\nContent-Length: 24\r\n\r\n503 Service Unavailable\n"
               "HTTP/1.1 503 Service Unavailable\r\nServer: nom\r\nContent-Type: text/plain\r\n"
               "Retry-After: 1\r\nContent-Length: 24\r\n\r\n");
    assert_int_equal(k.site.refused, 2);
    assert_int_equal(k.site.requests, 0);
    k.site.refusing = false;
    feed(&k, two, strlen(two));
    assert_int_equal(k.site.requests, 1);
}

static void half_a_request_is_busy(void **state) {
    (void)state;
    static struct client k;
    client_init(&k);
    assert_false(http_busy(&k.connection));
    feed(&k, "GET /", 5);
    assert_true(http_busy(&k.connection));
    feed(&k, " HTTP/1.0\r\n", 11);
    assert_true(http_busy(&k.connection));
    size_t used = http_input(&k.connection, "\r\n", 2);
    assert_int_equal(used, 2);
    assert_true(http_busy(&k.connection));
    assert_false(http_finished(&k.connection));
    drain(&k, OUT_BYTES);
    assert_false(http_busy(&k.connection));
    assert_true(http_finished(&k.connection));
}

/* Two work areas, three connections: nobody's bytes are lost, and an idle connection holds none. */
static void work_areas_run_out(void **state) {
    (void)state;
    static struct client k;
    static const char request[] = "GET /big.woff2 HTTP/1.1\r\n" HOST "\r\n";
    struct http_connection other, third;
    size_t n = sizeof request - 1;
    client_init(&k);
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
    assert_int_equal(works, WORKS);
    assert_int_equal(k.site.requests, 4);
}

/* However requests, replies and ends interleave, each connection gets what it alone would get. */
static void work_areas_change_hands(void **state) {
    (void)state;
    enum { CLIENTS = 5, ROUNDS = 3000 };
    static struct client k[CLIENTS];
    static const char request[] = "HEAD /big.woff2 HTTP/1.1\r\n" HOST "\r\n"
                                  "GET /big.woff2 HTTP/1.1\r\n" HOST "\r\n";
    static const size_t n = sizeof request - 1;
    size_t at[CLIENTS] = {0}, reply_bytes = whole(request, n)->out_bytes;
    struct seeded random = {7};
    static char reply[OUT_BYTES];
    memcpy(reply, whole(request, n)->out, reply_bytes);
    for (int i = 0; i < CLIENTS; i++) {
        client_init(&k[i]);
        k[i].connection.site = &k[0].site; /* one pool for all */
    }
    for (int round = 0; round < ROUNDS; round++) {
        size_t i = seeded_next(&random) % CLIENTS, part = seeded_next(&random) % n + 1;
        if (part > n - at[i])
            part = n - at[i];
        size_t used = http_input(&k[i].connection, request + at[i], part);
        assert_true(used == part || (used == 0 && k[i].connection.work == NULL));
        at[i] += used;
        drain(&k[i], seeded_next(&random) % 3000 + 1);
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
static void check_replies(const struct client *k) {
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
    static struct client cut;
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
        struct client *k = whole(stream, n);
        check_replies(k);
        client_init(&cut);
        for (size_t at = 0; at < n;) {
            size_t part = seeded_next(&random) % 20 + 1;
            part = part < n - at ? part : n - at;
            feed(&cut, stream + at, part);
            at += part;
        }
        assert_int_equal(cut.out_bytes, k->out_bytes);
        assert_memory_equal(cut.out, k->out, k->out_bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_replies),
        cmocka_unit_test(every_status),
        cmocka_unit_test(paths),
        cmocka_unit_test(content_types),
        cmocka_unit_test(cut_at_every_byte),
        cmocka_unit_test(pipeline),
        cmocka_unit_test(limits),
        cmocka_unit_test(refusing),
        cmocka_unit_test(half_a_request_is_busy),
        cmocka_unit_test(work_areas_run_out),
        cmocka_unit_test(work_areas_change_hands),
        cmocka_unit_test(garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
