/*
 * Keeps hist.h's invariant: count == sum of bucket[]; min_ns and max_ns lie in the first and the
 * last bucket in use; sums are of the values as counted (clamped to HIST_MAX_NS).
 */
#include "workloads/load/hist.h"
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#define SUB_BITS 10u
_Static_assert(HIST_SUB == 1u << SUB_BITS, "HIST_SUB is a power of two");
_Static_assert(HIST_MAX_NS < 1ull << (SUB_BITS + HIST_GROUPS - 1), "the last bucket holds 10 s");

static uint32_t bucket_of(uint64_t ns) {
    if (ns < HIST_SUB) {
        return (uint32_t)ns;
    }
    uint32_t shift = 63u - (uint32_t)__builtin_clzll(ns) - SUB_BITS;
    return (shift << SUB_BITS) + (uint32_t)(ns >> shift);
}

/* Mean of the least and the greatest integer in the bucket. */
static double middle_of(uint32_t bucket) {
    if (bucket < HIST_SUB) {
        return bucket;
    }
    uint32_t shift = (bucket >> SUB_BITS) - 1;
    uint64_t least = (uint64_t)(bucket - (shift << SUB_BITS)) << shift;
    return (double)least + (double)((1ull << shift) - 1) / 2;
}

void hist_init(struct hist *h) {
    memset(h, 0, sizeof *h);
}

void hist_record(struct hist *h, uint64_t ns) {
    bool over = ns > HIST_MAX_NS;
    uint64_t value = over ? HIST_MAX_NS : ns;
    uint32_t *bucket = &h->bucket[bucket_of(value)];
    if (*bucket == UINT32_MAX) {
        return;
    }
    ++*bucket;
    if (h->count == 0 || value < h->min_ns) {
        h->min_ns = value;
    }
    if (value > h->max_ns) {
        h->max_ns = value;
    }
    h->over += over;
    h->count++;
    double v = (double)value;
    h->sum_ns += v;
    h->sum_squares_ns2 += v * v;
}

int hist_merge(struct hist *to, const struct hist *from) {
    if (from->count == 0) {
        return 0;
    }
    for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
        if (from->bucket[i] > UINT32_MAX - to->bucket[i]) {
            return -EOVERFLOW;
        }
    }
    for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
        to->bucket[i] += from->bucket[i];
    }
    if (to->count == 0 || from->min_ns < to->min_ns) {
        to->min_ns = from->min_ns;
    }
    if (from->max_ns > to->max_ns) {
        to->max_ns = from->max_ns;
    }
    to->over += from->over;
    to->count += from->count;
    to->sum_ns += from->sum_ns;
    to->sum_squares_ns2 += from->sum_squares_ns2;
    return 0;
}

double hist_mean_ns(const struct hist *h) {
    return h->count == 0 ? 0 : h->sum_ns / (double)h->count;
}

double hist_deviation_ns(const struct hist *h) {
    if (h->count < 2) {
        return 0;
    }
    double mean = hist_mean_ns(h);
    double variance = h->sum_squares_ns2 / (double)h->count - mean * mean;
    return variance > 0 ? sqrt(variance) : 0;
}

double hist_quantile_ns(const struct hist *h, double q) {
    if (h->count == 0) {
        return 0;
    }
    double place = ceil((q < 1 ? q : 1) * (double)h->count);
    uint64_t rank = place >= 1 ? (uint64_t)place : 1;
    uint64_t below_or_in = 0;
    for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
        below_or_in += h->bucket[i];
        if (below_or_in >= rank) {
            return fmin(fmax(middle_of(i), (double)h->min_ns), (double)h->max_ns);
        }
    }
    return (double)h->max_ns;
}
