/*
 * What is measured, and how: nom-bench's arguments.
 */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include "tests/bench/systems.h"
#include <stdbool.h>

enum bench_scene {
    BENCH_SYSTEMS,
    BENCH_MEMCACHED,
    BENCH_CHURN,
    BENCH_IDLE,
    BENCH_NETPIPE,
    BENCH_STAGES,
    BENCH_BOOT,
    BENCH_PRICE,
    BENCH_REST,
    BENCH_SCENES
};

struct bench_options {
    struct bench_settings settings;
    const char *db; /* NULL: trials are not stored */
    bool scene[BENCH_SCENES];
};

/* Returns with usable options, or ends the program: status 0 after --help, 2 after one line on
 * stderr that names what is wrong. */
void bench_options(int argc, char **argv, struct bench_options *out);

#endif
