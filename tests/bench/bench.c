/*
 * `make bench`: what nom is worth beside others, each comparison interleaved in one run.
 *
 *   nom-bench [--repeats 5] [--seconds 2] [--delay-us 0] [--accel auto] [--db FILE]
 *
 * Every trial is stored in the database named, as session "bench".
 */
#include "tests/bench/systems.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int usage(void) {
    fprintf(stderr, "bench: --repeats 1..%u, --seconds above 0, --delay-us, --accel, --db FILE\n",
            BENCH_REPEATS_MAX);
    return 2;
}

static int parse(int argc, char **argv, struct bench_settings *s, const char **db) {
    static const struct option options[] = {
        {"repeats", required_argument, NULL, 'r'},  {"seconds", required_argument, NULL, 's'},
        {"delay-us", required_argument, NULL, 'w'}, {"accel", required_argument, NULL, 'a'},
        {"db", required_argument, NULL, 'd'},       {0}};
    *s = (struct bench_settings){.accel = "auto", .seconds = 2, .repeats = 5};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'r')
            s->repeats = strtoul(optarg, NULL, 10);
        else if (c == 's')
            s->seconds = strtod(optarg, NULL);
        else if (c == 'w')
            s->delay_us = strtod(optarg, NULL);
        else if (c == 'a')
            s->accel = optarg;
        else if (c == 'd')
            *db = optarg;
        else
            return usage();
    }
    if (optind < argc || s->repeats < 1 || s->repeats > BENCH_REPEATS_MAX || !(s->seconds > 0))
        return usage();
    return 0;
}

int main(int argc, char **argv) {
    static struct profiler_paths paths;
    static struct store_session session;
    struct bench_settings settings;
    struct store *store = NULL;
    const char *db = NULL;
    char why[256];
    int exit_code, error = parse(argc, argv, &settings, &db);
    if (error)
        return error;
    if (profiler_session(&exit_code) == 1)
        return exit_code;
    if (profiler_paths("nhttpd", &paths, why, sizeof why) != 0 ||
        profiler_accel_choose(&paths, settings.accel, session.accel, session.accel_reason,
                              sizeof session.accel_reason, why, sizeof why) != 0) {
        fprintf(stderr, "bench: %s\n", why);
        return 1;
    }
    settings.accel = session.accel;
    strcpy(session.command, "bench");
    strcpy(session.app, "nhttpd");
    strcpy(session.target, "nom");
    profiler_machine(session.machine, sizeof session.machine);
    if (db != NULL &&
        (store_open(db, STORE_WRITE, &store) != 0 || store_session_begin(store, &session) != 0)) {
        fprintf(stderr, "bench: %s\n", store_error_text(store));
        return 1;
    }
    printf("%s\n%s\n", session.machine, session.accel_reason);
    int failed = bench_systems(&paths, &settings, store, session.id, why, sizeof why);
    if (failed < 0)
        fprintf(stderr, "bench: %s\n", why);
    if (store != NULL) {
        store_session_end(store, session.id);
        store_close(store);
        printf("\nstored as session %lld of %s\n", (long long)session.id, db);
    }
    return failed == 0 ? 0 : 1;
}
