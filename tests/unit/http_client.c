/* http_client.h. */
#include "tests/unit/http_client.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

char http_found_path[HTTP_PATH_BYTES];

static int find(void *context, const char *path, struct http_file *file) {
    static const char big[5000] = {'b'};
    (void)context;
    snprintf(http_found_path, sizeof http_found_path, "%s", path);
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

void http_client_init(struct http_client *k) {
    memset(&k->site, 0, sizeof k->site);
    k->site.find = find;
    memset(k->works, 0xa5, sizeof k->works); /* nothing may rest on zeroed memory */
    memset(&k->connection, 0xa5, sizeof k->connection);
    http_work_add(&k->site, k->works, HTTP_CLIENT_WORKS);
    http_init(&k->connection, &k->site);
    k->out_bytes = 0;
}

void http_client_drain(struct http_client *k, size_t most) {
    struct http_span span;
    while (http_output(&k->connection, &span, 1) == 1) {
        size_t n = span.bytes < most ? span.bytes : most;
        assert_true(n > 0 && k->out_bytes + n <= HTTP_CLIENT_BYTES);
        memcpy(k->out + k->out_bytes, span.data, n);
        k->out_bytes += n;
        http_sent(&k->connection, n);
    }
}

void http_client_feed(struct http_client *k, const char *bytes, size_t n) {
    while (n > 0) {
        /* A copy of just the size, so that a sanitizer sees a byte read beyond it. */
        char *copy = malloc(n);
        assert_non_null(copy);
        memcpy(copy, bytes, n);
        size_t used = http_input(&k->connection, copy, n);
        free(copy);
        http_client_drain(k, HTTP_CLIENT_BYTES);
        assert_true(used > 0 && used <= n);
        bytes += used;
        n -= used;
    }
}

struct http_client *http_client_whole(const char *bytes, size_t n) {
    static struct http_client k;
    http_client_init(&k);
    http_client_feed(&k, bytes, n);
    k.out[k.out_bytes] = '\0';
    return &k;
}

struct http_client *http_client_ask(const char *request) {
    return http_client_whole(request, strlen(request));
}
