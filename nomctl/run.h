/*
 * A run: one guest serves while price and load follow their schedules. A phase lasts from one
 * change of either to the next; each is measured on its own, and its profit is what was measured in
 * it at its price, the time that the app took to notice the change included.
 */
#ifndef NOMCTL_RUN_H
#define NOMCTL_RUN_H

#include "nomctl/nomctl.h"

#define PHASES_MAX (2 * STEPS_MAX)

struct phase {
    double start_s, seconds; /* of the schedule */
    double price_usd_per_gbit;
    struct load_level load;
    bool measured;
    int64_t run_id;
    struct trial trial; /* its histogram and log are not kept here */
    double profit_usd_per_s;
};

struct run {
    struct phase phases[PHASES_MAX];
    size_t count;
    double seconds;
    struct nom_utility utility; /* that profit is counted by */
    struct table_file table;    /* bytes NULL: W is fixed */
    const char *table_from;     /* a file's name, or "database" */
    struct store_session session;
    double profit_usd; /* over all phases measured */
};

/* The phases of two schedules over `seconds`. 0, or -1 with why. */
int run_plan(struct run *run, const char *prices, const char *loads, char *why, size_t why_bytes);
/* What a phase earned by its measurements: revenue on useful bits less the price of those sent. */
double run_profit_usd_per_s(const struct nom_utility *utility, double price_usd_per_gbit,
                            const struct trial_result *r);
/* Boots the app, and measures, stores and (unless quiet) shows each phase. own_utility: tell the
 * app run->utility, for it is not its table's. An exit code. */
int run_serve(struct run *run, const struct measure *m, struct store *store, bool own_utility,
              bool quiet);
void run_show_phase(const struct phase *p, size_t number);
/* The whole run, as text or JSON. An exit code. */
int run_show(const struct run *run, const struct trial_settings *s, bool json, bool interrupted);

#endif
