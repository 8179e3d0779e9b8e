/*
 * Free runs lie in bins by length: one for each below EXACT pages, then STEPS for each power of
 * two. Every run of a higher bin is long enough; in the request's own bin some may be.
 */
#include "runtime/posix/spans.h"

#define EXACT     16u /* a power of two */
#define EXACT_LOG 4u
#define STEPS     8u
#define STEPS_LOG 3u
#define TRIES     16u /* in the request's own bin before a longer run is cut */

static uint32_t bin_of(uint32_t count) {
    if (count < EXACT)
        return count;
    uint32_t log = 31u - (uint32_t)__builtin_clz(count);
    return EXACT + (log - EXACT_LOG) * STEPS + ((count >> (log - STEPS_LOG)) & (STEPS - 1));
}

void posix_spans_start(struct posix_spans *s, struct posix_span *by_page, uint32_t pages_max) {
    *s = (struct posix_spans){.by_page = by_page, .pages_max = pages_max, .top = 1};
}

static void enlist(struct posix_spans *s, uint32_t first, uint32_t count) {
    uint32_t bin = bin_of(count), next = s->first[bin];
    s->by_page[first + count - 1].count = count;
    s->by_page[first] = (struct posix_span){count, next, 0};
    if (next)
        s->by_page[next].before = first;
    s->first[bin] = first;
    s->filled[bin / 64] |= UINT64_C(1) << bin % 64;
}

static void unlist(struct posix_spans *s, uint32_t first) {
    struct posix_span span = s->by_page[first];
    uint32_t bin = bin_of(span.count);
    *(span.before ? &s->by_page[span.before].next : &s->first[bin]) = span.next;
    if (span.next)
        s->by_page[span.next].before = span.before;
    if (!s->first[bin])
        s->filled[bin / 64] &= ~(UINT64_C(1) << bin % 64);
}

static uint32_t find_in(const struct posix_spans *s, uint32_t bin, uint32_t count, uint32_t tries) {
    uint32_t at = s->first[bin];
    while (at && tries-- > 0 && s->by_page[at].count < count)
        at = s->by_page[at].next;
    return at && s->by_page[at].count >= count ? at : 0;
}

static uint32_t first_above(const struct posix_spans *s, uint32_t bin) {
    for (uint32_t word = ++bin / 64; word < POSIX_SPAN_BINS / 64; word++, bin = word * 64) {
        uint64_t filled = s->filled[word] >> bin % 64;
        if (filled)
            return s->first[bin + (uint32_t)__builtin_ctzll(filled)];
    }
    return 0;
}

/* Growing the arena costs memory for good, so that the whole bin is looked through before. */
uint32_t posix_spans_find(const struct posix_spans *s, uint32_t count) {
    uint32_t bin = bin_of(count), at = find_in(s, bin, count, TRIES);
    if (!at)
        at = first_above(s, bin);
    return at ? at : find_in(s, bin, count, UINT32_MAX);
}

void posix_spans_take(struct posix_spans *s, uint32_t first, uint32_t count) {
    uint32_t whole = s->by_page[first].count;
    unlist(s, first);
    if (whole > count)
        enlist(s, first + count, whole - count);
}

void posix_spans_give(struct posix_spans *s, uint32_t first, uint32_t count, bool below,
                      bool above) {
    uint32_t behind = first + count;
    if (above) {
        count += s->by_page[behind].count;
        unlist(s, behind);
    }
    if (below) {
        uint32_t start = posix_spans_first(s, first - 1);
        unlist(s, start);
        count += first - start;
        first = start;
    }
    enlist(s, first, count);
}
