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
    struct load_config config = {.server = target->service,
                                 .connections = connections,
                                 .warmup_seconds = requests_max ? 0 : s->warmup_seconds,
                                 .seconds = requests_max ? RUN_SECONDS_MAX : s->seconds,
                                 .keep_alive = keep_alive,
                                 .requests_max = requests_max,
                                 .core = s->client_core,
                                 .timeout_seconds = TIMEOUT_SECONDS};
    double rate = -1;
    snprintf(config.path, sizeof config.path, "%s", s->path);
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

int bench_churn(const struct profiler_paths *paths, const struct trial_settings *settings) {
    struct target target;
    char why[256];
    double rate[BENCH_CHURN_RUNS];
    int runs = 0;
    printf(
        "\nchurn, %s (%s): %d runs of %u requests, each on a connection of its own, %u at a time\n",
        settings->target, settings->accel, BENCH_CHURN_RUNS, BENCH_CHURN_REQUESTS, CONNECTIONS);
    if (target_start(&target, paths, settings, NULL, &never_stop, why, sizeof why) != 0) {
        printf("  %s\n", why);
        target_stop(&target);
        return 1;
    }
    while (runs < BENCH_CHURN_RUNS &&
           (rate[runs] = bench_rate(&target, CONNECTIONS, false, BENCH_CHURN_REQUESTS)) > 0)
        runs++;
    target_stop(&target);
    printf("  k req/s:");
    for (int i = 0; i < runs; i++)
        printf(" %.1f", rate[i] / 1000);
    printf("\n");
    if (runs < BENCH_CHURN_RUNS)
        return 1;
    int half = BENCH_CHURN_RUNS / 2;
    printf("  last / first %.2f; median of the last %d / of the first %d %.2f\n",
           rate[runs - 1] / rate[0], half, half,
           bench_median(rate + half, (size_t)half) / bench_median(rate, (size_t)half));
    return 0;
}
