/*
 * scenes.h: price. The table has two rows at one load; by a utility that takes 1 $/Gbit off for
 * each 10 us of latency, the one earns more at LOW_USD, the other at HIGH_USD, so each change of
 * price is a change of W. The client keeps packets coming, so that there is always a next one.
 */
#include "tests/bench/scenes.h"
#include "tests/bench/systems.h"
#include "tuner/tuner.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS     32u
#define CONTROL_SECONDS 5.0
#define CHANGE_SECONDS  10.0 /* for a change to take effect */
#define LOAD_SECONDS    3600.0
#define LOOK_US         2000
#define LOW_USD         1.0
#define HIGH_USD        4.5
#define BETA            1e5
#define CHANGES_MAX     (BENCH_REPEATS_MAX * BENCH_PRICE_CHANGES)

static volatile const int never_stop;

/* Fast and late, and slow and early. */
static int make_table(void **file, size_t *bytes) {
    struct tuner_point points[2] = {
        {.load = "many", .delay_us = 0, .throughput_ops = 1e5, .latency_mean_us = 10},
        {.load = "many", .delay_us = 8, .throughput_ops = 1e6, .latency_mean_us = 150}};
    struct tuner_table_info info = {
        .app = "nhttpd", .target = "nom", .accel = "none", .session_id = 1, .built_unix_s = 1};
    char why[128];
    for (size_t i = 0; i < 2; i++) {
        struct tuner_point *p = &points[i];
        p->connections = CONNECTIONS;
        p->repeats = 1;
        p->poll_us = NOM_POLL_US_INITIAL;
        p->throughput_low = p->throughput_high = p->throughput_ops;
        p->useful_gbit_per_s = p->gbit_out_per_s = p->throughput_ops * 1e-5;
        p->latency_low_us = p->latency_high_us = p->latency_p50_us = p->latency_mean_us;
        p->latency_p90_us = p->latency_p99_us = p->latency_p999_us = p->latency_mean_us;
        p->jitter_us = 1;
    }
    if (tuner_utility_parse("refund:alpha=20,beta=100000", &info.utility, why, sizeof why) != 0)
        return -1;
    return tuner_table(&info, points, 2, file, bytes);
}

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Until the app has measured one more change. 0, or -1 with why. */
static int await_change(struct target *target, int control, struct nom_statistics *s,
                        uint64_t before, char *why, size_t why_bytes) {
    double deadline_s = now_s() + CHANGE_SECONDS;
    for (;; usleep(LOOK_US)) {
        if (target_pump(target, NULL) != 0) {
            target_ended_text(target, why, why_bytes);
            return -1;
        }
        if (control_statistics(control, s, why, why_bytes) != 0)
            return -1;
        if (s->price_latencies > before)
            return 0;
        if (now_s() > deadline_s) {
            snprintf(why, why_bytes, "a change of price had no effect within %g s", CHANGE_SECONDS);
            return -1;
        }
    }
}

/* The table, then price after price; how many were measured, fewer than wanted with why. */
static size_t change(struct target *target, int control, double *us, size_t wanted, char *why,
                     size_t why_bytes) {
    struct nom_statistics s = {0};
    void *table = NULL;
    size_t bytes, n = 0;
    uint64_t before = 0;
    if (make_table(&table, &bytes) != 0 ||
        control_table(control, table, bytes, why, why_bytes) != 0) {
        free(table);
        return 0;
    }
    free(table);
    for (size_t i = 0; n < wanted; i++) {
        target_price(target, i % 2 ? HIGH_USD : LOW_USD, 0, 0);
        if (i < 2) { /* until both rows have been in force nothing is counted */
            sleep(1);
            if (control_statistics(control, &s, why, why_bytes) != 0)
                return 0;
        } else if (await_change(target, control, &s, before, why, why_bytes) != 0)
            return n;
        else
            us[n++] = (double)s.price_latency_last_ns / 1000;
        before = s.price_latencies;
    }
    return n;
}

static void print(double *us, size_t n) {
    gsl_sort(us, 1, n);
    printf(
        "  %zu changes: median %.1f us, 99th percentile %.1f us, worst %.1f us (least %.1f us)\n",
        n, gsl_stats_median_from_sorted_data(us, 1, n),
        gsl_stats_quantile_from_sorted_data(us, 1, n, 0.99), us[n - 1], us[0]);
}

int bench_price(const struct profiler_paths *paths, const struct trial_settings *settings,
                size_t repeats) {
    static double us[CHANGES_MAX];
    const struct target_options options = {.prices = true};
    struct trial_settings s = *settings;
    struct target target;
    struct load load;
    char why[256] = "no memory for a table";
    size_t n = 0, wanted = repeats * BENCH_PRICE_CHANGES;
    s.vcpus = 2;
    printf(
        "\nprice, nom (%s), 2 vCPUs, %u connections: from priced's publication to the first packet "
        "under the new W\n",
        s.accel, CONNECTIONS);
    if (target_start(&target, paths, &s, &options, &never_stop, why, sizeof why) == 0) {
        struct load_config config = {.server = target.apps[0].service,
                                     .path = "/",
                                     .connections = CONNECTIONS,
                                     .seconds = LOAD_SECONDS,
                                     .keep_alive = true,
                                     .core = s.client_core,
                                     .timeout_seconds = CHANGE_SECONDS};
        int control = control_connect(&target.apps[0].control, CONTROL_SECONDS, why, sizeof why);
        if (control >= 0 && load_start(&load, LOAD_CLIENT_NOM, &config) == 0) {
            n = change(&target, control, us, wanted, why, sizeof why);
            load_free(&load);
        }
        if (control >= 0)
            close(control);
    }
    target_stop(&target);
    if (n > 0)
        print(us, n);
    if (n < wanted)
        printf("  %s\n", why);
    return n < wanted;
}
