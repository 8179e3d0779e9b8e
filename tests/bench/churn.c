/* scenes.h: churn, and the one load that scenes share. */
#include "tests/bench/scenes.h"
#include "tests/bench/systems.h"

#include <stdio.h>

#define CONNECTIONS     32u
#define TIMEOUT_SECONDS 10.0
#define RUN_SECONDS_MAX 120.0 /* that a run of so many requests may take */

static volatile const int never_stop;

double bench_rate(const struct target *target, uint32_t connections, bool keep_alive,
                  uint64_t requests_max) {
    const struct trial_settings *s = &target->settings;
    struct load load;
    struct load_config config = {.server = target->apps[0].service,
                                 .connections = connections,
                                 .warmup_seconds = requests_max ? 0 : s->warmup_seconds,
                                 .seconds = requests_max ? RUN_SECONDS_MAX : s->seconds,
                                 .keep_alive = keep_alive,
                                 .requests_max = requests_max,
                                 .core = s->client_core,
                                 .timeout_seconds = TIMEOUT_SECONDS};
    double rate = -1;
    snprintf(config.path, sizeof config.path, "%s", s->traffic.path);
    if (load_start(&load, LOAD_CLIENT_NOM, &config) != 0) {
        printf("  the client does not start\n");
        return -1;
    }
    load_wait(&load, &never_stop);
    const struct load_result *r = load.result;
    if (r->done && r->errors + r->refused == 0 && (!requests_max || r->replies == requests_max))
        rate = r->throughput_ops;
    else
        printf("  %llu replies, %llu refused, %llu errors %s\n", (unsigned long long)r->replies,
               (unsigned long long)r->refused, (unsigned long long)r->errors, r->error);
    load_free(&load);
    return rate;
}

/* One target from its start: the rate of each run. 0 or -1. */
static int churn(const struct profiler_paths *paths, const struct trial_settings *settings,
                 double rate[BENCH_CHURN_RUNS]) {
    struct target target;
    char why[256];
    int runs = 0;
    if (target_start(&target, paths, settings, NULL, &never_stop, why, sizeof why) != 0) {
        printf("  %s\n", why);
        target_stop(&target);
        return -1;
    }
    while (runs < BENCH_CHURN_RUNS &&
           (rate[runs] = bench_rate(&target, CONNECTIONS, false, BENCH_CHURN_REQUESTS)) > 0)
        runs++;
    target_stop(&target);
    printf("  k req/s:");
    for (int i = 0; i < runs; i++)
        printf(" %.1f", rate[i] / 1000);
    printf("\n");
    return runs < BENCH_CHURN_RUNS ? -1 : 0;
}

int bench_churn(const struct profiler_paths *paths, const struct trial_settings *settings,
                size_t repeats) {
    double first[BENCH_REPEATS_MAX], last[BENCH_REPEATS_MAX];
    printf("\nchurn, %s (%s): %d runs of %u requests, each on a connection of its own, %u at a "
           "time; %zu times from a fresh start\n",
           settings->target, settings->accel, BENCH_CHURN_RUNS, BENCH_CHURN_REQUESTS, CONNECTIONS,
           repeats);
    for (size_t i = 0; i < repeats; i++) {
        double rate[BENCH_CHURN_RUNS];
        if (churn(paths, settings, rate) != 0)
            return 1;
        first[i] = rate[0];
        last[i] = rate[BENCH_CHURN_RUNS - 1];
    }
    bench_print_ratio("rate, last run / first", last, first, repeats);
    return 0;
}
