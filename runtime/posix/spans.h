/*
 * Which runs of pages are free: a run is found by its length, and by its ends when a neighbour is
 * given back, each in a few steps however many there are. Knows nothing of memory.
 */
#ifndef POSIX_SPANS_H
#define POSIX_SPANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* By page: of a free run's first page all, of its last page the count. */
struct posix_span {
    uint32_t count, next, before;
};

#define POSIX_SPAN_BINS 256u

struct posix_spans {
    struct posix_span *by_page; /* zeroed at first */
    uint32_t pages_max;
    uint32_t top;                    /* no page from it on was ever taken */
    uint32_t first[POSIX_SPAN_BINS]; /* of each bin's list; page 0 is none */
    uint64_t filled[POSIX_SPAN_BINS / 64];
};

/* by_page: pages_max entries. Page 0 is never handed out. */
void posix_spans_start(struct posix_spans *s, struct posix_span *by_page, uint32_t pages_max);
/* A free run of at least so many pages, not taken yet; 0: none below the top. */
uint32_t posix_spans_find(const struct posix_spans *s, uint32_t count);
/* Takes the first pages of the free run that begins there. */
void posix_spans_take(struct posix_spans *s, uint32_t first, uint32_t count);
/* A run becomes free. below: the page before it is free, above: the page behind it is. */
void posix_spans_give(struct posix_spans *s, uint32_t first, uint32_t count, bool below,
                      bool above);
/* The free run that ends with that page, which is free: its first. */
static inline uint32_t posix_spans_first(const struct posix_spans *s, uint32_t last) {
    return last + 1 - s->by_page[last].count;
}

#endif
