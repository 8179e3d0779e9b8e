/*
 * Writes the heads of replies by copying constant pieces. An error's body, its status in words, is
 * small and stands right after the head in the same buffer; only files have a body of their own.
 */
#include "workloads/nhttpd/http_parts.h"
#include <string.h>

/* The longest of each piece together must fit HTTP_REPLY_HEAD_MAX: the unit test tries them. */
#define PUT(o, text) (memcpy(o, text, sizeof(text) - 1), (o) + sizeof(text) - 1)

static char *put_text(char *o, const char *text) {
    size_t n = strlen(text);
    memcpy(o, text, n);
    return o + n;
}

static char *put_number(char *o, size_t number) {
    char digits[20];
    size_t i = sizeof digits;
    do
        digits[--i] = (char)('0' + number % 10);
    while (number /= 10);
    memcpy(o, digits + i, sizeof digits - i);
    return o + sizeof digits - i;
}

/* The last header and the empty line. A 1.1 connection stays unless told, a 1.0 one the reverse. */
static char *put_end(char *o, const struct http_request *r, bool close) {
    if (close)
        return PUT(o, "\r\nConnection: close\r\n\r\n");
    if (r->http_1_0)
        return PUT(o, "\r\nConnection: keep-alive\r\n\r\n");
    return PUT(o, "\r\n\r\n");
}

static void begin(struct http_reply *reply, bool close) {
    reply->head_sent = 0;
    reply->body = NULL;
    reply->body_bytes = reply->body_sent = 0;
    reply->close = close;
}

void http_reply_file(struct http_reply *reply, const struct http_request *r, bool close) {
    begin(reply, close);
    char *o = reply->head;
    o = PUT(o, "HTTP/1.1 200 OK\r\nServer: nom\r\nContent-Type: ");
    o = put_text(o, r->type);
    o = PUT(o, "\r\nContent-Length: ");
    o = put_number(o, r->file.bytes);
    o = put_end(o, r, close);
    reply->head_bytes = (uint32_t)(o - reply->head);
    if (!r->head_only) {
        reply->body = r->file.data;
        reply->body_bytes = r->file.bytes;
    }
}

static const char *status_text(unsigned status) {
    switch (status) {
    case 404:
        return "404 Not Found";
    case 405:
        return "405 Method Not Allowed";
    case 414:
        return "414 URI Too Long";
    case 431:
        return "431 Request Header Fields Too Large";
    case 501:
        return "501 Not Implemented";
    case 503:
        return "503 Service Unavailable";
    default:
        return "400 Bad Request";
    }
}

void http_reply_status(struct http_reply *reply, const struct http_request *r, unsigned status,
                       bool close) {
    const char *text = status_text(status);
    begin(reply, close);
    char *o = reply->head;
    o = PUT(o, "HTTP/1.1 ");
    o = put_text(o, text);
    o = PUT(o, "\r\nServer: nom\r\nContent-Type: text/plain");
    if (status == 405)
        o = PUT(o, "\r\nAllow: GET, HEAD");
    if (status == 503)
        o = PUT(o, "\r\nRetry-After: 1");
    o = PUT(o, "\r\nContent-Length: ");
    o = put_number(o, strlen(text) + 1);
    o = put_end(o, r, close);
    if (!r->head_only) {
        o = put_text(o, text);
        *o++ = '\n';
    }
    reply->head_bytes = (uint32_t)(o - reply->head);
}
