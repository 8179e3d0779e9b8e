/*
 * What nhttpd answers each request, however its bytes are cut.
 */
#include "tests/unit/http_client.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void exact_replies(void **state) {
    (void)state;
    struct http_client *k = http_client_ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_string_equal(k->out, "HTTP/1.1 200 OK\r\nServer: nom\r\nContent-Type: text/html\r\n"
                                "Content-Length: 8\r\n\r\n<p>hello");
    assert_false(http_finished(&k->connection));
    assert_false(http_busy(&k->connection));

    k = http_client_ask("HEAD / HTTP/1.0\r\n\r\n");
    assert_string_equal(k->out, "HTTP/1.1 200 OK\r\nServer: nom\r\nContent-Type: text/html\r\n"
                                "Content-Length: 8\r\nConnection: close\r\n\r\n");
    assert_true(http_finished(&k->connection));
    assert_false(k->connection.broken);

    k = http_client_ask("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
    assert_string_equal(k->out, "HTTP/1.1 200 OK\r\nServer: nom\r\nContent-Type: text/html\r\n"
                                "Content-Length: 8\r\nConnection: keep-alive\r\n\r\n<p>hello");
    assert_false(http_finished(&k->connection));

    k = http_client_ask("DELETE / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_string_equal(k->out, "HTTP/1.1 405 Method Not Allowed\r\nServer: nom\r\n"
                                "Content-Type: text/plain\r\nAllow: GET, HEAD\r\n"
                                "Content-Length: 23\r\n\r\n405 Method Not Allowed\n");

    k = http_client_ask("HEAD /none HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_string_equal(k->out, "HTTP/1.1 404 Not Found\r\nServer: nom\r\n"
                                "Content-Type: text/plain\r\nContent-Length: 14\r\n\r\n");
}

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
        struct http_client *k = http_client_ask(v->request);
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
        http_found_path[0] = '\0';
        http_client_ask(request);
        assert_string_equal(http_found_path, cases[i][1]);
    }
}

static void content_types(void **state) {
    (void)state;
    assert_non_null(
        strstr(http_client_ask("HEAD /empty.css HTTP/1.0\r\n\r\n")->out, "Type: text/css\r\n"));
    struct http_client *k = http_client_ask("GET /big.woff2 HTTP/1.0\r\n\r\n");
    assert_non_null(strstr(k->out, "Type: font/woff2\r\nContent-Length: 5000\r\n"));
    const char *body = strstr(k->out, "\r\n\r\n") + 4;
    assert_int_equal(k->out + k->out_bytes - body, 5000);
}

/* The same bytes cut in two at every place, and one by one, are answered the same. */
static void same_however_cut(const char *bytes, size_t n) {
    static struct http_client cut;
    struct http_client *k = http_client_whole(bytes, n);
    for (size_t at = 0; at <= n; at++) {
        http_client_init(&cut);
        if (at == n)
            for (size_t i = 0; i < n; i++)
                http_client_feed(&cut, bytes + i, 1);
        http_client_feed(&cut, bytes, at == n ? 0 : at);
        http_client_feed(&cut, bytes + at, n - at);
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

static void refusing(void **state) {
    (void)state;
    static struct http_client k;
    http_client_init(&k);
    k.site.refusing = true;
    const char *two = "GET / HTTP/1.1\r\n" HOST "\r\nHEAD /none HTTP/1.1\r\n" HOST "\r\n";
    http_client_feed(&k, two, strlen(two));
    k.out[k.out_bytes] = '\0';
    assert_string_equal(
        k.out, "HTTP/1.1 503 Service Unavailable\r\nServer: nom\r\nContent-Type: text/plain\r\n"
               "Retry-After: 1\r\nContent-Length: 24\r\n\r\n503 Service Unavailable\n"
               "HTTP/1.1 503 Service Unavailable\r\nServer: nom\r\nContent-Type: text/plain\r\n"
               "Retry-After: 1\r\nContent-Length: 24\r\n\r\n");
    assert_int_equal(k.site.refused, 2);
    assert_int_equal(k.site.requests, 0);
    k.site.refusing = false;
    http_client_feed(&k, two, strlen(two));
    assert_int_equal(k.site.requests, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_replies),
        cmocka_unit_test(every_status),
        cmocka_unit_test(paths),
        cmocka_unit_test(content_types),
        cmocka_unit_test(cut_at_every_byte),
        cmocka_unit_test(refusing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
