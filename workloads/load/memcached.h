/*
 * Replies of memcached, taken in pieces as they arrive; values are compared on the way and never
 * kept. What the text and the binary protocol share. Private to this folder.
 *
 * States: LINE (text: a line; binary: a header and what is read of the body before a value), then
 * VALUE or SKIP (a binary error's words), then TAIL (text: what follows a value).
 */
#ifndef LOAD_MEMCACHED_H
#define LOAD_MEMCACHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest line looked at; VALUE with the longest key is shorter. More is malformed. */
#define MEMCACHED_LINE_BYTES     512u
#define MEMCACHED_SKIP_BYTES_MAX 65536u

enum memcached_reply_part {
    MEMCACHED_LINE = 0,
    MEMCACHED_VALUE,
    MEMCACHED_SKIP,
    MEMCACHED_TAIL,
};

struct memcached_reply {
    enum memcached_reply_part part;
    bool compared;        /* the value should be the one that was last written */
    uint32_t sequence;    /* of that */
    uint32_t value_bytes; /* VALUE: in all */
    uint32_t arrived;     /* VALUE, SKIP, TAIL: of it */
    uint16_t status;      /* binary */
    uint32_t wanted;      /* binary LINE: until it is whole */
    uint32_t line_bytes;  /* of line, what has arrived */
    char line[MEMCACHED_LINE_BYTES];
};

#endif
