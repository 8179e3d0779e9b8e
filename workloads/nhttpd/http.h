/*
 * nhttpd's logic: bytes of a client in, bytes to send out. Knows no socket, clock or file system,
 * so that the same code serves over lwIP, over Linux sockets, and in tests.
 *
 * HTTP/1.1 and 1.0: GET and HEAD, keep-alive, pipelining, Connection: close, content types,
 * 200 404 400 405 414 431 501 503. Bodies of requests are refused (400/501); any bytes at all may
 * come: the worst that follows is an error reply and a close.
 *
 * Flow: feed what arrived with http_input; then, as long as there is room to send, take spans from
 * http_output and tell what was sent with http_sent. While replies are pending http_input may take
 * less than given: keep the rest and feed it again after http_sent.
 *
 * Memory: an idle connection holds none but its struct http_connection. What a half-read request
 * and replies need is a work area, lent from the site's pool while they last and no longer: the
 * rest of the last reply's body, which lies in a file, needs none either. When the pool is empty
 * http_input takes nothing: keep the bytes, and feed them again once another connection has given
 * its work area back (http_work_free tells). So a server with http_input short and nothing
 * http_pending must try again by itself, and it must end connections that hold a work area for too
 * long. Neither ever allocates.
 */
#ifndef NHTTPD_HTTP_H
#define NHTTPD_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_REQUEST_LINE_MAX 2048u /* longer: 414 */
#define HTTP_HEADERS_MAX      8192u /* of one request, request line included; longer: 431 */
#define HTTP_REPLY_HEAD_MAX   256u
#define HTTP_PIPELINE_MAX     16u /* replies waiting to be sent on one connection */

struct http_file {
    const void *data;
    size_t bytes;
};

struct http_site {
    /* The file behind an absolute path ("/a/b.css", decoded, no "." or ".." parts, "/" has become
     * "/index.html"); 0 or -1 if there is none. The data outlives every connection. */
    int (*find)(void *context, const char *path, struct http_file *file);
    void *context;
    bool refusing;                      /* answer every request 503: nothing earns (spec U6) */
    uint64_t requests, refused, errors; /* counted by http_input: 200s, 503s, other 4xx/5xx */
    struct http_work *free_work;        /* the pool, by http_work_add; last given, first taken */
};

/* What the lines of a request read so far have said. */
struct http_request {
    struct http_file file; /* to answer with, if status is 200 */
    const char *type;      /* its content type */
    uint32_t head_bytes;   /* of the whole lines read; 0: the request line is still to come */
    uint16_t status;
    bool head_only;                     /* HEAD */
    bool http_1_0;                      /* the version */
    bool host, keep_alive, close;       /* seen: Host, Connection's tokens */
    bool content_length, body, encoded; /* seen: Content-Length, one above 0, Transfer-Encoding */
};

struct http_reply {
    char head[HTTP_REPLY_HEAD_MAX]; /* with the few words of an error's body */
    uint32_t head_bytes;
    uint32_t head_sent;
    const unsigned char *body; /* in a file; NULL if none */
    size_t body_bytes, body_sent;
    bool close; /* after this reply */
};

/* A work area: what a connection needs while a request is half read or replies wait. */
struct http_work {
    struct http_work *next_free;
    struct http_request request;
    uint32_t line_bytes;
    uint32_t reply_first, reply_count;
    struct http_reply reply[HTTP_PIPELINE_MAX]; /* ring */
    char line[HTTP_HEADERS_MAX]; /* a line that has not arrived whole; others are read in place */
};

struct http_connection {
    struct http_site *site;
    struct http_work *work;    /* NULL: none held */
    const unsigned char *rest; /* of a body, to be sent before the replies in work */
    size_t rest_bytes;
    bool closing; /* no more requests are read */
    bool broken;  /* closing for an error: the client may still be sending what is not read */
};

struct http_span {
    const void *data;
    size_t bytes;
    bool stable; /* lies in a file: need not be copied */
};

/* Adds works[n] to the site's pool; they outlive it. At start, before the first connection. */
void http_work_add(struct http_site *site, struct http_work *works, size_t n);
/* Is there a work area left for a connection that holds none? */
bool http_work_free(const struct http_site *site);

void http_init(struct http_connection *c, struct http_site *site);
/* Gives back what the connection holds; once for each http_init, when it is gone. */
void http_end(struct http_connection *c);
/* Takes bytes[n]; returns how many were used: all, unless the pipeline is full or, with 0, there
 * is no work area. (Those after a request that closes are used up and ignored.) */
size_t http_input(struct http_connection *c, const void *bytes, size_t n);
/* Up to n spans to send, in order; returns how many. */
size_t http_output(const struct http_connection *c, struct http_span *spans, size_t n);
/* bytes of that were sent (or copied). */
void http_sent(struct http_connection *c, size_t bytes);
/* Is there anything to send? */
bool http_pending(const struct http_connection *c);
/* Nothing left to send and the connection is to be closed. */
bool http_finished(const struct http_connection *c);
/* Is a request half read, or a reply not sent whole? (a connection in progress) */
bool http_busy(const struct http_connection *c);

#endif
