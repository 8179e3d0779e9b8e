/*
 * The systems that the bench compares, each serving the same file with one core, the other core
 * for the client: nhttpd on a nom guest, nhttpd hosted, and nginx on this Linux over the same kind
 * of veth, both as it is and with the receive work placed (RPS) as hosted has it. Each is driven by
 * our client and by wrk.
 */
#ifndef BENCH_SYSTEMS_H
#define BENCH_SYSTEMS_H

#include "profiler/profiler.h"
#include "store/store.h"
#include <stddef.h>

struct bench_settings {
    const char *accel; /* of the nom guest */
    double seconds, delay_us;
    size_t repeats;
};

#define BENCH_REPEATS_MAX 64u

/* Measures all, interleaved, and prints medians, ratios of medians against both nginx with the
 * least and greatest ratio of one repeat, and how busy the client's core was. Trials are stored if
 * store is not NULL. How many trials failed, or -1 with why if none could begin. */
int bench_systems(const struct profiler_paths *paths, const struct bench_settings *settings,
                  struct store *store, int64_t session_id, char *why, size_t why_bytes);

double bench_median(const double *values, size_t n);
/* One line: ratio of medians, least and greatest ratio of a pair. */
void bench_print_ratio(const char *what, const double *a, const double *b, size_t n);

#endif
