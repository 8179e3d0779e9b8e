#include "workloads/load/keys.h"
#include "workloads/load/load.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_BYTES   8u
#define SPREAD_BYTES 4096u /* where a value's stretch of the pattern may begin */

static uint32_t digits_of(uint32_t n) {
    uint32_t digits = 1;
    for (; n >= 10; n /= 10) {
        digits++;
    }
    return digits;
}

bool load_keys_settings_are_good(const struct load_config *c) {
    /* Comparisons with NaN are false. */
    return c->keys >= c->connections && c->keys <= LOAD_KEYS_MAX &&
           c->key_bytes >= digits_of(c->keys - 1) && c->key_bytes <= LOAD_KEY_BYTES_MAX &&
           c->value_bytes >= 1 && c->value_bytes <= LOAD_VALUE_BYTES_MAX &&
           (c->value_bytes_max == 0 ||
            (c->value_bytes_max >= c->value_bytes && c->value_bytes_max <= LOAD_VALUE_BYTES_MAX)) &&
           c->get_ratio >= 0 && c->delete_ratio >= 0 && c->get_ratio + c->delete_ratio <= 1;
}

static uint32_t mix(uint32_t key, uint32_t sequence) {
    uint64_t x = ((uint64_t)key << 32 | sequence) * 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 32) * 0xd6e8feb86659fd93u;
    return (uint32_t)(x >> 32);
}

int load_keys_init(struct load_keys *keys, const struct load_config *config) {
    if (!load_keys_settings_are_good(config)) {
        return -EINVAL;
    }
    *keys =
        (struct load_keys){.count = config->keys,
                           .key_bytes = config->key_bytes,
                           .value_bytes = config->value_bytes,
                           .value_bytes_max = config->value_bytes_max > 0 ? config->value_bytes_max
                                                                          : config->value_bytes,
                           .may_evict = config->may_evict};
    keys->octaves = log2((double)keys->value_bytes_max / keys->value_bytes);
    size_t pattern_bytes = (size_t)keys->value_bytes_max + SPREAD_BYTES;
    keys->key = calloc(keys->count, sizeof *keys->key);
    keys->pattern = malloc(pattern_bytes);
    if (keys->key == NULL || keys->pattern == NULL) {
        load_keys_end(keys);
        return -ENOMEM;
    }
    uint64_t random = 88172645463325252u;
    for (size_t i = 0; i < pattern_bytes; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        keys->pattern[i] = (char)(random >> 32);
    }
    return 0;
}

void load_keys_end(struct load_keys *keys) {
    free(keys->key);
    free(keys->pattern);
    *keys = (struct load_keys){0};
}

void load_keys_text(const struct load_keys *keys, uint32_t key, char *text) {
    char *at = text + keys->key_bytes;
    do {
        *--at = (char)('0' + key % 10);
        key /= 10;
    } while (key > 0);
    memset(text, 'k', (size_t)(at - text));
}

uint32_t load_keys_value_bytes(const struct load_keys *keys, uint32_t key, uint32_t sequence) {
    if (keys->value_bytes == keys->value_bytes_max) {
        return keys->value_bytes;
    }
    /* Bits that do not also choose the stretch of the pattern. */
    double share = (double)mix(~key, sequence) / (double)UINT32_MAX;
    uint32_t bytes = (uint32_t)lround(keys->value_bytes * exp2(share * keys->octaves));
    return bytes < keys->value_bytes_max ? bytes : keys->value_bytes_max;
}

/* Where byte `at` of the value stands in the pattern; nothing of the head does. */
static const char *stretch(const struct load_keys *keys, uint32_t key, uint32_t sequence,
                           size_t at) {
    return keys->pattern + mix(key, sequence) % SPREAD_BYTES + at;
}

/* Bytes [at, HEAD_BYTES) of the head, n at most; returns how many. */
static size_t head_piece(uint32_t key, uint32_t sequence, size_t at, size_t n, char *to) {
    uint64_t head = (uint64_t)key << 32 | sequence;
    size_t i = 0;
    for (; i < n && at + i < HEAD_BYTES; i++) {
        to[i] = (char)(head >> 8 * (at + i));
    }
    return i;
}

void load_keys_value(const struct load_keys *keys, uint32_t key, uint32_t sequence, size_t at,
                     char *to, size_t n) {
    size_t head = head_piece(key, sequence, at, n, to);
    memcpy(to + head, stretch(keys, key, sequence, at + head), n - head);
}

bool load_keys_value_is(const struct load_keys *keys, uint32_t key, uint32_t sequence, size_t at,
                        const char *bytes, size_t n) {
    char head[HEAD_BYTES];
    size_t k = head_piece(key, sequence, at, n, head);
    return memcmp(bytes, head, k) == 0 &&
           memcmp(bytes + k, stretch(keys, key, sequence, at + k), n - k) == 0;
}

void load_keys_settle(struct load_keys *keys, const struct load_request *request,
                      enum load_verdict verdict) {
    struct load_key *key = &keys->key[request->key];
    if (request->op == LOAD_OP_GET) {
        if (verdict == LOAD_MISS || verdict == LOAD_LOST) {
            key->state = LOAD_KEY_UNKNOWN;
        }
    } else if (verdict != LOAD_GOOD || key->unanswered) {
        key->unanswered |= verdict == LOAD_MORE;
        key->state = LOAD_KEY_UNKNOWN;
    } else if (request->op == LOAD_OP_SET) {
        key->state = LOAD_KEY_HELD;
        key->held = request->sequence;
    } else {
        key->state = LOAD_KEY_DELETED;
    }
}
