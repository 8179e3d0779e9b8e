/*
 * A run: apps serve in one guest, or as processes, while price and load follow their schedules. A
 * phase lasts from one change of either to the next. It begins when every app reports the phase's
 * price, which has come to it by way of the provider and the price daemon; how long that took is
 * kept. Each app of each phase is measured on its own, and its profit is what was measured at the
 * phase's price, by the app's own utility.
 */
#ifndef NOMCTL_RUN_H
#define NOMCTL_RUN_H

#include "nomctl/nomctl.h"

#define PHASES_MAX    (2 * STEPS_MAX)
#define RUN_APPS_MAX  TARGET_APPS_MAX
#define RUN_CALLS_MAX 64u

/* What one app did in a phase. */
struct phase_app {
    bool measured;
    int64_t run_id;
    struct trial trial; /* its histogram and log are not kept here */
    double profit_usd_per_s;
    double noticed_us; /* from the provider's change to the app's report of it; not a number where
                          the price stayed */
};

struct phase {
    double start_s, seconds; /* of the schedule */
    double price_usd_per_gbit;
    struct load_level load;
    struct phase_app apps[RUN_APPS_MAX];
};

struct run_app {
    struct nom_utility utility; /* that profit is counted by */
    bool own_utility;           /* it is not the table's: the app is told */
    struct table_file table;    /* bytes NULL: W is fixed */
    const char *table_from;     /* a file's name, or "database" */
    double profit_usd;          /* over all phases measured */
};

struct run {
    struct phase phases[PHASES_MAX];
    size_t count;
    double seconds;
    struct run_app apps[RUN_APPS_MAX];
    uint32_t app_count;
    struct target_call unsupported[RUN_CALLS_MAX]; /* of a ported program */
    size_t unsupported_count;
    bool announce; /* the provider tells of a price before it holds */
    struct store_session session;
};

/* Where a run's prices come from: a schedule as typed, or the name of a file with a recorded
 * history (docs/prices.md), of which `speed` seconds pass in a second and whose prices count
 * `scale` times.
 */
struct run_price {
    const char *text;
    double speed, scale;
};
bool run_price_is_file(const char *text);
/* What such a file says of the first `seconds`, as a schedule. 0, or -1 with why. */
int run_trace(const struct run_price *price, double seconds, struct step steps[STEPS_MAX],
              size_t *count, char *why, size_t why_bytes);
/* The phases of two schedules over `seconds`. 0, or -1 with why. */
int run_plan(struct run *run, const struct run_price *price, const char *loads, char *why,
             size_t why_bytes);
/* What a phase earned by its measurements: revenue on useful bits less the price of those sent. */
double run_profit_usd_per_s(const struct nom_utility *utility, double price_usd_per_gbit,
                            const struct trial_result *r);
/* Starts the apps, and measures, stores and (unless quiet) shows each phase. An exit code. */
int run_serve(struct run *run, const struct measure *m, struct store *store, bool quiet);
void run_show_phase(const struct run *run, size_t number);
/* The whole run, as text or JSON. An exit code. */
int run_show(const struct run *run, const struct trial_settings *s, bool json, bool interrupted);

#endif
