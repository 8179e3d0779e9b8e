/*
 * nhttpd on nom against nginx on the host's own kernel, interleaved in one run: one core for each
 * server, the other for the client (and QEMU's I/O thread), the same client, the same file.
 * Prints medians and the ratio of the medians with the least and greatest ratio of a repeat.
 *
 *   bench [--repeats 5] [--seconds 2] [--delay-us 0] [--accel auto]
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

#define REPEATS_MAX 64

static const uint32_t loads[] = {1, 32};
#define LOADS (sizeof loads / sizeof loads[0])

enum side { NOM, NGINX, SIDES };
static const char *const side_name[SIDES] = {"nom", "nginx"};

struct bench {
    struct profiler_paths paths;
    struct trial_settings settings;
    struct store *store;
    struct store_session session;
    double throughput[LOADS][SIDES][REPEATS_MAX];
    double latency[LOADS][SIDES][REPEATS_MAX];
    double jitter[LOADS][SIDES][REPEATS_MAX];
    int failed;
};

static volatile const int never_stop;

/* The paper's file of 175 bytes, so that both serve the same. */
static void nginx_trial(struct trial *t) {
    struct bench_nginx nginx;
    char body[175];
    char *why = t->result.error;
    memset(body, 'x', sizeof body);
    t->result.status = TRIAL_FAILED;
    if (bench_nginx_start(&nginx, t->settings.vcpu_core, body, sizeof body, why,
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
        if (load_start(&load, LOAD_CLIENT_NOM, &config) == 0) {
            load_wait(&load, &never_stop);
            const struct load_result *r = load.result;
            t->result.status =
                r->done && r->errors == 0 && r->replies > 0 ? TRIAL_OK : TRIAL_FAILED;
            snprintf(why, sizeof t->result.error, "%s", r->error);
            t->result.replies = r->replies;
            t->result.seconds = r->seconds;
            t->result.throughput_ops = r->throughput_ops;
            t->result.latency_mean_us = r->latency_mean_us;
            t->result.jitter_us = r->jitter_us;
            t->result.latency_p50_us = r->latency_p50_us;
            t->result.latency_p90_us = r->latency_p90_us;
            t->result.latency_p99_us = r->latency_p99_us;
            t->result.latency_p999_us = r->latency_p999_us;
            load_free(&load);
        }
        if (spinner > 0)
            load_spinner_stop(spinner);
    }
    bench_nginx_stop(&nginx);
}

static void one(struct bench *b, size_t load, enum side side, uint32_t repeat) {
    struct trial t = {.settings = b->settings};
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    t.result.started_unix_us = now.tv_sec * 1000000LL + now.tv_nsec / 1000;
    t.settings.connections = loads[load];
    t.settings.repeat = repeat;
    snprintf(t.settings.load, sizeof t.settings.load, "%u", loads[load]);
    if (side == NOM) {
        profiler_trial(&b->paths, &b->settings, &t, &never_stop);
    } else {
        strcpy(t.settings.app, "nginx");
        strcpy(t.settings.target, "host");
        strcpy(t.settings.accel, "none");
        strcpy(t.settings.network, "veth");
        nginx_trial(&t);
    }
    if (t.result.status != TRIAL_OK) {
        b->failed++;
        fprintf(stderr, "bench: %s at %u connections: %s\n", side_name[side], loads[load],
                t.result.status == TRIAL_NOISY ? "the machine was busy with other work"
                                               : t.result.error);
    }
    b->throughput[load][side][repeat] = t.result.throughput_ops;
    b->latency[load][side][repeat] = t.result.latency_mean_us;
    b->jitter[load][side][repeat] = t.result.jitter_us;
    int64_t id;
    if (b->store != NULL && store_trial_add(b->store, b->session.id, &t, &id) != 0)
        fprintf(stderr, "bench: %s\n", store_error_text(b->store));
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
    printf("    %-18s nom / nginx = %.2f  (%.2f to %.2f in %zu repeats)\n", what,
           median(a, n) / median(b, n), gsl_stats_min(ratio, 1, n), gsl_stats_max(ratio, 1, n), n);
}

static void print_results(const struct bench *b, size_t repeats) {
    for (size_t l = 0; l < LOADS; l++) {
        printf("\n%u connection%s\n", loads[l], loads[l] == 1 ? "" : "s");
        for (int s = 0; s < SIDES; s++)
            printf("    %-18s %8.1f k requests/s   mean %6.1f us   jitter %6.1f us\n", side_name[s],
                   median(b->throughput[l][s], repeats) / 1000, median(b->latency[l][s], repeats),
                   median(b->jitter[l][s], repeats));
        print_ratio("throughput", b->throughput[l][NOM], b->throughput[l][NGINX], repeats);
        print_ratio("mean latency", b->latency[l][NOM], b->latency[l][NGINX], repeats);
        print_ratio("jitter", b->jitter[l][NOM], b->jitter[l][NGINX], repeats);
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
    size_t repeats = 5;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'r':
            repeats = strtoul(optarg, NULL, 10);
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
    if (repeats < 1 || repeats > REPEATS_MAX || seconds <= 0) {
        fprintf(stderr, "bench: --repeats 1..%d, --seconds above 0\n", REPEATS_MAX);
        return 2;
    }
    char why[256];
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
    profiler_settings_default(&b.paths, "nhttpd", b.session.accel, &b.settings);
    b.settings.seconds = seconds;
    b.settings.delay_us = delay_us;
    if (db != NULL && (store_open(db, STORE_WRITE, &b.store) != 0 ||
                       store_session_begin(b.store, &b.session) != 0)) {
        fprintf(stderr, "bench: %s\n", store_error_text(b.store));
        return 1;
    }
    printf("nhttpd on nom (%s, W = %g us) against nginx on the host's kernel (veth)\n"
           "%s\n%s\n",
           b.session.accel, delay_us, b.session.accel_reason, b.session.machine);
    for (uint32_t r = 0; r < repeats; r++)
        for (size_t l = 0; l < LOADS; l++)
            for (int s = 0; s < SIDES; s++)
                one(&b, l, r % 2 ? (enum side)(SIDES - 1 - s) : (enum side)s, r);
    print_results(&b, repeats);
    if (b.store != NULL) {
        store_session_end(b.store, b.session.id);
        store_close(b.store);
        printf("\nstored as session %lld of %s\n", (long long)b.session.id, db);
    }
    return b.failed == 0 ? 0 : 1;
}
