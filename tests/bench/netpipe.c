/* The scene netpipe (scenes.h). NPtcp itself is the client everywhere; what a message takes one
 * way, the best of its trials, is what it reports. */
#include "tests/bench/scenes.h"
#include "tests/bench/systems.h"

#include <gsl/gsl_statistics_double.h>
#include <stdio.h>
#include <string.h>

enum { NOM, POLLED, HOSTED, LINUX, SYSTEMS };
static const struct {
    const char *name, *floor, *network; /* NULL: as the floor has it */
} systems[SYSTEMS] = {{"nom", "nom", NULL},
                      {"nom polled", "nom", PROFILER_NETWORK_POLLED},
                      {"hosted", "hosted", NULL},
                      {"linux", "host", NULL}};

static volatile const int never_stop;

/* 0, or 1 after a line. */
static int one(const struct profiler_paths *paths, const struct trial_settings *s,
               const char *system, double *latency_us, double *client_cpu) {
    struct trial t = {0};
    profiler_trial(paths, s, &t, &never_stop);
    bool measured = t.result.status == TRIAL_OK || t.result.status == TRIAL_NOISY;
    if (t.result.status == TRIAL_NOISY)
        fprintf(stderr, "bench: others used %.2f cores during a trial\n", t.result.host_other_cpu);
    else if (!measured)
        printf("  %s: %s\n", system, t.result.error);
    *latency_us = t.result.latency_mean_us;
    *client_cpu = t.result.client_cpu_s_per_s;
    trial_clear(&t);
    return !measured;
}

int bench_netpipe(const char *accel, double seconds, double delay_us, size_t repeats) {
    static struct profiler_paths paths;
    static double latency_us[SYSTEMS][BENCH_REPEATS_MAX], cpu[SYSTEMS][BENCH_REPEATS_MAX];
    struct trial_settings settings[SYSTEMS];
    char why[256];
    int failed = 0;
    if (profiler_paths("netpipe", &paths, why, sizeof why) != 0) {
        printf("\nnetpipe: %s\n", why);
        return 1;
    }
    for (size_t i = 0; i < SYSTEMS; i++) {
        const struct profiler_floor *floor = profiler_floor_find(systems[i].floor);
        profiler_settings_default(&paths, "netpipe", floor, accel, &settings[i]);
        settings[i].seconds = seconds;
        settings[i].connections = 1;
        settings[i].traffic.message_bytes = BENCH_NETPIPE_BYTES;
        snprintf(settings[i].load, sizeof settings[i].load, "single");
        if (systems[i].network)
            snprintf(settings[i].network, sizeof settings[i].network, "%s", systems[i].network);
        if (floor->adapts)
            settings[i].delay_us = delay_us;
    }
    for (size_t r = 0; r < repeats && failed == 0; r++)
        for (size_t i = 0; i < SYSTEMS && failed == 0; i++) {
            size_t s = r % 2 ? SYSTEMS - 1 - i : i;
            settings[s].repeat = (uint32_t)r;
            failed = one(&paths, &settings[s], systems[s].name, &latency_us[s][r], &cpu[s][r]);
        }
    if (failed)
        return 1;
    printf(
        "\nnetpipe, messages of %u bytes, NPtcp against netpipe on nom (%s, %s) and hosted (%s), W "
        "= %g us, and against NPtcp on this Linux over the same veth\n",
        BENCH_NETPIPE_BYTES, accel, settings[NOM].network, settings[HOSTED].network, delay_us);
    for (size_t s = 0; s < SYSTEMS; s++)
        printf("  %-10s one way %7.2f us (%.2f to %.2f), client's CPU time %.2f of a core\n",
               systems[s].name, bench_median(latency_us[s], repeats),
               gsl_stats_min(latency_us[s], 1, repeats), gsl_stats_max(latency_us[s], 1, repeats),
               bench_median(cpu[s], repeats));
    bench_print_ratio("latency, linux / nom", latency_us[LINUX], latency_us[NOM], repeats);
    bench_print_ratio("latency, linux / nom polled", latency_us[LINUX], latency_us[POLLED],
                      repeats);
    bench_print_ratio("latency, linux / hosted", latency_us[LINUX], latency_us[HOSTED], repeats);
    return 0;
}
