/*
 * From trials to operating points: the good trials of one load and of one value of each knob become
 * one point, each measure its median over them. A point's frontier mark compares it with the points
 * of its own load only: what a load of 32 reaches says nothing about a load of 1.
 */
#include "pareto/pareto.h"
#include "tuner/tuner.h"
#include <errno.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct good {
    const struct trial *trial;
    int64_t id;
    size_t order; /* as given: keeps the sort stable, so that run ids stay in order */
};

static int compare_settings(const struct trial_settings *a, const struct trial_settings *b) {
    if (a->connections != b->connections)
        return a->connections < b->connections ? -1 : 1;
    if (a->kick != b->kick)
        return a->kick < b->kick ? -1 : 1;
    if (a->delay_us < b->delay_us || a->delay_us > b->delay_us)
        return a->delay_us < b->delay_us ? -1 : 1;
    return (a->poll_us > b->poll_us) - (a->poll_us < b->poll_us);
}

static int by_point(const void *left, const void *right) {
    const struct good *a = left, *b = right;
    int order = compare_settings(&a->trial->settings, &b->trial->settings);

    if (order != 0)
        return order;
    return (a->order > b->order) - (a->order < b->order);
}

/* The measures of a trial that a point takes the median of. */
enum measure {
    THROUGHPUT,
    LATENCY_MEAN,
    JITTER,
    LATENCY_P50,
    LATENCY_P90,
    LATENCY_P99,
    LATENCY_P999,
    USEFUL,
    WIRE,
    CPU,
};

static double measure(const struct trial_result *r, enum measure what) {
    switch (what) {
    case THROUGHPUT:
        return r->throughput_ops;
    case LATENCY_MEAN:
        return r->latency_mean_us;
    case JITTER:
        return r->jitter_us;
    case LATENCY_P50:
        return r->latency_p50_us;
    case LATENCY_P90:
        return r->latency_p90_us;
    case LATENCY_P99:
        return r->latency_p99_us;
    case LATENCY_P999:
        return r->latency_p999_us;
    case USEFUL:
        return r->useful_gbit_per_s;
    case WIRE:
        return r->gbit_out_per_s;
    case CPU:
        break;
    }
    return r->guest_cpu_s_per_s;
}

/* One measure of n trials, sorted, into sorted[n]; returns the median. */
static double median(const struct good *good, size_t n, enum measure what, double *sorted) {
    for (size_t i = 0; i < n; i++)
        sorted[i] = measure(&good[i].trial->result, what);
    gsl_sort(sorted, 1, n);
    return gsl_stats_median_from_sorted_data(sorted, 1, n);
}

static void sum_up(const struct good *good, size_t n, double *scratch, struct tuner_point *p) {
    const struct trial_settings *s = &good[0].trial->settings;

    *p = (struct tuner_point){
        .connections = s->connections,
        .delay_us = s->delay_us,
        .kick = s->kick,
        .poll_us = s->poll_us,
        .repeats = (uint32_t)n,
        .run_count = n < TUNER_RUNS_MAX ? (uint32_t)n : TUNER_RUNS_MAX,
    };
    snprintf(p->load, sizeof p->load, "%.*s", (int)sizeof s->load - 1, s->load);
    for (uint32_t i = 0; i < p->run_count; i++)
        p->run_id[i] = good[i].id;

    p->throughput_ops = median(good, n, THROUGHPUT, scratch);
    p->throughput_low = scratch[0];
    p->throughput_high = scratch[n - 1];
    double mean = gsl_stats_mean(scratch, 1, n);
    if (n > 1 && mean > 0.0)
        p->cv = gsl_stats_sd_m(scratch, 1, n, mean) / mean;
    p->latency_mean_us = median(good, n, LATENCY_MEAN, scratch);
    p->latency_low_us = scratch[0];
    p->latency_high_us = scratch[n - 1];
    p->jitter_us = median(good, n, JITTER, scratch);
    p->latency_p50_us = median(good, n, LATENCY_P50, scratch);
    p->latency_p90_us = median(good, n, LATENCY_P90, scratch);
    p->latency_p99_us = median(good, n, LATENCY_P99, scratch);
    p->latency_p999_us = median(good, n, LATENCY_P999, scratch);
    p->useful_gbit_per_s = median(good, n, USEFUL, scratch);
    p->gbit_out_per_s = median(good, n, WIRE, scratch);
    p->cpu_s_per_s = median(good, n, CPU, scratch);
}

/* Marks the frontier of n points of one load. 0 or -ENOMEM. */
static int mark(struct tuner_point *point, size_t n) {
    enum { DIMENSIONS = 3 };
    static const int sense[DIMENSIONS] = {1, -1, -1};
    double *at = reallocarray(NULL, n, DIMENSIONS * sizeof *at);
    size_t *index = reallocarray(NULL, n, sizeof *index);
    size_t count = 0;
    int result = -ENOMEM;

    if (!at || !index)
        goto out;
    for (size_t i = 0; i < n; i++) {
        at[i * DIMENSIONS] = point[i].throughput_ops;
        at[i * DIMENSIONS + 1] = point[i].latency_mean_us;
        at[i * DIMENSIONS + 2] = point[i].jitter_us;
    }
    result = pareto_frontier(at, n, DIMENSIONS, sense, index, &count);
    for (size_t i = 0; i < n; i++)
        point[i].on_frontier = 0;
    for (size_t i = 0; i < count; i++)
        point[index[i]].on_frontier = 1;
out:
    free(at);
    free(index);
    return result;
}

static int mark_each_load(struct tuner_point *point, size_t count) {
    int result = 0;

    for (size_t from = 0, to; from < count && result == 0; from = to) {
        for (to = from + 1; to < count && point[to].connections == point[from].connections;)
            to++;
        result = mark(point + from, to - from);
    }
    return result;
}

int tuner_points(const struct trial *trials, const int64_t *ids, size_t n,
                 struct tuner_point **points, size_t *count) {
    struct good *good = calloc(n + 1, sizeof *good);
    struct tuner_point *point = calloc(n + 1, sizeof *point);
    double *scratch = calloc(n + 1, sizeof *scratch);
    size_t used = 0, made = 0;
    int result = -ENOMEM;

    if (!good || !point || !scratch)
        goto out;
    for (size_t i = 0; i < n; i++)
        if (trials[i].result.status == TRIAL_OK)
            good[used++] = (struct good){&trials[i], ids[i], i};
    qsort(good, used, sizeof *good, by_point);
    for (size_t from = 0, to; from < used; from = to) {
        for (to = from + 1; to < used && compare_settings(&good[from].trial->settings,
                                                          &good[to].trial->settings) == 0;)
            to++;
        sum_up(good + from, to - from, scratch, &point[made++]);
    }
    result = mark_each_load(point, made);
out:
    free(good);
    free(scratch);
    if (result != 0) {
        free(point);
        return result;
    }
    *points = point;
    *count = made;
    return 0;
}

static double spread(const struct tuner_point *p) {
    return p->throughput_high - p->throughput_low;
}

/* Whether p is strict W = 0, and natural W = 0 of its load cannot be told from it. */
static bool is_natural_by_another_name(const struct tuner_point *p,
                                       const struct tuner_point *points, size_t count) {
    if (p->delay_us > 0.0 || p->kick != NOM_KICK_STRICT)
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct tuner_point *q = &points[i];
        if (q->connections == p->connections && q->delay_us == 0.0 && q->kick == NOM_KICK_NATURAL)
            return fabs(p->throughput_ops - q->throughput_ops) < fmax(spread(p), spread(q));
    }
    return false;
}

int tuner_prefer_natural(struct tuner_point *points, size_t *count) {
    size_t kept = 0;

    /* Only strict points are taken out, so what a later one is compared with is still there. */
    for (size_t i = 0; i < *count; i++)
        if (!is_natural_by_another_name(&points[i], points, kept))
            points[kept++] = points[i];
    *count = kept;
    return mark_each_load(points, kept);
}
