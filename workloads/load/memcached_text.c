/* memcached's text protocol: get, set, delete. */
#include "workloads/load/memcached_check.h"
#include <stdio.h>
#include <string.h>

#define OUT_OF_MEMORY "SERVER_ERROR out of memory"
#define AFTER_VALUE   "\r\nEND\r\n"
#define HEAD_BYTES    (LOAD_KEY_BYTES_MAX + 64u)

static size_t head_of(const struct load_keys *keys, const struct load_request *request,
                      char *head) {
    static const char *const verbs[] = {"get ", "set ", "delete "};
    size_t n = strlen(verbs[request->op]);
    memcpy(head, verbs[request->op], n);
    load_keys_text(keys, request->key, head + n);
    n += keys->key_bytes;
    if (request->op == LOAD_OP_SET) {
        return n + (size_t)snprintf(head + n, HEAD_BYTES - n, " 0 0 %u\r\n",
                                    load_keys_value_bytes(keys, request->key, request->sequence));
    }
    memcpy(head + n, "\r\n", 2);
    return n + 2;
}

static uint64_t request_bytes(const struct load_shared *shared,
                              const struct load_request *request) {
    char head[HEAD_BYTES];
    uint64_t n = head_of(shared->keys, request, head);
    return request->op == LOAD_OP_SET
               ? n + load_keys_value_bytes(shared->keys, request->key, request->sequence) + 2
               : n;
}

static size_t write_request(const struct load_shared *shared, const struct load_request *request,
                            uint64_t at, char *to, size_t room) {
    struct memcached_writer w = {.skip = at, .to = to, .room = room};
    char head[HEAD_BYTES];
    memcached_put(&w, head, head_of(shared->keys, request, head));
    if (request->op == LOAD_OP_SET) {
        memcached_put_value(&w, shared->keys, request);
        memcached_put(&w, "\r\n", 2);
    }
    return w.bytes;
}

static void begin(struct load_reply_state *reply) {
    reply->closing = false;
    reply->memcached.part = MEMCACHED_LINE;
    reply->memcached.line_bytes = 0;
}

/* " 123" at *at, of 9 digits at most; *at moves past it. */
static bool take_number(const char **at, uint32_t *number) {
    const char *digit = *at;
    *number = 0;
    if (*digit++ != ' ') {
        return false;
    }
    const char *first = digit;
    for (; *digit >= '0' && *digit <= '9'; digit++) {
        *number = *number * 10 + (uint32_t)(*digit - '0');
    }
    *at = digit;
    return digit > first && digit <= first + 9;
}

/* "VALUE KEY FLAGS BYTES"; the line is NUL-terminated. */
static enum load_verdict take_value_line(struct load_shared *shared,
                                         const struct load_request *request,
                                         struct memcached_reply *reply) {
    const char *key = reply->line + strlen("VALUE ");
    size_t key_bytes = strcspn(key, " ");
    const char *at = key + key_bytes;
    uint32_t flags, bytes;
    if (!take_number(&at, &flags) || !take_number(&at, &bytes) || *at != '\0') {
        return memcached_say(shared, LOAD_BAD, request, "a malformed reply: %.60s", reply->line);
    }
    return memcached_hit(shared, request, reply, key, key_bytes, bytes);
}

/* A line without its end. LOAD_MORE: a value follows. */
static enum load_verdict take_line(struct load_shared *shared, const struct load_request *request,
                                   struct memcached_reply *reply) {
    const char *line = reply->line;
    if (strncmp(line, OUT_OF_MEMORY, strlen(OUT_OF_MEMORY)) == 0) {
        return LOAD_REFUSED;
    }
    switch (request->op) {
    case LOAD_OP_GET:
        if (strcmp(line, "END") == 0) {
            return memcached_miss(shared, request);
        }
        if (strncmp(line, "VALUE ", 6) == 0) {
            return take_value_line(shared, request, reply);
        }
        break;
    case LOAD_OP_SET:
        if (strcmp(line, "STORED") == 0) {
            return LOAD_GOOD;
        }
        break;
    case LOAD_OP_DELETE:
        if (strcmp(line, "DELETED") == 0) {
            return memcached_deleted(shared, request);
        }
        if (strcmp(line, "NOT_FOUND") == 0) {
            return memcached_miss(shared, request);
        }
        break;
    }
    return memcached_say(shared, LOAD_BAD, request, "the server says: %.60s", line);
}

/* Appends up to the line's end. LOAD_GOOD: it is whole, in line[] without its end. */
static enum load_verdict gather_line(struct load_shared *shared, const struct load_request *request,
                                     struct memcached_reply *reply, const char *bytes, size_t n,
                                     size_t *used) {
    const char *stop = memchr(bytes, '\n', n);
    *used = stop != NULL ? (size_t)(stop - bytes) + 1 : n;
    if (*used >= MEMCACHED_LINE_BYTES - reply->line_bytes) {
        return memcached_say(shared, LOAD_BAD, request, "a malformed reply: its line is too long");
    }
    memcpy(reply->line + reply->line_bytes, bytes, *used);
    reply->line_bytes += (uint32_t)*used;
    if (stop == NULL) {
        return LOAD_MORE;
    }
    size_t end = reply->line_bytes - 1;
    if (end == 0 || reply->line[end - 1] != '\r' || memchr(reply->line, '\0', end) != NULL) {
        return memcached_say(shared, LOAD_BAD, request, "a malformed reply: no line of text");
    }
    reply->line[end - 1] = '\0';
    return LOAD_GOOD;
}

static enum load_verdict take_tail(struct load_shared *shared, const struct load_request *request,
                                   struct memcached_reply *reply, const char *bytes, size_t n,
                                   size_t *used) {
    size_t left = strlen(AFTER_VALUE) - reply->arrived;
    *used = n < left ? n : left;
    if (memcmp(bytes, &AFTER_VALUE[reply->arrived], *used) != 0) {
        return memcached_say(shared, LOAD_BAD, request, "a malformed reply: no END after a value");
    }
    reply->arrived += (uint32_t)*used;
    return *used == left ? LOAD_GOOD : LOAD_MORE;
}

static enum load_verdict feed(struct load_shared *shared, const struct load_request *request,
                              struct load_reply_state *state, const char *bytes, size_t n,
                              size_t *used) {
    struct memcached_reply *reply = &state->memcached;
    enum load_verdict verdict = LOAD_MORE;
    size_t part;
    *used = 0;
    if (reply->part == MEMCACHED_LINE) {
        verdict = gather_line(shared, request, reply, bytes, n, used);
        if (verdict == LOAD_GOOD) {
            verdict = take_line(shared, request, reply);
        }
    }
    if (verdict == LOAD_MORE && reply->part == MEMCACHED_VALUE) {
        verdict = memcached_value(shared, request, reply, bytes + *used, n - *used, &part);
        *used += part;
        if (verdict == LOAD_GOOD) {
            verdict = LOAD_MORE;
            reply->part = MEMCACHED_TAIL;
            reply->arrived = 0;
        }
    }
    if (verdict == LOAD_MORE && reply->part == MEMCACHED_TAIL) {
        verdict = take_tail(shared, request, reply, bytes + *used, n - *used, &part);
        *used += part;
    }
    return verdict;
}

const struct load_protocol_table load_memcached_text = {request_bytes, write_request, begin, feed};
