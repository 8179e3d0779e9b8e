/*
 * Latency histogram: log-linear, 3 significant digits from 1 us to 10 s (recorded in nanoseconds;
 * below 1 us exact to 1 ns buckets of the first decade, above 10 s counted in the last bucket).
 * A plain struct of counters: may lie in shared memory, may be written to a file.
 *
 * HIST_SUB buckets per power of two; relative error of a quantile at most 1 / (2 HIST_SUB).
 */
#ifndef LOAD_HIST_H
#define LOAD_HIST_H

#include <stddef.h>
#include <stdint.h>

#define HIST_SUB 1024u       /* linear buckets per power of two: 0.05 % */
#define HIST_EXPONENTS 25u   /* powers of two above HIST_SUB ns: up to 34 s */
#define HIST_BUCKETS (HIST_SUB * HIST_EXPONENTS)
#define HIST_MAX_NS 10000000000ull

struct hist {
    uint64_t count;
    uint64_t max_ns, min_ns;
    double sum_ns, sum_squares_ns2; /* exact mean and deviation, not from buckets */
    uint64_t over;                  /* values beyond HIST_MAX_NS, counted as HIST_MAX_NS */
    uint32_t bucket[HIST_BUCKETS];
};

void hist_init(struct hist *h);
void hist_record(struct hist *h, uint64_t ns);
/* Adds all of `from` to `to`. */
void hist_merge(struct hist *to, const struct hist *from);
double hist_mean_ns(const struct hist *h);      /* 0 if empty */
double hist_deviation_ns(const struct hist *h); /* of the population; 0 if fewer than 2 */
/* Value at quantile q in [0, 1]: the smallest bucket's middle with at least q of the counts below
 * or in it; 0 if empty. */
double hist_quantile_ns(const struct hist *h, double q);

/* Sparse text-free form for the store: little-endian pairs (uint32 bucket, uint32 count), with the
 * totals first. hist_pack returns a malloc'd blob (NULL: no memory) and sets *bytes;
 * hist_unpack gives 0 or -1 if the blob is not one of ours. */
void *hist_pack(const struct hist *h, size_t *bytes);
int hist_unpack(struct hist *h, const void *blob, size_t bytes);

#endif
