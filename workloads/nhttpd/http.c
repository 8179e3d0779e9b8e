/*
 * One connection: cuts what arrives into lines, has them read, and queues the replies.
 *
 *   request line --empty line ends the head--> reply queued --http_sent--> gone
 *        ^------------- keep-alive ------------------'
 *   any error that loses the stream's meaning, or Connection: close --> closing (reads no more)
 *
 * Invariant: the replies depend on the bytes alone, not on how they were cut into calls. So every
 * limit is judged by the number of bytes of the line or head, never by what happens to be there.
 * A reply that closes is the last in the queue. Replies leave in the order of their requests.
 */
#include "workloads/nhttpd/http.h"
#include "workloads/nhttpd/http_parts.h"
#include <string.h>

void http_init(struct http_connection *c, struct http_site *site) {
    c->site = site;
    c->request.head_bytes = 0;
    c->line_bytes = 0;
    c->reply_first = c->reply_count = 0;
    c->closing = c->broken = false;
}

static struct http_reply *add_reply(struct http_connection *c, bool close, bool broken) {
    c->closing = close;
    c->broken = broken;
    c->request.head_bytes = 0;
    return &c->reply[(c->reply_first + c->reply_count++) % HTTP_PIPELINE_MAX];
}

static void fail(struct http_connection *c, unsigned status) {
    c->site->errors++;
    if (c->request.head_bytes == 0)
        c->request = (struct http_request){0};
    http_reply_status(add_reply(c, true, true), &c->request, status, true);
}

static void answer(struct http_connection *c) {
    struct http_site *site = c->site;
    bool close, broken;
    unsigned status = http_request_end(&c->request, &close, &broken);
    if (site->refusing && (status == 200 || status == 404))
        status = 503;
    *(status == 200 ? &site->requests : status == 503 ? &site->refused : &site->errors) += 1;
    struct http_reply *reply = add_reply(c, close, broken);
    if (status == 200)
        http_reply_file(reply, &c->request, close);
    else
        http_reply_status(reply, &c->request, status, close);
}

/* A whole line of `bytes`, its end included. */
static void take_line(struct http_connection *c, const char *line, size_t bytes) {
    size_t n = bytes - 1;
    unsigned status;
    if (n > 0 && line[n - 1] == '\r')
        n--;
    if (c->request.head_bytes == 0) {
        if (n == 0)
            return; /* empty lines before a request are skipped */
        if (n > HTTP_REQUEST_LINE_MAX)
            status = 414;
        else
            status = http_request_line(&c->request, c->site, line, n);
    } else if (n == 0) {
        answer(c);
        return;
    } else {
        status = http_request_header(&c->request, line, n);
    }
    if (status)
        fail(c, status);
    else
        c->request.head_bytes += (uint32_t)bytes;
}

size_t http_input(struct http_connection *c, const void *bytes, size_t n) {
    const char *at = bytes, *end = at + n;
    while (at < end && !c->closing) {
        if (c->reply_count == HTTP_PIPELINE_MAX)
            return n - (size_t)(end - at);
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t part = newline ? (size_t)(newline - at) + 1 : (size_t)(end - at);
        bool first = c->request.head_bytes == 0;
        size_t room = first ? HTTP_REQUEST_LINE_MAX + 2 : HTTP_HEADERS_MAX - c->request.head_bytes;
        if (c->line_bytes + part + !newline > room) {
            fail(c, first ? 414 : 431);
            break;
        }
        if (c->line_bytes > 0 || !newline) {
            memcpy(c->line + c->line_bytes, at, part);
            c->line_bytes += (uint32_t)part;
        }
        if (newline) {
            size_t line_bytes = c->line_bytes ? c->line_bytes : part;
            const char *line = c->line_bytes ? c->line : at;
            c->line_bytes = 0;
            take_line(c, line, line_bytes);
        }
        at += part;
    }
    return n;
}

size_t http_output(const struct http_connection *c, struct http_span *spans, size_t n) {
    size_t count = 0;
    for (uint32_t i = 0; i < c->reply_count; i++) {
        const struct http_reply *r = &c->reply[(c->reply_first + i) % HTTP_PIPELINE_MAX];
        if (r->head_sent < r->head_bytes) {
            if (count == n)
                return n;
            spans[count++] = (struct http_span){.data = r->head + r->head_sent,
                                                .bytes = r->head_bytes - r->head_sent};
        }
        if (r->body_sent < r->body_bytes) {
            if (count == n)
                return n;
            spans[count++] = (struct http_span){.data = r->body + r->body_sent,
                                                .bytes = r->body_bytes - r->body_sent,
                                                .stable = true};
        }
    }
    return count;
}

void http_sent(struct http_connection *c, size_t bytes) {
    while (c->reply_count > 0) {
        struct http_reply *r = &c->reply[c->reply_first];
        size_t head = r->head_bytes - r->head_sent;
        if (head > bytes)
            head = bytes;
        r->head_sent += (uint32_t)head;
        bytes -= head;
        size_t body = r->body_bytes - r->body_sent;
        if (body > bytes)
            body = bytes;
        r->body_sent += body;
        bytes -= body;
        if (r->head_sent < r->head_bytes || r->body_sent < r->body_bytes)
            return;
        c->reply_first = (c->reply_first + 1) % HTTP_PIPELINE_MAX;
        c->reply_count--;
    }
}

bool http_finished(const struct http_connection *c) {
    return c->closing && c->reply_count == 0;
}

bool http_busy(const struct http_connection *c) {
    return c->line_bytes > 0 || c->request.head_bytes > 0 || c->reply_count > 0;
}
