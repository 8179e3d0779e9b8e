/*
 * Keys and values of a memcached load, and what the server should hold of them. Private to this
 * folder.
 *
 * A key's text is its number in decimal, behind as many 'k' as make it key_bytes long. The value
 * that its set number `sequence` wrote begins with sequence and key, 4 bytes each, little-endian
 * (or as much of that as fits); the rest is a stretch of one common pattern, and where that begins,
 * and how long the value is, are functions of the two. So any piece of a value is made or checked
 * with one copy or comparison, and no value need be kept.
 *
 *   UNKNOWN --set said stored--> HELD --delete said so--> DELETED --set said stored--> HELD
 *      ^ whatever was refused, lost or (for good) not answered
 *
 * Invariant: a key belongs to one connection, whose requests the server takes in their order; so
 * when a reply arrives, the key's state is what the server had when it made that reply.
 */
#ifndef LOAD_KEYS_H
#define LOAD_KEYS_H

#include "workloads/load/protocol.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum load_key_state { LOAD_KEY_UNKNOWN = 0, LOAD_KEY_HELD, LOAD_KEY_DELETED };

struct load_key {
    uint32_t sets; /* sent so far: the last one's sequence */
    uint32_t held; /* HELD: the sequence of its value */
    enum load_key_state state;
    bool unanswered; /* a set or delete of a connection that failed: the server may take it at any
                        time, also after what came later by another, so it stays UNKNOWN */
};

struct load_keys {
    uint32_t count;
    uint32_t key_bytes;
    uint32_t value_bytes, value_bytes_max; /* the shortest and the longest */
    double octaves;                        /* log2 of longest / shortest */
    bool may_evict;
    struct load_key *key;
    char *pattern;
};

/* 0, -EINVAL (a setting is out of range) or -ENOMEM. */
int load_keys_init(struct load_keys *keys, const struct load_config *config);
void load_keys_end(struct load_keys *keys);
bool load_keys_settings_are_good(const struct load_config *config);

/* key_bytes characters, without an end. */
void load_keys_text(const struct load_keys *keys, uint32_t key, char *text);
uint32_t load_keys_value_bytes(const struct load_keys *keys, uint32_t key, uint32_t sequence);
/* Bytes [at, at + n) of a value. */
void load_keys_value(const struct load_keys *keys, uint32_t key, uint32_t sequence, size_t at,
                     char *to, size_t n);
bool load_keys_value_is(const struct load_keys *keys, uint32_t key, uint32_t sequence, size_t at,
                        const char *bytes, size_t n);
/* What is known of the request's key now that it ended so; LOAD_MORE: without a reply. */
void load_keys_settle(struct load_keys *keys, const struct load_request *request,
                      enum load_verdict verdict);

#endif
