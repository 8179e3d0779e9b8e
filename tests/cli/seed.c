/*
 * Fills databases and table files for tests of the command line, without a guest. The figures are
 * made up and fixed, so that what a test expects of them can be worked out by hand:
 *
 *   load single (1 connection):  fastest, and best in everything, at W = 0 natural
 *   load many (32 connections):  throughput best at W = 8; latency best at W = 0 natural
 *
 *   seed profile DB ACCEL     one more profile session of nhttpd on nom
 *   seed hosted DB            one on hosted
 *   seed compare DB           a session of nomctl compare
 *   seed failed DB            one whose only trial failed
 *   seed table FILE APP       a table of that app
 *   seed turning FILE         a table of nhttpd whose choice turns with the price: at one
 * connection W = 0 (row 0) below 4.4 $/Gbit, W = 20 (row 1) above
 */
#include "runtime/econ/econ.h"
#include "store/store.h"
#include "tests/unit/sample_table.h"
#include "tuner/tuner.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPEATS 3

static const struct {
    const char *load;
    uint32_t connections;
    double delay_us;
    uint32_t kick;
    double throughput_ops, latency_us, jitter_us;
} points[] = {
    {"single", 1, 0, NOM_KICK_NATURAL, 30000, 30, 5},
    {"single", 1, 0, NOM_KICK_STRICT, 28000, 33, 6},
    {"single", 1, 8, NOM_KICK_NATURAL, 20000, 45, 7},
    {"single", 1, 16, NOM_KICK_NATURAL, 15000, 60, 8},
    {"many", 32, 0, NOM_KICK_NATURAL, 200000, 150, 20},
    {"many", 32, 0, NOM_KICK_STRICT, 160000, 190, 30},
    {"many", 32, 8, NOM_KICK_NATURAL, 260000, 170, 40},
    {"many", 32, 16, NOM_KICK_NATURAL, 220000, 240, 50},
};
#define POINTS (sizeof points / sizeof points[0])

static void fill(struct trial *t, size_t i, const char *floor, const char *accel, uint32_t repeat) {
    *t = (struct trial){0};
    struct trial_settings *s = &t->settings;
    struct trial_result *r = &t->result;
    /* Repeats differ by 1 %, the median is the figure itself. */
    double ops = points[i].throughput_ops * (1 + 0.01 * ((int)repeat - 1));
    strcpy(s->app, "nhttpd");
    snprintf(s->target, sizeof s->target, "%s", floor);
    snprintf(s->accel, sizeof s->accel, "%s", accel);
    strcpy(s->network, "tap");
    strcpy(s->client, "nom");
    strcpy(s->load, points[i].load);
    s->connections = points[i].connections;
    s->delay_us = points[i].delay_us;
    s->kick = points[i].kick;
    s->poll_us = NOM_POLL_US_INITIAL;
    s->seconds = 1;
    s->repeat = repeat;
    s->order = (uint32_t)i;
    s->vcpus = 1;
    s->memory_mib = 128;
    strcpy(s->traffic.protocol, "http");
    strcpy(s->traffic.path, "/");
    strcpy(s->app_build_id, "0123456789abcdef0123456789abcdef01234567");
    r->started_unix_us = 1700000000000000;
    r->seconds = 1;
    r->replies = (uint64_t)ops;
    r->throughput_ops = ops;
    r->useful_gbit_per_s = ops * 2000e-9; /* 250 bytes a reply */
    r->gbit_out_per_s = ops * 2500e-9;
    r->latency_mean_us = points[i].latency_us;
    r->jitter_us = points[i].jitter_us;
    r->latency_p50_us = points[i].latency_us;
    r->latency_p90_us = points[i].latency_us + points[i].jitter_us;
    r->latency_p99_us = points[i].latency_us + 2 * points[i].jitter_us;
    r->latency_p999_us = points[i].latency_us + 3 * points[i].jitter_us;
    r->guest_cpu_s_per_s = 0.5;
}

static int add_session(const char *path, const char *command, const char *floor, const char *accel,
                       int failed) {
    struct store *store = NULL;
    struct store_session session = {.seed = 7};
    int64_t id;
    snprintf(session.command, sizeof session.command, "%s", command);
    strcpy(session.app, "nhttpd");
    snprintf(session.target, sizeof session.target, "%s", floor);
    snprintf(session.accel, sizeof session.accel, "%s", accel);
    int error = store_open(path, STORE_WRITE, &store);
    if (!error)
        error = store_session_begin(store, &session);
    for (size_t i = 0; !error && i < (failed ? 1 : POINTS); i++)
        for (uint32_t repeat = 0; !error && repeat < (failed ? 1 : REPEATS); repeat++) {
            struct trial t;
            fill(&t, i, floor, accel, repeat);
            if (failed) {
                t.result.status = TRIAL_FAILED;
                strcpy(t.result.error, "made to fail");
            }
            error = store_trial_add(store, session.id, &t, &id);
        }
    if (!error)
        error = store_session_end(store, session.id);
    if (error)
        fprintf(stderr, "seed: %s\n", store ? store_error_text(store) : "out of memory");
    store_close(store);
    return error ? 1 : 0;
}

static int write_table(const char *path, const char *app) {
    static struct trial trials[POINTS];
    static int64_t ids[POINTS];
    struct tuner_table_info info = {.session_id = 1,
                                    .built_unix_s = 1700000000,
                                    .utility = econ_utility_default(NOM_UTILITY_PENALTY)};
    struct tuner_point *sums = NULL;
    void *file = NULL;
    size_t count, bytes = 0;
    int rc = 1;
    snprintf(info.app, sizeof info.app, "%s", app);
    strcpy(info.target, "nom");
    strcpy(info.accel, "kvm");
    for (size_t i = 0; i < POINTS; i++) {
        fill(&trials[i], i, "nom", "kvm", 1);
        ids[i] = (int64_t)i + 1;
    }
    FILE *to = fopen(path, "wb");
    if (to && tuner_points(trials, ids, POINTS, &sums, &count) == 0 &&
        tuner_table(&info, sums, count, &file, &bytes) == 0 && fwrite(file, 1, bytes, to) == bytes)
        rc = 0;
    if (to && fclose(to) != 0)
        rc = 1;
    free(sums);
    free(file);
    return rc;
}

static int write_turning(const char *path) {
    struct sample_table table = sample_table();
    FILE *to = fopen(path, "wb");
    int rc = to && fwrite(&table, 1, sizeof table, to) == sizeof table ? 0 : 1;
    if (to && fclose(to) != 0)
        rc = 1;
    return rc;
}

int main(int argc, char **argv) {
    if (argc == 4 && strcmp(argv[1], "profile") == 0)
        return add_session(argv[2], "profile", "nom", argv[3], 0);
    if (argc == 3 && strcmp(argv[1], "hosted") == 0)
        return add_session(argv[2], "profile", "hosted", "none", 0);
    if (argc == 3 && strcmp(argv[1], "compare") == 0)
        return add_session(argv[2], "compare", "nom,linux", "tcg", 0);
    if (argc == 3 && strcmp(argv[1], "failed") == 0)
        return add_session(argv[2], "profile", "nom", "kvm", 1);
    if (argc == 4 && strcmp(argv[1], "table") == 0)
        return write_table(argv[2], argv[3]);
    if (argc == 3 && strcmp(argv[1], "turning") == 0)
        return write_turning(argv[2]);
    fputs("usage: seed profile DB ACCEL | hosted DB | compare DB | failed DB | table FILE APP | "
          "turning FILE\n",
          stderr);
    return 2;
}
