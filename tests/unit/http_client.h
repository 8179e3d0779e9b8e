/*
 * One client of nhttpd's logic, for its tests: a site of three files, a connection, and all that
 * was sent on it.
 *
 *   /index.html   "<p>hello"       /empty.css   nothing       /big.woff2   5000 bytes
 */
#ifndef TESTS_HTTP_CLIENT_H
#define TESTS_HTTP_CLIENT_H

#include "workloads/nhttpd/http.h"

#define HTTP_CLIENT_BYTES (1u << 20)
#define HTTP_CLIENT_WORKS 2
#define HTTP_PATH_BYTES   4096u
#define HOST              "Host: a\r\n"

struct http_client {
    struct http_site site;
    struct http_work works[HTTP_CLIENT_WORKS];
    struct http_connection connection;
    size_t out_bytes;
    char out[HTTP_CLIENT_BYTES];
};

extern char http_found_path[HTTP_PATH_BYTES]; /* that the site was last asked for */

void http_client_init(struct http_client *k);
/* Sends what there is, at most `most` bytes at a time. */
void http_client_drain(struct http_client *k, size_t most);
/* All of it must be taken; what it is answered is sent. */
void http_client_feed(struct http_client *k, const char *bytes, size_t n);
/* Those bytes, or that text, from a client that the next call takes again; out is text. */
struct http_client *http_client_whole(const char *bytes, size_t n);
struct http_client *http_client_ask(const char *request);

#endif
