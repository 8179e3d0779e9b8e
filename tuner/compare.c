/*
 * Floors against each other. A ratio is taken over the rounds that both floors finished, so that
 * what the machine did meanwhile fell on both, and so that the ratio of the medians lies between
 * the ratios of single rounds: where every round has a <= r b, the median of a is at most r times
 * the median of b.
 */
#include "tuner/tuner.h"
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <string.h>

enum measure { THROUGHPUT, LATENCY, JITTER, MEASURES };

static double measure(const struct trial *t, enum measure what) {
    if (what == THROUGHPUT)
        return t->result.throughput_ops;
    return what == LATENCY ? t->result.latency_mean_us : t->result.jitter_us;
}

/* The good trial of a floor and load in one round: its place in trials, or n. */
static size_t good(const struct trial *trials, size_t n, const char *target, uint32_t connections,
                   uint32_t repeat) {
    for (size_t i = 0; i < n; i++) {
        const struct trial_settings *s = &trials[i].settings;
        if (trials[i].result.status == TRIAL_OK && s->repeat == repeat &&
            s->connections == connections && strcmp(s->target, target) == 0)
            return i;
    }
    return n;
}

/* Sorts the values. */
static struct tuner_spread spread(double *value, size_t n) {
    gsl_sort(value, 1, n);
    return (struct tuner_spread){gsl_stats_median_from_sorted_data(value, 1, n), value[0],
                                 value[n - 1]};
}

uint32_t tuner_level(const struct trial *trials, const int64_t *ids, size_t n, const char *target,
                     uint32_t connections, struct tuner_level *out) {
    double value[MEASURES][TUNER_RUNS_MAX];
    uint32_t made = 0;

    for (uint32_t repeat = 0; repeat < TUNER_RUNS_MAX; repeat++) {
        size_t i = good(trials, n, target, connections, repeat);
        if (i == n)
            continue;
        if (made == 0)
            out->settings = trials[i].settings;
        for (int m = 0; m < MEASURES; m++)
            value[m][made] = measure(&trials[i], (enum measure)m);
        out->run_id[made++] = ids[i];
    }
    if (made == 0)
        return 0;
    out->throughput_ops = spread(value[THROUGHPUT], made);
    out->latency_mean_us = spread(value[LATENCY], made);
    out->jitter_us = spread(value[JITTER], made);
    return out->repeats = made;
}

uint32_t tuner_ratio(const struct trial *trials, size_t n, const char *a, const char *b,
                     uint32_t connections, struct tuner_ratio *out) {
    double over[MEASURES][TUNER_RUNS_MAX], under[MEASURES][TUNER_RUNS_MAX];
    struct tuner_spread of[MEASURES];
    uint32_t made = 0;

    for (uint32_t repeat = 0; repeat < TUNER_RUNS_MAX; repeat++) {
        size_t i = good(trials, n, a, connections, repeat);
        size_t j = good(trials, n, b, connections, repeat);
        if (i == n || j == n)
            continue;
        for (int m = 0; m < MEASURES; m++) {
            over[m][made] = measure(&trials[m == THROUGHPUT ? i : j], (enum measure)m);
            under[m][made] = measure(&trials[m == THROUGHPUT ? j : i], (enum measure)m);
        }
        made++;
    }
    if (made == 0)
        return 0;
    for (int m = 0; m < MEASURES; m++) {
        double ratio[TUNER_RUNS_MAX];
        for (uint32_t k = 0; k < made; k++)
            ratio[k] = over[m][k] / under[m][k];
        of[m] = spread(ratio, made);
        of[m].median = spread(over[m], made).median / spread(under[m], made).median;
    }
    *out = (struct tuner_ratio){of[THROUGHPUT], of[LATENCY], of[JITTER], made};
    return made;
}
