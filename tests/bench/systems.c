/* See systems.h. A client that has no core left measures itself: two clients whose results differ
 * tell that the slower one, not the server, was the limit. */
#include "tests/bench/systems.h"
#include "tests/bench/nginx.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <stdio.h>
#include <string.h>

#define CLIENTS_AGREE 0.10 /* throughput this near counts as the same */
#define BODY_BYTES    175u /* as nhttpd's page */

static const uint32_t loads[] = {1, 32};
#define LOADS (sizeof loads / sizeof loads[0])

enum { NOM, HOSTED, NGINX, NGINX_RPS, SYSTEMS };
static const struct {
    const char *name, *app, *floor;
} systems[SYSTEMS] = {{"nom", "nhttpd", "nom"},
                      {"hosted", "nhttpd", "hosted"},
                      {"nginx", "nginx", "host"},
                      {"ngx rps", "nginx", "host"}};

enum { OURS, WRK, CLIENTS };
static const struct {
    const char *name, *record;
} clients[CLIENTS] = {{"our client", "nom"}, {"wrk", "wrk"}};

/* Over the repeats of one load, system and client. */
struct series {
    double throughput[BENCH_REPEATS_MAX], latency[BENCH_REPEATS_MAX], jitter[BENCH_REPEATS_MAX];
    double client_cpu[BENCH_REPEATS_MAX]; /* cores */
    double io_cpu[BENCH_REPEATS_MAX];     /* cores, QEMU's threads on the client's core */
};

struct bench {
    struct profiler_paths paths[SYSTEMS];
    struct trial_settings settings[SYSTEMS];
    struct store *store;
    int64_t session_id;
    size_t repeats;
    int failed;
    struct series series[LOADS][SYSTEMS][CLIENTS];
};

static volatile const int never_stop;

static void keep(struct bench *b, const struct trial *t, struct series *s, size_t repeat) {
    const struct trial_result *r = &t->result;
    int64_t id;
    s->throughput[repeat] = r->throughput_ops;
    s->latency[repeat] = r->latency_mean_us;
    s->jitter[repeat] = r->jitter_us;
    s->client_cpu[repeat] = r->client_cpu_s_per_s;
    s->io_cpu[repeat] = r->guest_cpu_s_per_s - r->vcpu_cpu_s_per_s;
    if (b->store != NULL && store_trial_add(b->store, b->session_id, t, &id) != 0)
        fprintf(stderr, "bench: %s\n", store_error_text(b->store));
}

static void one(struct bench *b, size_t load, size_t system, size_t client, size_t repeat) {
    struct trial t = {0};
    struct trial_settings s = b->settings[system];
    s.connections = loads[load];
    s.repeat = (uint32_t)repeat;
    snprintf(s.load, sizeof s.load, "%u", loads[load]);
    snprintf(s.client, sizeof s.client, "%s", clients[client].record);
    profiler_trial(&b->paths[system], &s, &t, &never_stop);
    if (t.result.status == TRIAL_NOISY) {
        fprintf(stderr, "bench: others used %.2f cores during a trial\n", t.result.host_other_cpu);
    } else if (t.result.status != TRIAL_OK) {
        b->failed++;
        fprintf(stderr, "bench: %s at %u connections: %s\n", systems[system].name, loads[load],
                t.result.error);
    }
    keep(b, &t, &b->series[load][system][client], repeat);
    trial_clear(&t);
}

double bench_median(const double *values, size_t n) {
    double sorted[BENCH_REPEATS_MAX];
    memcpy(sorted, values, n * sizeof *values);
    gsl_sort(sorted, 1, n);
    return gsl_stats_median_from_sorted_data(sorted, 1, n);
}

void bench_print_ratio(const char *what, const double *a, const double *b, size_t n) {
    double ratio[BENCH_REPEATS_MAX];
    for (size_t i = 0; i < n; i++)
        ratio[i] = a[i] / b[i];
    printf("    %-46s %5.2f  (%.2f to %.2f in %zu repeats)\n", what,
           bench_median(a, n) / bench_median(b, n), gsl_stats_min(ratio, 1, n),
           gsl_stats_max(ratio, 1, n), n);
}

static void print_series(const char *system, const char *client, const struct series *s, size_t n) {
    double throughput = bench_median(s->throughput, n), cpu = bench_median(s->client_cpu, n);
    printf("  %-7s %-11s %8.1f %6.1f-%-6.1f %9.1f %6.1f-%-6.1f %9.1f %11.2f %9.2f\n", system,
           client, throughput / 1000, gsl_stats_min(s->throughput, 1, n) / 1000,
           gsl_stats_max(s->throughput, 1, n) / 1000, bench_median(s->latency, n),
           gsl_stats_min(s->latency, 1, n), gsl_stats_max(s->latency, 1, n),
           bench_median(s->jitter, n), cpu * 1e6 / throughput, cpu + bench_median(s->io_cpu, n));
}

static void print_clients(const char *system, const struct series *at, size_t n) {
    double ops[CLIENTS], cost_us[CLIENTS];
    for (size_t c = 0; c < CLIENTS; c++) {
        ops[c] = bench_median(at[c].throughput, n);
        cost_us[c] = bench_median(at[c].client_cpu, n) * 1e6 / ops[c];
    }
    int slow = ops[OURS] < ops[WRK] ? OURS : WRK, quick = CLIENTS - 1 - slow;
    double apart = 1 - ops[slow] / ops[quick];
    if (apart <= CLIENTS_AGREE)
        printf("    on %s the clients agree within %.0f %%\n", system, CLIENTS_AGREE * 100);
    else
        printf("    on %s %s is the bottleneck: %.0f %% fewer than %s, at %.2f us of their core a "
               "request against %.2f\n",
               system, clients[slow].name, apart * 100, clients[quick].name, cost_us[slow],
               cost_us[quick]);
}

static void print_ratios(const struct series (*at)[CLIENTS], size_t a, size_t b, size_t n) {
    for (size_t c = 0; c < CLIENTS; c++) {
        const struct series *of = &at[a][c], *to = &at[b][c];
        char what[64];
        snprintf(what, sizeof what, "throughput, %s / %s, %s", systems[a].name, systems[b].name,
                 clients[c].name);
        bench_print_ratio(what, of->throughput, to->throughput, n);
        if (c == WRK)
            continue; /* its mean and deviation are not to be relied on at 1 connection */
        snprintf(what, sizeof what, "mean latency, %s / %s", systems[a].name, systems[b].name);
        bench_print_ratio(what, of->latency, to->latency, n);
        snprintf(what, sizeof what, "jitter, %s / %s", systems[a].name, systems[b].name);
        bench_print_ratio(what, of->jitter, to->jitter, n);
    }
}

static void print_results(const struct bench *b) {
    size_t n = b->repeats;
    for (size_t l = 0; l < LOADS; l++) {
        printf("\n%u connection%s (medians of %zu, least-greatest)\n"
               "  %-7s %-11s %8s %13s %9s %13s %9s %11s %9s\n",
               loads[l], loads[l] == 1 ? "" : "s", n, "system", "client", "k req/s", "", "mean us",
               "", "jitter us", "client us/r", "its core");
        for (size_t s = 0; s < SYSTEMS; s++)
            for (size_t c = 0; c < CLIENTS; c++)
                print_series(systems[s].name, clients[c].name, &b->series[l][s][c], n);
        puts("  ratios");
        for (size_t a = 0; a < NGINX; a++)
            for (size_t to = NGINX; to < SYSTEMS; to++)
                print_ratios(b->series[l], a, to, n);
        for (size_t s = 0; s < SYSTEMS; s++)
            print_clients(systems[s].name, b->series[l][s], n);
    }
}

static void prepare(struct bench *b, const struct profiler_paths *paths,
                    const struct bench_settings *settings, const struct bench_nginx *nginx) {
    for (size_t i = 0; i < SYSTEMS; i++) {
        struct trial_settings *s = &b->settings[i];
        const struct profiler_floor *floor = profiler_floor_find(systems[i].floor);
        b->paths[i] = *paths;
        if (i >= NGINX)
            snprintf(b->paths[i].sockets, sizeof b->paths[i].sockets, "%s", nginx->program);
        profiler_settings_default(&b->paths[i], systems[i].app, floor, settings->accel, s);
        snprintf(s->traffic.path, sizeof s->traffic.path, "/index.html");
        s->seconds = settings->seconds;
        if (floor->adapts)
            s->delay_us = settings->delay_us;
        if (i == NGINX)
            s->rps_core = -1;
    }
    printf("nhttpd on nom (%s, %s) and hosted (%s, RPS on core %d), W = %g us, against nginx on "
           "this Linux over a veth as it is, and with RPS as hosted has it\n"
           "client and QEMU's I/O share a core: where that is near 1.00 in use, it is the limit\n",
           b->settings[NOM].accel, b->settings[NOM].network, b->settings[HOSTED].network,
           b->settings[HOSTED].rps_core, settings->delay_us);
}

int bench_systems(const struct profiler_paths *paths, const struct bench_settings *settings,
                  struct store *store, int64_t session_id, char *why, size_t why_bytes) {
    static struct bench b;
    struct bench_nginx nginx;
    char body[BODY_BYTES];
    memset(body, 'x', sizeof body);
    if (bench_nginx_make(&nginx, body, sizeof body, why, why_bytes) != 0)
        return -1;
    b = (struct bench){.store = store, .session_id = session_id, .repeats = settings->repeats};
    prepare(&b, paths, settings, &nginx);
    for (size_t r = 0; r < b.repeats; r++)
        for (size_t l = 0; l < LOADS; l++)
            for (size_t c = 0; c < CLIENTS; c++)
                for (size_t s = 0; s < SYSTEMS; s++)
                    one(&b, l, r % 2 ? SYSTEMS - 1 - s : s, c, r);
    bench_nginx_remove(&nginx);
    print_results(&b);
    return b.failed;
}
