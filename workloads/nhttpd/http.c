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
 * A work area is held exactly while a request is half read or a reply waits in it; each is held by
 * one connection or lies in the pool.
 */
#include "workloads/nhttpd/http.h"
#include "workloads/nhttpd/http_parts.h"
#include <string.h>

void http_work_add(struct http_site *site, struct http_work *works, size_t n) {
    for (size_t i = n; i-- > 0;) {
        works[i].next_free = site->free_work;
        site->free_work = &works[i];
    }
}

bool http_work_free(const struct http_site *site) {
    return site->free_work != NULL;
}

/* Without a half-read request, nor any reply: as it is given back. */
static struct http_work *take_work(struct http_connection *c) {
    struct http_work *w = c->site->free_work;
    if (w) {
        c->site->free_work = w->next_free;
        w->request.head_bytes = 0;
        w->line_bytes = 0;
        w->reply_first = w->reply_count = 0;
        c->work = w;
    }
    return w;
}

static void give_work(struct http_connection *c) {
    c->work->next_free = c->site->free_work;
    c->site->free_work = c->work;
    c->work = NULL;
}

static bool half_read(const struct http_work *w) {
    return w->line_bytes > 0 || w->request.head_bytes > 0;
}

void http_init(struct http_connection *c, struct http_site *site) {
    *c = (struct http_connection){.site = site};
}

void http_end(struct http_connection *c) {
    if (c->work)
        give_work(c);
}

static struct http_reply *add_reply(struct http_connection *c, bool close, bool broken) {
    struct http_work *w = c->work;
    c->closing = close;
    c->broken = broken;
    w->request.head_bytes = 0;
    return &w->reply[(w->reply_first + w->reply_count++) % HTTP_PIPELINE_MAX];
}

static void fail(struct http_connection *c, unsigned status) {
    struct http_request *r = &c->work->request;
    c->site->errors++;
    if (r->head_bytes == 0)
        *r = (struct http_request){0};
    c->work->line_bytes = 0;
    http_reply_status(add_reply(c, true, true), r, status, true);
}

static void answer(struct http_connection *c) {
    struct http_site *site = c->site;
    const struct http_request *r = &c->work->request;
    bool close, broken;
    unsigned status = http_request_end(r, &close, &broken);
    if (site->refusing && (status == 200 || status == 404))
        status = 503;
    *(status == 200 ? &site->requests : status == 503 ? &site->refused : &site->errors) += 1;
    struct http_reply *reply = add_reply(c, close, broken);
    if (status == 200)
        http_reply_file(reply, r, close);
    else
        http_reply_status(reply, r, status, close);
}

/* A whole line of `bytes`, its end included. */
static void take_line(struct http_connection *c, const char *line, size_t bytes) {
    struct http_request *r = &c->work->request;
    size_t n = bytes - 1;
    unsigned status;
    if (n > 0 && line[n - 1] == '\r')
        n--;
    if (r->head_bytes == 0) {
        if (n == 0)
            return; /* empty lines before a request are skipped */
        if (n > HTTP_REQUEST_LINE_MAX)
            status = 414;
        else
            status = http_request_line(r, c->site, line, n);
    } else if (n == 0) {
        answer(c);
        return;
    } else {
        status = http_request_header(r, line, n);
    }
    if (status)
        fail(c, status);
    else
        r->head_bytes += (uint32_t)bytes;
}

size_t http_input(struct http_connection *c, const void *bytes, size_t n) {
    const char *at = bytes, *end = at + n;
    if (c->closing || n == 0)
        return n;
    struct http_work *w = c->work ? c->work : take_work(c);
    if (!w)
        return 0;
    while (at < end && !c->closing) {
        if (w->reply_count == HTTP_PIPELINE_MAX)
            return n - (size_t)(end - at);
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t part = newline ? (size_t)(newline - at) + 1 : (size_t)(end - at);
        bool first = w->request.head_bytes == 0;
        size_t room = first ? HTTP_REQUEST_LINE_MAX + 2 : HTTP_HEADERS_MAX - w->request.head_bytes;
        if (w->line_bytes + part + !newline > room) {
            fail(c, first ? 414 : 431);
            break;
        }
        if (w->line_bytes > 0 || !newline) {
            memcpy(w->line + w->line_bytes, at, part);
            w->line_bytes += (uint32_t)part;
        }
        if (newline) {
            size_t line_bytes = w->line_bytes ? w->line_bytes : part;
            const char *line = w->line_bytes ? w->line : at;
            w->line_bytes = 0;
            take_line(c, line, line_bytes);
        }
        at += part;
    }
    if (w->reply_count == 0 && !half_read(w))
        give_work(c);
    return n;
}

size_t http_output(const struct http_connection *c, struct http_span *spans, size_t n) {
    const struct http_work *w = c->work;
    size_t count = 0;
    if (c->rest_bytes > 0 && n > 0)
        spans[count++] =
            (struct http_span){.data = c->rest, .bytes = c->rest_bytes, .stable = true};
    for (uint32_t i = 0; w && i < w->reply_count; i++) {
        const struct http_reply *r = &w->reply[(w->reply_first + i) % HTTP_PIPELINE_MAX];
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

/* Takes what it can of *bytes from one part of a reply, of which `left` bytes are unsent. */
static size_t part_sent(size_t left, size_t *bytes) {
    size_t part = left < *bytes ? left : *bytes;
    *bytes -= part;
    return part;
}

void http_sent(struct http_connection *c, size_t bytes) {
    struct http_work *w = c->work;
    if (c->rest_bytes > 0) {
        size_t part = part_sent(c->rest_bytes, &bytes);
        c->rest += part;
        c->rest_bytes -= part;
    }
    if (!w || c->rest_bytes > 0)
        return;
    while (w->reply_count > 0) {
        struct http_reply *r = &w->reply[w->reply_first];
        r->head_sent += (uint32_t)part_sent(r->head_bytes - r->head_sent, &bytes);
        r->body_sent += part_sent(r->body_bytes - r->body_sent, &bytes);
        if (r->head_sent < r->head_bytes)
            return;
        if (r->body_sent < r->body_bytes) {
            if (w->reply_count > 1 || half_read(w))
                return;
            c->rest = r->body + r->body_sent;
            c->rest_bytes = r->body_bytes - r->body_sent;
        }
        w->reply_first = (w->reply_first + 1) % HTTP_PIPELINE_MAX;
        w->reply_count--;
    }
    if (!half_read(w))
        give_work(c);
}

bool http_pending(const struct http_connection *c) {
    return c->rest_bytes > 0 || (c->work && c->work->reply_count > 0);
}

bool http_finished(const struct http_connection *c) {
    return c->closing && !http_pending(c);
}

bool http_busy(const struct http_connection *c) {
    return c->work || c->rest_bytes > 0;
}
