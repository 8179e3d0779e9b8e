/*
 * From trials to operating points to a table. Statistics by GSL. No I/O.
 */
#ifndef TUNER_TUNER_H
#define TUNER_TUNER_H

#include "record/trial.h"
#include "runtime/abi/table.h"
#include <stddef.h>
#include <stdint.h>

#define TUNER_RUNS_MAX 64u

/* One operating point: the good trials of one load, W, kick and poll_us, summed up. Medians over
 * trials. */
struct tuner_point {
    char load[TRIAL_NAME_BYTES];
    uint32_t connections;
    double delay_us;
    uint32_t kick;
    double poll_us;
    double throughput_ops, throughput_low, throughput_high; /* median; least and greatest */
    double latency_mean_us, latency_low_us, latency_high_us;
    double jitter_us;
    double latency_p50_us, latency_p90_us, latency_p99_us, latency_p999_us;
    double useful_gbit_per_s, gbit_out_per_s, cpu_s_per_s;
    double cv; /* coefficient of variation of throughput over the trials; 0 if only one */
    uint32_t repeats;
    int on_frontier; /* over throughput (up), mean latency and jitter (down), within its load */
    int64_t run_id[TUNER_RUNS_MAX];
    uint32_t run_count;
};

/* Sums up trials (only TRIAL_OK count) into points sorted by connections, kick, delay, poll_us,
 * frontier marked. *points is malloc'd, *count of them. 0 or -ENOMEM. ids[i] is trials[i]'s run id.
 */
int tuner_points(const struct trial *trials, const int64_t *ids, size_t n,
                 struct tuner_point **points, size_t *count);

/* For a table: W = 0 natural and strict of one load may be the same thing (at one connection they
 * always are), and then noise decides which looks better. Where their throughputs differ by less
 * than the spread (greatest less least) of either, strict is taken out; the frontier is marked
 * anew. points in tuner_points' order, which stays. 0 or -ENOMEM. */
int tuner_prefer_natural(struct tuner_point *points, size_t *count);

/* Which points of one load lie so far off the others that a plot should name them rather than cover
 * them (the rule: far.c). Never one of the frontier; none that is not a number. far, with room for
 * count, gets 0 or the measures in which the point is far. 0 or -ENOMEM. */
#define TUNER_FAR_THROUGHPUT 1u
#define TUNER_FAR_LATENCY    2u
int tuner_far(const struct tuner_point *points, size_t count, unsigned *far);

/* Floors against each other. What is compared ran in rounds (settings.repeat): of each round the
 * good trial of a floor and load counts, of the first TUNER_RUNS_MAX rounds. */
struct tuner_spread {
    double median, low, high;
};

/* What one floor did at one load. */
struct tuner_level {
    struct trial_settings settings;                                 /* of the first of them */
    struct tuner_spread throughput_ops, latency_mean_us, jitter_us; /* over the rounds */
    uint32_t repeats;
    int64_t run_id[TUNER_RUNS_MAX]; /* as many as repeats */
};
/* Its repeats; 0: no good trial, *out is not set. */
uint32_t tuner_level(const struct trial *trials, const int64_t *ids, size_t n, const char *target,
                     uint32_t connections, struct tuner_level *out);

/* Floor a against floor b at one load, every ratio so that over 1 says that a is better: throughput
 * of a over b's; mean latency and jitter of b over a's. Only rounds in which both have a good trial
 * count. median: the ratio of the medians; low and high: the least and greatest ratio of one round,
 * between which it lies. Infinite or no number where a measure was 0. */
struct tuner_ratio {
    struct tuner_spread throughput, latency, jitter;
    uint32_t repeats; /* such rounds */
};
/* Its repeats; 0: none, *out is not set. */
uint32_t tuner_ratio(const struct trial *trials, size_t n, const char *a, const char *b,
                     uint32_t connections, struct tuner_ratio *out);

/* Q(z) by GSL: econ_normal_tail_fn for host tools. */
double tuner_normal_tail(double z);

/* What a table says of itself. */
struct tuner_table_info {
    char app[NOM_TABLE_NAME_BYTES], target[NOM_TABLE_NAME_BYTES], accel[NOM_TABLE_NAME_BYTES];
    char app_build_id[64];
    int64_t session_id, built_unix_s;
    struct nom_utility utility;
};

/* Builds a table file in memory from all points (rows off the frontier too, marked: a utility may
 * weigh what the frontier does not). points in tuner_points' order. Where the wire was not counted
 * (gbit_out_per_s 0), the row's use is the useful throughput, its floor. *file is malloc'd. 0,
 * -ENOMEM, or -EINVAL: no points, too many, or something that econ_table_check refuses. */
int tuner_table(const struct tuner_table_info *info, const struct tuner_point *points, size_t count,
                void **file, size_t *bytes);

/* Utility from text: "penalty:alpha=20,x=100,l0_us=750", "refund", "bonus:gamma=0.01,delta=inf",
 * "simple:alpha=20,l0_us=750". What is not named keeps its default. 0, or -1 with why, *u as it
 * was. */
int tuner_utility_parse(const char *text, struct nom_utility *u, char *why, size_t why_bytes);
/* The canonical text of u, in buf: its kind and that kind's keys, which read back as u (l0 to its
 * last binary place). 160 bytes hold any. */
void tuner_utility_format(const struct nom_utility *u, char *buf, size_t bytes);

#endif
