/*
 * nhttpd on nom against nginx on the host's own kernel, interleaved in one run: one core for each
 * server, the other for the client (and QEMU's I/O thread), the same file. Both are driven by our
 * client and by wrk. Prints medians, the ratio of the medians with the least and greatest ratio of
 * a repeat, and how busy the client's core was: a client that has no core left measures itself.
 *
 *   bench [--repeats 5] [--seconds 2] [--delay-us 0] [--accel auto] [--db FILE]
 *
 * Every trial is stored in the database named, as session "bench".
 */
#include "profiler/profiler.h"
#include "store/store.h"
#include "tests/bench/nginx.h"

#include <getopt.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REPEATS_MAX   64
#define CLIENTS_AGREE 0.10 /* throughput this near counts as the same */

static const uint32_t loads[] = {1, 32};
#define LOADS (sizeof loads / sizeof loads[0])

enum server { NOM, NGINX, SERVERS };
static const char *const server_name[SERVERS] = {"nom", "nginx"};

enum client { OURS, WRK, CLIENTS };
static const struct {
    const char *name, *record;
    enum load_client kind;
} clients[CLIENTS] = {{"our client", "nom", LOAD_CLIENT_NOM}, {"wrk", "wrk", LOAD_CLIENT_WRK}};

/* Over the repeats of one load, server and client. */
struct series {
    double throughput[REPEATS_MAX], latency[REPEATS_MAX], jitter[REPEATS_MAX];
    double client_cpu[REPEATS_MAX]; /* cores */
    double io_cpu[REPEATS_MAX];     /* cores, QEMU's threads on the client's core */
};

struct bench {
    struct profiler_paths paths;
    struct trial_settings settings;
    struct store *store;
    struct store_session session;
    struct series series[LOADS][SERVERS][CLIENTS];
    size_t repeats;
    int failed;
};

static volatile const int never_stop;

/* A file of as many bytes as the paper's, which nhttpd serves by default. */
static void nginx_trial(struct trial *t, enum client client) {
    struct bench_nginx nginx;
    char body[175];
    memset(body, 'x', sizeof body);
    t->result.status = TRIAL_FAILED;
    if (bench_nginx_start(&nginx, t->settings.vcpu_core, body, sizeof body, t->result.error,
                          sizeof t->result.error) == 0) {
        struct load load;
        struct load_config config = {.server = nginx.address,
                                     .path = "/index.html",
                                     .connections = t->settings.connections,
                                     .warmup_seconds = t->settings.warmup_seconds,
                                     .seconds = t->settings.seconds,
                                     .keep_alive = true,
                                     .core = t->settings.client_core,
                                     .timeout_seconds = 5};
        pid_t spinner = t->settings.spinner ? load_spinner_start(t->settings.client_core) : -1;
        if (load_start(&load, clients[client].kind, &config) == 0) {
            load_wait(&load, &never_stop);
            const struct load_result *r = load.result;
            bool good = r->done && r->errors == 0 && r->replies > 0;
            profiler_take_load(r, &t->result);
            t->result.status = good ? TRIAL_OK : TRIAL_FAILED;
            snprintf(t->result.error, sizeof t->result.error, "%s", r->error);
            load_free(&load);
        }
        if (spinner > 0)
            load_spinner_stop(spinner);
    }
    bench_nginx_stop(&nginx);
}

static void keep(struct bench *b, const struct trial *t, struct series *s, size_t repeat) {
    const struct trial_result *r = &t->result;
    int64_t id;
    s->throughput[repeat] = r->throughput_ops;
    s->latency[repeat] = r->latency_mean_us;
    s->jitter[repeat] = r->jitter_us;
    s->client_cpu[repeat] = r->client_cpu_s_per_s;
    s->io_cpu[repeat] = r->guest_cpu_s_per_s - r->vcpu_cpu_s_per_s;
    if (b->store != NULL && store_trial_add(b->store, b->session.id, t, &id) != 0)
        fprintf(stderr, "bench: %s\n", store_error_text(b->store));
}

static void one(struct bench *b, size_t load, enum server server, enum client client,
                size_t repeat) {
    struct trial t = {0};
    struct trial_settings s = b->settings;
    struct timespec now;
    s.connections = loads[load];
    s.repeat = (uint32_t)repeat;
    snprintf(s.load, sizeof s.load, "%u", loads[load]);
    strcpy(s.client, clients[client].record);
    if (server == NOM) {
        profiler_trial(&b->paths, &s, &t, &never_stop);
    } else {
        clock_gettime(CLOCK_REALTIME, &now);
        t.settings = s;
        t.result.started_unix_us = now.tv_sec * 1000000LL + now.tv_nsec / 1000;
        strcpy(t.settings.app, "nginx");
        strcpy(t.settings.target, "host");
        strcpy(t.settings.accel, "none");
        strcpy(t.settings.network, "veth");
        t.settings.app_build_id[0] = t.settings.kernel_build_id[0] = '\0';
        nginx_trial(&t, client);
    }
    if (t.result.status == TRIAL_NOISY) {
        fprintf(stderr, "bench: others used %.2f cores during a trial\n", t.result.host_other_cpu);
    } else if (t.result.status != TRIAL_OK) {
        b->failed++;
        fprintf(stderr, "bench: %s at %u connections: %s\n", server_name[server], loads[load],
                t.result.error);
    }
    keep(b, &t, &b->series[load][server][client], repeat);
    trial_clear(&t);
}

static double median(const double *values, size_t n) {
    double sorted[REPEATS_MAX];
    memcpy(sorted, values, n * sizeof *values);
    gsl_sort(sorted, 1, n);
    return gsl_stats_median_from_sorted_data(sorted, 1, n);
}

/* Ratio of medians, and the least and greatest ratio of one repeat. */
static void print_ratio(const char *what, const double *a, const double *b, size_t n) {
    double ratio[REPEATS_MAX];
    for (size_t i = 0; i < n; i++)
        ratio[i] = a[i] / b[i];
    printf("    %-42s %5.2f  (%.2f to %.2f in %zu repeats)\n", what, median(a, n) / median(b, n),
           gsl_stats_min(ratio, 1, n), gsl_stats_max(ratio, 1, n), n);
}

static void print_series(const char *server, const char *client, const struct series *s, size_t n) {
    double throughput = median(s->throughput, n), cpu = median(s->client_cpu, n);
    printf("  %-6s %-11s %8.1f %10.1f %9.1f %12.2f %15.2f\n", server, client, throughput / 1000,
           median(s->latency, n), median(s->jitter, n), cpu * 1e6 / throughput,
           cpu + median(s->io_cpu, n));
}

/* The same server, two clients: where they disagree, the slower one is the limit, not the server.
 */
static void print_clients(const char *server, const struct series *at, size_t n) {
    double ops[CLIENTS], cost_us[CLIENTS];
    for (int c = 0; c < CLIENTS; c++) {
        ops[c] = median(at[c].throughput, n);
        cost_us[c] = median(at[c].client_cpu, n) * 1e6 / ops[c];
    }
    int slow = ops[OURS] < ops[WRK] ? OURS : WRK, quick = CLIENTS - 1 - slow;
    double apart = 1 - ops[slow] / ops[quick];
    if (apart <= CLIENTS_AGREE)
        printf("    on %s the clients agree within %.0f %%\n", server, CLIENTS_AGREE * 100);
    else
        printf("    on %s %s is the bottleneck: %.0f %% fewer than %s, at %.2f us of their core a "
               "request against %.2f\n",
               server, clients[slow].name, apart * 100, clients[quick].name, cost_us[slow],
               cost_us[quick]);
}

static void print_results(const struct bench *b) {
    size_t n = b->repeats;
    for (size_t l = 0; l < LOADS; l++) {
        printf("\n%u connection%s (medians of %zu)\n"
               "  %-6s %-11s %8s %10s %9s %12s %15s\n",
               loads[l], loads[l] == 1 ? "" : "s", n, "server", "client", "k req/s", "mean us",
               "jitter us", "client us/req", "its core in use");
        for (int s = 0; s < SERVERS; s++)
            for (int c = 0; c < CLIENTS; c++)
                print_series(server_name[s], clients[c].name, &b->series[l][s][c], n);
        const struct series(*at)[CLIENTS] = b->series[l];
        puts("  ratios");
        for (int c = 0; c < CLIENTS; c++) {
            char what[64];
            snprintf(what, sizeof what, "throughput, nom / nginx, %s", clients[c].name);
            print_ratio(what, at[NOM][c].throughput, at[NGINX][c].throughput, n);
        }
        print_ratio("mean latency, nom / nginx, our client", at[NOM][OURS].latency,
                    at[NGINX][OURS].latency, n);
        print_ratio("jitter, nom / nginx, our client", at[NOM][OURS].jitter, at[NGINX][OURS].jitter,
                    n);
        for (int s = 0; s < SERVERS; s++)
            print_clients(server_name[s], at[s], n);
    }
}

int main(int argc, char **argv) {
    static struct bench b;
    static const struct option options[] = {
        {"repeats", required_argument, NULL, 'r'},  {"seconds", required_argument, NULL, 's'},
        {"delay-us", required_argument, NULL, 'w'}, {"accel", required_argument, NULL, 'a'},
        {"db", required_argument, NULL, 'd'},       {0}};
    const char *accel = "auto", *db = NULL;
    double seconds = 2, delay_us = 0;
    b.repeats = 5;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'r':
            b.repeats = strtoul(optarg, NULL, 10);
            break;
        case 's':
            seconds = strtod(optarg, NULL);
            break;
        case 'w':
            delay_us = strtod(optarg, NULL);
            break;
        case 'a':
            accel = optarg;
            break;
        case 'd':
            db = optarg;
            break;
        default:
            return 2;
        }
    }
    if (b.repeats < 1 || b.repeats > REPEATS_MAX || seconds <= 0) {
        fprintf(stderr, "bench: --repeats 1..%d, --seconds above 0\n", REPEATS_MAX);
        return 2;
    }
    char why[256];
    int exit_code;
    if (profiler_session(&exit_code) == 1)
        return exit_code;
    if (profiler_paths("nhttpd", &b.paths, why, sizeof why) != 0 ||
        profiler_accel_choose(&b.paths, accel, b.session.accel, b.session.accel_reason,
                              sizeof b.session.accel_reason, why, sizeof why) != 0) {
        fprintf(stderr, "bench: %s\n", why);
        return 1;
    }
    strcpy(b.session.command, "bench");
    strcpy(b.session.app, "nhttpd");
    strcpy(b.session.target, "nom");
    profiler_machine(b.session.machine, sizeof b.session.machine);
    profiler_settings_default(&b.paths, "nhttpd", profiler_floor_find("nom"), b.session.accel,
                              &b.settings);
    b.settings.seconds = seconds;
    b.settings.delay_us = delay_us;
    if (db != NULL && (store_open(db, STORE_WRITE, &b.store) != 0 ||
                       store_session_begin(b.store, &b.session) != 0)) {
        fprintf(stderr, "bench: %s\n", store_error_text(b.store));
        return 1;
    }
    printf("nhttpd on nom (%s, W = %g us) against nginx on the host's kernel (veth)\n%s\n%s\n"
           "client and QEMU's I/O share a core: where that is near 1.00 in use, it is the limit\n",
           b.session.accel, delay_us, b.session.accel_reason, b.session.machine);
    for (size_t r = 0; r < b.repeats; r++)
        for (size_t l = 0; l < LOADS; l++)
            for (int s = 0; s < SERVERS; s++)
                for (int c = 0; c < CLIENTS; c++)
                    one(&b, l, r % 2 ? (enum server)(SERVERS - 1 - s) : (enum server)s,
                        (enum client)c, r);
    print_results(&b);
    if (b.store != NULL) {
        store_session_end(b.store, b.session.id);
        store_close(b.store);
        printf("\nstored as session %lld of %s\n", (long long)b.session.id, db);
    }
    return b.failed == 0 ? 0 : 1;
}
