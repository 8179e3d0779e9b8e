/*
 * scenes.h: memcached. The ceiling (tests/guest/apps/ceiling.c) answers the same requests over the
 * same link, driver and stack within lwIP's callback. At one connection a request is on its way for
 * as long as everything takes that it passes, so the difference of latencies is what sockets and
 * memcached cost; at many the client's core is often the limit, and ratios say less than there is.
 */
#include "tests/bench/scenes.h"
#include "tests/bench/systems.h"

#include <gsl/gsl_statistics_double.h>
#include <stdio.h>
#include <string.h>

#define CEILING "ceiling"

static const uint32_t loads[] = {1, 32, 64};
#define LOADS (sizeof loads / sizeof loads[0])

enum { NOM, NOM_CEILING, POLLED, HOSTED, HOSTED_CEILING, HOST, SYSTEMS };
static const struct {
    const char *name, *app, *floor, *network; /* NULL: as the floor has it */
} systems[SYSTEMS] = {{"nom", "memcached", "nom", NULL},
                      {"nom ceiling", CEILING, "nom", NULL},
                      {"nom polled", "memcached", "nom", PROFILER_NETWORK_POLLED},
                      {"hosted", "memcached", "hosted", NULL},
                      {"hosted ceiling", CEILING, "hosted", NULL},
                      {"Debian's", "memcached", "host", NULL}};

struct series {
    double throughput[BENCH_REPEATS_MAX], latency[BENCH_REPEATS_MAX];
    double client_core[BENCH_REPEATS_MAX]; /* cores: the client's and QEMU's other threads */
    double kicks[BENCH_REPEATS_MAX];       /* for each reply, since the app's start */
};

struct scene {
    struct profiler_paths paths[SYSTEMS];
    struct trial_settings settings[SYSTEMS];
    struct series series[LOADS][SYSTEMS];
    size_t repeats;
    int failed;
};

static volatile const int never_stop;

/* ---- measuring ---- */

static void keep(const struct trial *t, struct series *s, size_t repeat) {
    const struct trial_result *r = &t->result;
    const struct nom_statistics *app = &r->statistics;
    s->throughput[repeat] = r->throughput_ops;
    s->latency[repeat] = r->latency_mean_us;
    s->client_core[repeat] = r->client_cpu_s_per_s + r->guest_cpu_s_per_s - r->vcpu_cpu_s_per_s;
    s->kicks[repeat] = app->requests ? (double)app->net.kicks / (double)app->requests : 0;
}

static void one(struct scene *b, size_t load, size_t system, size_t repeat) {
    struct trial t = {0};
    struct trial_settings s = b->settings[system];
    s.connections = loads[load];
    s.repeat = (uint32_t)repeat;
    snprintf(s.load, sizeof s.load, "%u", loads[load]);
    profiler_trial(&b->paths[system], &s, &t, &never_stop);
    if (t.result.status == TRIAL_NOISY) {
        fprintf(stderr, "bench: others used %.2f cores during a trial\n", t.result.host_other_cpu);
    } else if (t.result.status != TRIAL_OK) {
        b->failed++;
        fprintf(stderr, "bench: %s at %u connections: %s\n", systems[system].name, loads[load],
                t.result.error);
    }
    keep(&t, &b->series[load][system], repeat);
    trial_clear(&t);
}

/* The ceiling is no app that the profiler lists: its files are told. */
static int prepare(struct scene *b, const char *accel, double seconds, double delay_us) {
    struct profiler_paths memcached;
    char why[256];
    if (profiler_paths("memcached", &memcached, why, sizeof why) != 0) {
        printf("  %s\n", why);
        return -1;
    }
    if (!memcached.app_elf[0] || !memcached.hosted[0] || !memcached.sockets[0]) {
        printf("  memcached is missing: make ported, apt-get install memcached\n");
        return -1;
    }
    int folder = (int)(strrchr(memcached.kernel, '/') - memcached.kernel);
    for (size_t i = 0; i < SYSTEMS; i++) {
        struct trial_settings *s = &b->settings[i];
        struct profiler_paths *paths = &b->paths[i];
        const struct profiler_floor *floor = profiler_floor_find(systems[i].floor);
        *paths = memcached;
        if (strcmp(systems[i].app, CEILING) == 0) {
            paths->app = NULL;
            snprintf(paths->initrd, sizeof paths->initrd, "%.*s/../../tests/initrd.cpio", folder,
                     memcached.kernel);
            snprintf(paths->app_elf, sizeof paths->app_elf, "%.*s/../../tests/apps/" CEILING ".elf",
                     folder, memcached.kernel);
            snprintf(paths->hosted, sizeof paths->hosted, "%.*s/../../tests/hosted/" CEILING,
                     folder, memcached.kernel);
        }
        profiler_settings_default(paths, systems[i].app, floor, accel, s);
        s->traffic = profiler_app_find("memcached")->traffic;
        if (systems[i].network)
            snprintf(s->network, sizeof s->network, "%s", systems[i].network);
        s->seconds = seconds;
        if (floor->adapts)
            s->delay_us = delay_us;
    }
    return 0;
}

/* ---- printing ---- */

static void print_cost(const char *floor, const struct series *ported, const struct series *ceiling,
                       size_t n) {
    double cost[BENCH_REPEATS_MAX], share[BENCH_REPEATS_MAX];
    for (size_t i = 0; i < n; i++) {
        cost[i] = ported->latency[i] - ceiling->latency[i];
        share[i] = cost[i] / ported->latency[i] * 100;
    }
    printf(
        "    %s: sockets and memcached cost %.2f us of a request's %.2f, %.0f %% (%.0f to %.0f)\n",
        floor, bench_median(cost, n), bench_median(ported->latency, n), bench_median(share, n),
        gsl_stats_min(share, 1, n), gsl_stats_max(share, 1, n));
}

static void print_load(const struct scene *b, size_t load) {
    const struct series *at = b->series[load];
    size_t n = b->repeats;
    printf("\n%u connection%s (medians of %zu, least-greatest)\n  %-14s %8s %13s %9s %11s %11s\n",
           loads[load], loads[load] == 1 ? "" : "s", n, "system", "k req/s", "", "mean us",
           "kicks/reply", "client core");
    for (size_t i = 0; i < SYSTEMS; i++) {
        const struct series *s = &at[i];
        printf("  %-14s %8.1f %6.1f-%-6.1f %9.1f %11.2f %11.2f\n", systems[i].name,
               bench_median(s->throughput, n) / 1000, gsl_stats_min(s->throughput, 1, n) / 1000,
               gsl_stats_max(s->throughput, 1, n) / 1000, bench_median(s->latency, n),
               bench_median(s->kicks, n), bench_median(s->client_core, n));
    }
    puts("  throughput");
    bench_print_ratio("nom / Debian's", at[NOM].throughput, at[HOST].throughput, n);
    bench_print_ratio("nom polled / Debian's", at[POLLED].throughput, at[HOST].throughput, n);
    bench_print_ratio("hosted / Debian's", at[HOSTED].throughput, at[HOST].throughput, n);
    bench_print_ratio("nom / its ceiling", at[NOM].throughput, at[NOM_CEILING].throughput, n);
    bench_print_ratio("hosted / its ceiling", at[HOSTED].throughput, at[HOSTED_CEILING].throughput,
                      n);
    if (loads[load] == 1) {
        print_cost("nom", &at[NOM], &at[NOM_CEILING], n);
        print_cost("hosted", &at[HOSTED], &at[HOSTED_CEILING], n);
    }
}

int bench_memcached(const char *accel, double seconds, double delay_us, size_t repeats) {
    static struct scene b;
    b = (struct scene){.repeats = repeats};
    printf(
        "\nmemcached, -t 1, W = %g us: nom (%s) and hosted, and Debian's on this Linux; the "
        "ceiling answers within lwIP's callback\n"
        "client and QEMU's I/O share a core: where that is near 1.00 in use, it is the limit; what "
        "polls has what they leave of it\n",
        delay_us, accel);
    if (prepare(&b, accel, seconds, delay_us) != 0)
        return 1;
    for (size_t r = 0; r < repeats; r++)
        for (size_t l = 0; l < LOADS; l++)
            for (size_t s = 0; s < SYSTEMS; s++)
                one(&b, l, r % 2 ? SYSTEMS - 1 - s : s, r);
    for (size_t l = 0; l < LOADS; l++)
        print_load(&b, l);
    return b.failed != 0;
}
