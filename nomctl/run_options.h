/* The options of nomctl run, and the run that they ask for. */
#ifndef NOMCTL_RUN_OPTIONS_H
#define NOMCTL_RUN_OPTIONS_H

#include "nomctl/run.h"

struct run_options {
    struct measure_options measure;
    const char *tables[RUN_APPS_MAX], *load;
    struct run_price price;
    double delay_us, seconds;
    uint32_t kick;
    struct nom_utility utilities[RUN_APPS_MAX];
    size_t table_count, utility_count; /* 1: for all apps */
    uint64_t apps;
    bool has_delay, has_kick, announce, has_replay;
};

void run_options_defaults(struct run_options *o);
/* Options against each other, once the whole line is known. An exit code. */
int run_options_fit(const struct run_options *o);
/* What is known of the phases and the apps before anything is measured. An exit code. */
int run_options_plan(const struct run_options *o, struct run *run);

/* The one of an app among values given once for all or once for each. */
static inline size_t run_options_of(size_t count, uint32_t app) {
    return count > 1 ? app : 0;
}

#endif
