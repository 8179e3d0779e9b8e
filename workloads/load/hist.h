/*
 * Latency histogram: log-linear, 3 significant digits from 1 us to 10 s. Values are nanoseconds;
 * below 1024 ns each has a bucket of its own, above that HIST_SUB buckets divide each power of two,
 * so that a bucket's middle is off by at most 1 / (2 HIST_SUB) = 0.049 % of any value in it: half a
 * unit of the third digit. Values above 10 s count as 10 s, and are told apart in `over`.
 *
 * A plain struct of counters, 100 KiB: may lie in shared memory. One writer.
 *
 * Invariant: count is the sum of all buckets. A bucket holds 2^32 - 1 at most, 4 hours of 300,000
 * equal values a second; what would pass that is not recorded at all.
 */
#ifndef LOAD_HIST_H
#define LOAD_HIST_H

#include <stddef.h>
#include <stdint.h>

/* HIST_SUB buckets of 1 ns, then HIST_SUB for each power of two from 2^10 to 2^33 ns (to 17 s). */
#define HIST_SUB     1024u
#define HIST_GROUPS  25u
#define HIST_BUCKETS (HIST_SUB * HIST_GROUPS)
#define HIST_MAX_NS  10000000000ull

struct hist {
    uint64_t count;
    uint64_t max_ns, min_ns;        /* 0 if empty */
    double sum_ns, sum_squares_ns2; /* mean and deviation come from these, not from buckets */
    uint64_t over;                  /* values beyond HIST_MAX_NS, counted as HIST_MAX_NS */
    uint32_t bucket[HIST_BUCKETS];
};

void hist_init(struct hist *h);
void hist_record(struct hist *h, uint64_t ns);
/* Adds all of `from` to `to`. 0, or -EOVERFLOW (and `to` is as it was) if a bucket cannot hold it.
 */
int hist_merge(struct hist *to, const struct hist *from);
double hist_mean_ns(const struct hist *h);      /* 0 if empty */
double hist_deviation_ns(const struct hist *h); /* of the population; 0 if fewer than 2 */
/* Value at quantile q in [0, 1], that is the ceil(q count)-th smallest value (the least one for
 * q = 0): the middle of its bucket, but no less than min_ns and no more than max_ns. 0 if empty. */
double hist_quantile_ns(const struct hist *h, double q);

/* Sparse binary form for the store: totals, then little-endian pairs (uint32 bucket, uint32 count)
 * of the buckets in use, under a CRC-32. hist_pack returns a malloc'd blob (NULL: no memory) and
 * sets *bytes; hist_unpack gives 0, or -1 if the blob is not one of ours (*h is then untouched). */
void *hist_pack(const struct hist *h, size_t *bytes);
int hist_unpack(struct hist *h, const void *blob, size_t bytes);

#endif
