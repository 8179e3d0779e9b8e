#include "workloads/load/memcached_check.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum load_verdict memcached_say(struct load_shared *shared, enum load_verdict verdict,
                                const struct load_request *request, const char *format, ...) {
    static const char *const names[] = {"get", "set", "delete"};
    va_list arguments;
    int n = snprintf(shared->why, sizeof shared->why, "%s of key %u: ", names[request->op],
                     request->key);
    va_start(arguments, format);
    vsnprintf(shared->why + n, sizeof shared->why - (size_t)n, format, arguments);
    va_end(arguments);
    return verdict;
}

enum load_verdict memcached_hit(struct load_shared *shared, const struct load_request *request,
                                struct memcached_reply *reply, const char *key, size_t key_bytes,
                                uint64_t value_bytes) {
    const struct load_keys *keys = shared->keys;
    const struct load_key *known = &keys->key[request->key];
    char text[LOAD_KEY_BYTES_MAX];
    load_keys_text(keys, request->key, text);
    if (key_bytes != keys->key_bytes || memcmp(key, text, key_bytes) != 0) {
        return memcached_say(shared, LOAD_WRONG, request, "another key came back");
    }
    if (known->state == LOAD_KEY_DELETED) {
        return memcached_say(shared, LOAD_WRONG, request, "it was deleted, and is there");
    }
    if (value_bytes > LOAD_VALUE_BYTES_MAX) {
        return memcached_say(shared, LOAD_WRONG, request, "a value of %llu bytes",
                             (unsigned long long)value_bytes);
    }
    reply->compared = known->state == LOAD_KEY_HELD;
    reply->sequence = known->held;
    reply->value_bytes = (uint32_t)value_bytes;
    reply->arrived = 0;
    reply->part = MEMCACHED_VALUE;
    uint32_t want = load_keys_value_bytes(keys, request->key, known->held);
    if (reply->compared && value_bytes != want) {
        return memcached_say(shared, LOAD_WRONG, request,
                             "a value of %llu bytes, set number %u wrote %u",
                             (unsigned long long)value_bytes, known->held, want);
    }
    return LOAD_MORE;
}

enum load_verdict memcached_value(struct load_shared *shared, const struct load_request *request,
                                  struct memcached_reply *reply, const char *bytes, size_t n,
                                  size_t *used) {
    size_t left = reply->value_bytes - reply->arrived;
    *used = n < left ? n : left;
    if (reply->compared && !load_keys_value_is(shared->keys, request->key, reply->sequence,
                                               reply->arrived, bytes, *used)) {
        return memcached_say(
            shared, LOAD_WRONG, request, "bytes %u to %zu of %u are not what set number %u wrote",
            reply->arrived, reply->arrived + *used - 1, reply->value_bytes, reply->sequence);
    }
    reply->arrived += (uint32_t)*used;
    return reply->arrived == reply->value_bytes ? LOAD_GOOD : LOAD_MORE;
}

enum load_verdict memcached_miss(struct load_shared *shared, const struct load_request *request) {
    if (shared->keys->key[request->key].state != LOAD_KEY_HELD) {
        return LOAD_GOOD;
    }
    if (shared->keys->may_evict) {
        return request->op == LOAD_OP_GET ? LOAD_MISS : LOAD_GOOD;
    }
    return memcached_say(shared, LOAD_LOST, request, "it was set, and is gone");
}

enum load_verdict memcached_deleted(struct load_shared *shared,
                                    const struct load_request *request) {
    if (shared->keys->key[request->key].state == LOAD_KEY_DELETED) {
        return memcached_say(shared, LOAD_WRONG, request, "it was deleted before, and is there");
    }
    return LOAD_GOOD;
}

/* How much of n bytes is skipped, and how much of the rest there is room for. */
static size_t take(struct memcached_writer *w, size_t n, size_t *from) {
    *from = w->skip < n ? (size_t)w->skip : n;
    w->skip -= *from;
    return n - *from < w->room ? n - *from : w->room;
}

static void taken(struct memcached_writer *w, size_t n) {
    w->to += n;
    w->room -= n;
    w->bytes += n;
}

void memcached_put(struct memcached_writer *w, const char *bytes, size_t n) {
    size_t from, part = take(w, n, &from);
    memcpy(w->to, bytes + from, part);
    taken(w, part);
}

void memcached_put_value(struct memcached_writer *w, const struct load_keys *keys,
                         const struct load_request *request) {
    size_t from,
        part = take(w, load_keys_value_bytes(keys, request->key, request->sequence), &from);
    if (part > 0) {
        load_keys_value(keys, request->key, request->sequence, from, w->to, part);
    }
    taken(w, part);
}
