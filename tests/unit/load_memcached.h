/*
 * A memcached in this process, for tests of the load (load_server.h), which does one thing wrong
 * from some request on. Both protocols, told by the first byte of each request.
 */
#ifndef TESTS_LOAD_MEMCACHED_H
#define TESTS_LOAD_MEMCACHED_H

#include "tests/unit/load_server.h"
#include <pthread.h>

#define LOAD_MEMCACHED_KEYS 64u

enum load_memcached_trick {
    TRICK_NONE = 0,
    TRICK_SPLIT,  /* replies a byte at a time */
    TRICK_BYTE,   /* a value's last byte is wrong */
    TRICK_STALE,  /* the value before the last one */
    TRICK_KEY,    /* another key's name and value */
    TRICK_SHORT,  /* a value one byte short */
    TRICK_MISS,   /* no key is there */
    TRICK_UNDEAD, /* what is deleted stays */
    TRICK_OUT_OF_MEMORY,
    TRICK_NO_SETS, /* out of memory for sets; the old value is gone */
    TRICK_ERROR,
    TRICK_GARBAGE,
    TRICK_CUT,   /* closes amid the reply */
    TRICK_CLOSE, /* closes without one */
    TRICK_RESET,
    TRICK_SURPLUS,     /* a reply and then some */
    TRICK_ONCE_CLOSED, /* closes once, without a reply */
};

struct load_memcached {
    enum load_memcached_trick trick;
    uint64_t from;                /* the number of the first request it is played on */
    uint64_t gets, sets, deletes; /* asked for since */
    pthread_mutex_t lock;
    struct {
        char *now, *before; /* malloc'd; NULL: none */
        size_t now_bytes, before_bytes;
    } key[LOAD_MEMCACHED_KEYS];
};

void load_memcached_talk(struct load_server *s, int fd, void *memcached);
void load_memcached_free(struct load_memcached *m);

#endif
