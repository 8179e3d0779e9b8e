/*
 * nomctl run: an app serves, with a table that it follows or with W fixed, while price and load
 * change; each phase is measured, stored, shown and counted.
 */
#include "nomctl/run.h"
#include "runtime/econ/econ.h"
#include <stdlib.h>
#include <string.h>

enum { KEY_TABLE = 0x8001, KEY_DELAY, KEY_KICK, KEY_PRICE, KEY_LOAD, KEY_SECONDS, KEY_UTILITY };

struct run_options {
    struct measure_options measure;
    const char *table, *price, *load;
    double delay_us, seconds;
    uint32_t kick;
    struct nom_utility utility;
    bool has_delay, has_kick, has_utility;
};

static const struct argp_option options[] = {
    MEASURE_OPTION_ON,
    {"table", KEY_TABLE, "FILE", 0,
     "the table to follow (default: built from the newest profile on this floor)", 0},
    {"delay", KEY_DELAY, "W", 0, "no table: W fixed, in us", 0},
    {"kick", KEY_KICK, "KICK", 0, "with --delay 0: natural (default) or strict", 0},
    {"price", KEY_PRICE, "LIST", 0, "of outbound traffic, $/Gbit: 10, or 1,10@5s (default: 1)", 0},
    {"load", KEY_LOAD, "LIST", 0,
     "single, many or a number of connections: many,single@5s (default: many)", 0},
    {"seconds", KEY_SECONDS, "S", 0, "how long in all (default: 10)", 0},
    {"utility", KEY_UTILITY, "UTILITY", 0, "instead of the table's, as in nomctl table --help", 0},
    {0},
};

static int set(void *context, int key, unsigned index, const char *value) {
    struct run_options *o = context;
    char why[WHY_BYTES];
    int code, rc = 0;
    (void)index;
    if (measure_set(&o->measure, key, value, &code))
        return code;
    switch (key) {
    case ARGP_KEY_ARG:
        o->measure.app = value;
        break;
    case KEY_TABLE:
        o->table = value;
        break;
    case KEY_DELAY:
        rc = list_number("--delay", value, 0, NOM_DELAY_US_MAX, &o->delay_us, why, sizeof why);
        o->has_delay = true;
        break;
    case KEY_KICK:
        if (strcmp(value, "natural") != 0 && strcmp(value, "strict") != 0)
            return out_fail(NOMCTL_USAGE, "--kick: '%s' is none of: natural, strict", value);
        o->kick = strcmp(value, "strict") == 0 ? NOM_KICK_STRICT : NOM_KICK_NATURAL;
        o->has_kick = true;
        break;
    case KEY_PRICE:
        o->price = value;
        break;
    case KEY_LOAD:
        o->load = value;
        break;
    case KEY_SECONDS:
        rc = list_number("--seconds", value, 0.1, 86400, &o->seconds, why, sizeof why);
        break;
    case KEY_UTILITY:
        rc = tuner_utility_parse(value, &o->utility, why, sizeof why);
        o->has_utility = true;
        break;
    }
    return rc ? out_fail(NOMCTL_USAGE, "%s", why) : NOMCTL_OK;
}

const struct command run_command = {
    .name = "run",
    .summary = "run an app that follows price and load, and count its profit",
    .arguments = "APP",
    .notes =
        "A phase lasts from one change of price or load to the next; all of it counts, also the "
        "time that the app takes to notice. Profit is what users pay for the replies, at the "
        "latency and jitter measured, less the price of the bits sent. While it runs, nomctl "
        "deploy can load another table.\n\n"
        "Examples:\n"
        "  nomctl run nhttpd --price 1,10@5s\n"
        "  nomctl run nhttpd --table nhttpd.table --load many,single@5s --seconds 10\n"
        "  nomctl run nhttpd --on hosted --load many,single@5s\n"
        "  nomctl run nhttpd --delay 12 --price 1,10@5s --json",
    .arguments_least = 1,
    .arguments_most = 1,
    .has_json = true,
    .has_db = true,
    .measures = true,
    .options = options,
    .set = set,
};

/* The table named, or one built from the database; none with --delay. */
static int find_table(const struct run_options *o, const struct trial_settings *s,
                      struct store *store, struct run *run) {
    struct store_session profile;
    int code;
    if (o->has_delay)
        return NOMCTL_OK;
    if (o->table) {
        run->table_from = o->table;
    } else {
        code = database_session(store, 0, s->app, s->target, s->accel, &profile);
        if (!code)
            code = database_table(store, &profile, &run->utility, &run->table);
        if (code)
            return code;
        run->table_from = "database";
    }
    const struct nom_table_header *h = run->table.header;
    if (strcmp(h->app, s->app) != 0)
        return out_fail(NOMCTL_USAGE, "%s: a table of %s, not of %s", run->table_from, h->app,
                        s->app);
    if (!o->has_utility)
        run->utility = h->utility;
    char there[FLOOR_TEXT_BYTES], here[FLOOR_TEXT_BYTES];
    if (strcmp(h->target, s->target) != 0 || strcmp(h->accel, s->accel) != 0)
        out_note("the table was measured on %s; this run is on %s",
                 floor_text(h->target, h->accel, there), floor_text(s->target, s->accel, here));
    else if (strcmp(h->app_build_id, s->app_build_id) != 0)
        out_note("the table was measured with another build of %s", s->app);
    return NOMCTL_OK;
}

static int go(const struct run_options *o, const struct common *common, struct run *run,
              struct store *store, int argc, char **argv) {
    struct measure m;
    int code = measure_prepare(&o->measure, &m);
    if (!code)
        code = find_table(o, &m.settings, store, run);
    if (code)
        return code;
    m.settings.delay_us = o->delay_us;
    m.settings.kick = o->kick;
    m.settings.warmup_seconds = 0;
    code = measure_session(store, &m, "run", 0, argc, argv, &run->session);
    if (code)
        return code;
    code = run_serve(run, &m, store, o->has_utility, common->json);
    int error = store_session_end(store, run->session.id);
    if (error && code != NOMCTL_FAILED)
        return database_fail(store, error);
    if (code == NOMCTL_INTERRUPTED)
        out_error("interrupted: the phases that were whole are kept");
    int shown = NOMCTL_OK;
    if (code == NOMCTL_OK || code == NOMCTL_INTERRUPTED)
        shown = run_show(run, &m.settings, common->json, code == NOMCTL_INTERRUPTED);
    return code ? code : shown;
}

int run_main(int argc, char **argv) {
    static struct run run;
    struct run_options o = {.price = "1", .load = "many", .seconds = 10};
    struct common common;
    struct store *store;
    char why[WHY_BYTES];
    measure_defaults(&o.measure);
    o.utility = econ_utility_default(NOM_UTILITY_PENALTY);
    int code = cli_parse(&run_command, argc, argv, &o, &common);
    if (code != CLI_RUN)
        return code;
    if (!app_find(o.measure.app))
        return NOMCTL_USAGE;
    if (o.has_delay && o.table)
        return out_fail(NOMCTL_USAGE, "run: --table and --delay exclude each other");
    if (o.has_kick && (!o.has_delay || o.delay_us > 0))
        return out_fail(NOMCTL_USAGE, "run: --kick goes with --delay 0 only");
    run.seconds = o.seconds;
    run.utility = o.utility;
    if (run_plan(&run, o.price, o.load, why, sizeof why))
        return out_fail(NOMCTL_USAGE, "%s", why);
    code = o.table ? table_file_read(o.table, &run.table) : NOMCTL_OK;
    if (code)
        return code;
    if (profiler_session(&code) > 0)
        return code;
    code = database_open(&common, STORE_WRITE, &store);
    if (!code) {
        stop_install();
        code = go(&o, &common, &run, store, argc, argv);
        store_close(store);
    }
    free(run.table.bytes);
    return code;
}
