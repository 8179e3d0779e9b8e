/* The client's half of HTTP: URLs, and replies cut anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/priced/http.h"
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define ROOM 64u

static void urls(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "10.0.0.1/x",
        "https://10.0.0.1/",
        "http://",
        "http:///x",
        "http://:80/",
        "http://h:/",
        "http://h:0/",
        "http://h:65536/",
        "http://h:8x/",
        "http://h?x",
        "http://h/a b",
        "http://h/a\r\nX: y",
        "http://h/#f",
        "http://012345678901234567890123456789012345678901234567890123456789abcd/"};
    struct priced_url u;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(priced_url_parse(bad[i], &u), -1);
    assert_int_equal(priced_url_parse("http://10.0.0.1", &u), 0);
    assert_string_equal(u.host, "10.0.0.1");
    assert_string_equal(u.path, "/");
    assert_int_equal(u.port, 80);
    assert_int_equal(priced_url_parse("http://10.0.0.1:8080/a/b?c=d&e", &u), 0);
    assert_int_equal(u.port, 8080);
    assert_string_equal(u.path, "/a/b?c=d&e");
    char text[PRICED_URL_BYTES + 20] = "http://h/";
    memset(text + 9, 'x', PRICED_URL_BYTES - 2);
    assert_int_equal(priced_url_parse(text, &u), 0);
    text[9 + PRICED_URL_BYTES - 2] = 'x';
    assert_int_equal(priced_url_parse(text, &u), -1);
}

/* Reads a reply given in pieces of that many bytes; NULL: it is good and this is its body. */
static void read_reply(struct priced_reply *r, char body[ROOM], const char *text, size_t n,
                       size_t piece, bool end) {
    priced_reply_init(r, body, ROOM);
    for (size_t at = 0; at < n; at += piece)
        priced_reply_input(r, text + at, n - at < piece ? n - at : piece);
    if (end)
        priced_reply_end(r);
}

static void good(const char *text, bool end, const char *body_expected) {
    struct priced_reply r;
    char body[ROOM];
    for (size_t piece = 1; piece <= strlen(text); piece++) {
        read_reply(&r, body, text, strlen(text), piece, end);
        assert_int_equal(r.state, REPLY_DONE);
        assert_int_equal(r.body_bytes, strlen(body_expected));
        assert_memory_equal(body, body_expected, r.body_bytes);
        priced_reply_end(&r);
        assert_int_equal(r.state, REPLY_DONE);
    }
}

static void bad_bytes(const char *text, size_t n, enum priced_failure failure, const char *what) {
    struct priced_reply r;
    char body[ROOM];
    for (size_t piece = 1; piece <= n; piece += 1 + n / 50) {
        read_reply(&r, body, text, n, piece, true);
        assert_int_equal(r.state, REPLY_FAILED);
        if (!strstr(r.trouble.text, what))
            print_message("%s -> %s\n", text, r.trouble.text);
        assert_non_null(strstr(r.trouble.text, what));
        assert_int_equal(r.trouble.failure, failure);
    }
}

static void bad(const char *text, enum priced_failure failure, const char *what) {
    bad_bytes(text, strlen(text), failure, what);
}

static void good_replies(void **state) {
    (void)state;
    good("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, "hello");
    good("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello, and more", false, "hello");
    good("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, "");
    good("HTTP/1.0 200\ncontent-length:\t5 \n\nhello", false, "hello");
    good("HTTP/1.1 200 OK\r\n\r\nhello", true, "hello");
    good("HTTP/1.1 200 OK\r\n\r\n", true, "");
    good("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
         "2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nTrailer: x\r\n\r\n",
         false, "hello");
    good("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false, "");
    good("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", false, "x");
    good("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", false, "x");
    good("HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 1\r\n\r\nx", false, "x");
    good("HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n"
         "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
         false, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
}

static void bad_replies(void **state) {
    (void)state;
    bad("HTTP/1.1 500 Oops\r\nContent-Length: 5\r\n\r\nhello", PRICED_STATUS, "status 500");
    bad("HTTP/1.1 301 Moved\r\nLocation: x\r\n\r\n", PRICED_STATUS, "status 301");
    bad("HTTP/1.1 204 Nothing\r\n\r\n", PRICED_STATUS, "status 204");
    bad("SSH-2.0-OpenSSH_9.2\r\n", PRICED_NONSENSE, "no HTTP");
    bad("HTTP/2 200 OK\r\n\r\n", PRICED_NONSENSE, "no HTTP");
    bad("HTTP/1.1 2000 OK\r\n\r\n", PRICED_NONSENSE, "no HTTP");
    bad("HTTP/1.1 099 OK\r\n\r\n", PRICED_NONSENSE, "no HTTP");
    bad("HTTP/1.1  200 OK\r\n\r\n", PRICED_NONSENSE, "no HTTP");
    bad("<html>\n", PRICED_NONSENSE, "no HTTP");
    bad_bytes("HTTP/1.1 200\0OK\r\n\r\n", 19, PRICED_NONSENSE, "no HTTP");
    bad("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", PRICED_NONSENSE, "broken head");
    bad("HTTP/1.1 200 OK\r\n: x\r\n\r\n", PRICED_NONSENSE, "broken head");
    bad("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", PRICED_NONSENSE, "Content-Length");
    bad("HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", PRICED_NONSENSE, "Content-Length");
    bad("HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\n", PRICED_NONSENSE, "Content-Length");
    bad("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", PRICED_NONSENSE,
        "Content-Length");
    bad("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", PRICED_NONSENSE,
        "Content-Length");
    bad("HTTP/1.1 200 OK\r\nContent-Length: 65\r\n\r\n", PRICED_TOO_LARGE, "more than 64 bytes");
    bad("HTTP/1.1 200 OK\r\n\r\n"
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdefX",
        PRICED_TOO_LARGE, "more than 64 bytes");
    bad("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n"
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n1\r\n",
        PRICED_TOO_LARGE, "more than 64 bytes");
    bad("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", PRICED_NONSENSE, "encoding");
    bad("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", PRICED_NONSENSE, "encoding");
    bad("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", PRICED_NONSENSE, "chunk");
    bad("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", PRICED_NONSENSE, "chunk");
    bad("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n", PRICED_NONSENSE,
        "chunk");
    bad("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffff\r\n", PRICED_NONSENSE,
        "chunk");
    bad("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", PRICED_UNREACHED, "amid its reply");
    bad("HTTP/1.1 200 OK\r\nContent-", PRICED_UNREACHED, "amid its reply");
    bad("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", PRICED_UNREACHED,
        "amid its reply");
    struct priced_reply r;
    char body[ROOM];
    read_reply(&r, body, "", 0, 1, true);
    assert_int_equal(r.trouble.failure, PRICED_UNREACHED);
    assert_non_null(strstr(r.trouble.text, "without a reply"));
}

static void heads_end(void **state) {
    (void)state;
    static char text[PRICED_HEAD_BYTES * 2];
    size_t n = (size_t)snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\n");
    while (n < PRICED_HEAD_BYTES + 100)
        n += (size_t)snprintf(text + n, sizeof text - n, "X-Field: some value\r\n");
    bad_bytes(text, n, PRICED_TOO_LARGE, "head does not end");
    n = (size_t)snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nX: ");
    memset(text + n, 'y', PRICED_LINE_BYTES);
    bad_bytes(text, n + PRICED_LINE_BYTES, PRICED_NONSENSE, "no HTTP");
    /* A trailer is of the head, too. */
    n = (size_t)snprintf(text, sizeof text,
                         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n");
    while (n < PRICED_HEAD_BYTES + 100)
        n += (size_t)snprintf(text + n, sizeof text - n, "X-Field: some value\r\n");
    bad_bytes(text, n, PRICED_TOO_LARGE, "head does not end");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls),
        cmocka_unit_test(good_replies),
        cmocka_unit_test(bad_replies),
        cmocka_unit_test(heads_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
