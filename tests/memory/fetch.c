/*
 * fetch.h. A connection: IDLE --client_connect--> asking --reply whole--> asking ... --last reply
 * whole: closed--> IDLE, until enough was asked for. What arrives is a head up to its empty line,
 * then as many bytes as its length says.
 */
#include "tests/memory/fetch.h"
#include "tests/memory/world.h"
#include "tests/unit/seeded.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_MAX 512u
#define BODY_MAX (1u << 20)

struct fetcher {
    struct client_stream *stream;
    uint32_t left; /* replies to come, the present one included */
    size_t want, have;
    char head[HEAD_MAX + 1];
    size_t head_bytes;
    bool in_body;
};

static struct fetcher fetchers[FETCH_CONNECTIONS_MAX];
static unsigned char expected[BODY_MAX];
static struct fetch_plan plan;
static struct fetch_result result;
static struct seeded random_state;
static uint32_t to_ask;
static uint64_t stall_end_tsc;

static size_t pick_bytes(void) {
    if (plan.bytes_each)
        return plan.bytes_each;
    if (seeded_below(&random_state, 2))
        return seeded_below(&random_state, plan.bytes_max + 1);
    return (size_t)seeded_magnitude(&random_state, 1, (double)plan.bytes_max + 0.5);
}

static void ask(struct fetcher *f) {
    char text[100];
    f->want = pick_bytes();
    f->have = f->head_bytes = 0;
    f->in_body = false;
    int n = snprintf(text, sizeof text, "GET /bytes/%zu HTTP/1.1\r\nHost: h\r\n%s\r\n", f->want,
                     f->left == 1 ? "Connection: close\r\n" : "");
    if (client_send(f->stream, text, (size_t)n) != (size_t)n)
        result.broken++;
}

static void connected(void *context) {
    ask(context);
}

/* The reply is whole. */
static void next(struct fetcher *f) {
    result.replies++;
    result.bytes += f->want;
    if (--f->left > 0) {
        ask(f);
        return;
    }
    client_close(f->stream);
    f->stream = NULL;
}

/* Takes the head; how many of the bytes belonged to it. */
static size_t take_head(struct fetcher *f, const char *data, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        if (f->head_bytes == HEAD_MAX) {
            result.wrong++;
            return bytes;
        }
        f->head[f->head_bytes++] = data[i];
        if (f->head_bytes < 4 || memcmp(f->head + f->head_bytes - 4, "\r\n\r\n", 4) != 0)
            continue;
        f->head[f->head_bytes] = '\0';
        const char *length = strstr(f->head, "Content-Length: ");
        if (strncmp(f->head, "HTTP/1.1 200 OK\r\n", 17) != 0 || !length ||
            strtoul(length + 16, NULL, 10) != f->want)
            result.wrong++;
        f->in_body = true;
        return i + 1;
    }
    return bytes;
}

static void received(void *context, const void *data, size_t bytes) {
    struct fetcher *f = context;
    if (!f->in_body) {
        size_t head = take_head(f, data, bytes);
        data = (const char *)data + head;
        bytes -= head;
    }
    if (!f->in_body)
        return;
    if (bytes > f->want - f->have || memcmp(data, expected + f->have, bytes) != 0) {
        result.wrong++;
        return;
    }
    f->have += bytes;
    if (f->have == f->want)
        next(f);
}

/* The server ended, or the connection broke, before we had all. */
static void ended(void *context) {
    struct fetcher *f = context;
    result.broken++;
    client_close(f->stream);
    f->stream = NULL;
}

static void failed(void *context) {
    struct fetcher *f = context;
    result.broken++;
    f->stream = NULL;
}

static const struct client_calls calls = {
    .connected = connected, .received = received, .ended = ended, .failed = failed};

static bool turn(void *context) {
    bool busy = to_ask > 0;
    (void)context;
    if (stall_end_tsc && memory_now_tsc >= stall_end_tsc) {
        stall_end_tsc = 0;
        for (struct fetcher *f = fetchers; f < fetchers + plan.connections; f++)
            if (f->stream)
                client_reads(f->stream, true);
    }
    for (struct fetcher *f = fetchers; f < fetchers + plan.connections; f++) {
        if (!f->stream && to_ask > 0) {
            uint32_t n = 1 + (uint32_t)seeded_below(&random_state, plan.replies_per_connection);
            f->left = n < to_ask ? n : to_ask;
            f->stream = client_connect(WORLD_PORT, &calls, f);
            if (!f->stream)
                result.broken++;
            else
                client_reads(f->stream, stall_end_tsc == 0);
            to_ask -= f->left;
            result.connections++;
        }
        busy |= f->stream != NULL;
    }
    return !busy || result.wrong > 0 || result.broken > 0;
}

struct fetch_result fetch_run(const struct fetch_plan *p) {
    uint64_t start_tsc = memory_now_tsc;
    plan = *p;
    result = (struct fetch_result){0};
    random_state = (struct seeded){plan.seed};
    to_ask = plan.replies;
    stall_end_tsc = plan.stall_us ? start_tsc + plan.stall_us * 1000 : 0;
    for (size_t i = 0; i < BODY_MAX; i++)
        expected[i] = (unsigned char)(i * 31 + (i >> 8));
    world_until(turn, NULL, plan.most_us);
    result.us = (memory_now_tsc - start_tsc) / 1000;
    return result;
}
