/* A small table file, valid and sealed, whose choices are easy to work out by hand. */
#ifndef TESTS_SAMPLE_TABLE_H
#define TESTS_SAMPLE_TABLE_H

#include "runtime/econ/econ.h"
#include <string.h>

#define SAMPLE_ROWS 4

struct sample_table {
    struct nom_table_header header;
    struct nom_table_row row[SAMPLE_ROWS];
};

/*
 * Two load levels, two delays each; every Gbit/s of revenue earns 10 $/s at the table's utility:
 *   1 connection:    W = 0 earns 10 with 1 Gbit/s out;  W = 20 earns 6 with 0.1
 *   32 connections:  W = 0 earns 50 with 10; W = 8 (strict) earns 80 with 12
 */
static inline struct sample_table sample_table(void) {
    static const double connections[4] = {1, 1, 32, 32}, delay_us[4] = {0, 20, 0, 8},
                        kick[4] = {0, 0, 0, 1}, gbit[4] = {1, 0.6, 5, 8}, use[4] = {1, 0.1, 10, 12};
    struct sample_table f;
    memset(&f, 0, sizeof f);
    f.header.knob_count = 2;
    f.header.knob_id[0] = NOM_KNOB_KICK; /* in another order than knobs.h has them */
    f.header.knob_id[1] = NOM_KNOB_DELAY_US;
    f.header.use_count = 2;
    f.header.use_id[0] = NOM_USE_CPU_S_PER_S;
    f.header.use_id[1] = NOM_USE_GBIT_OUT_PER_S;
    f.header.built_unix_s = 1700000000;
    f.header.session_id = 1;
    strcpy(f.header.app, "nhttpd");
    strcpy(f.header.target, "nom");
    strcpy(f.header.accel, "tcg");
    strcpy(f.header.app_build_id, "00ff");
    f.header.utility = (struct nom_utility){.kind = NOM_UTILITY_REFUND, .alpha_usd_per_gbit = 10};
    for (int i = 0; i < SAMPLE_ROWS; i++) {
        struct nom_table_row *r = &f.row[i];
        r->connections = connections[i];
        r->knob[0] = kick[i];
        r->knob[1] = delay_us[i];
        r->use[1] = use[i];
        r->throughput_ops = gbit[i] * 1e5;
        r->useful_gbit_per_s = gbit[i];
        r->latency_mean_us = r->latency_p50_us = 100;
        r->latency_p90_us = r->latency_p99_us = r->latency_p999_us = 200;
        r->samples = 3;
    }
    econ_table_seal(&f.header, f.row, SAMPLE_ROWS);
    return f;
}

#endif
