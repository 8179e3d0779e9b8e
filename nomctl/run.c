/*
 * nomctl run: an app serves, or several do, with a table that it follows or with W fixed, while
 * price and load change; each phase is measured, stored, shown and counted.
 */
#include "nomctl/run.h"
#include "runtime/econ/econ.h"
#include <stdlib.h>
#include <string.h>

enum {
    KEY_TABLE = 0x8001,
    KEY_DELAY,
    KEY_KICK,
    KEY_PRICE,
    KEY_LOAD,
    KEY_SECONDS,
    KEY_UTILITY,
    KEY_APPS,
    KEY_ANNOUNCE,
    KEY_SPEED,
    KEY_SCALE
};

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

static const struct argp_option options[] = {
    MEASURE_OPTION_ON,
    {"apps", KEY_APPS, "N", 0,
     "run the app N times, at most 4, each on a NIC of its own, in one guest or as processes", 0},
    {"table", KEY_TABLE, "FILE", 0,
     "the table to follow (default: built from the newest profile on this floor); given once for "
     "all apps, or once for each",
     0},
    {"delay", KEY_DELAY, "W", 0, "no table: W fixed, in us", 0},
    {"kick", KEY_KICK, "KICK", 0, "with --delay 0: natural (default) or strict", 0},
    {"price", KEY_PRICE, "LIST|FILE", 0,
     "of outbound traffic, $/Gbit: 10, or 1,10@5s (default: 1); or a file with recorded prices, "
     "CSV "
     "or an EC2 price history (docs/prices.md)",
     0},
    {"speed", KEY_SPEED, "X", 0, "seconds of such a file that pass in a second (default: 1)", 0},
    {"scale", KEY_SCALE, "K", 0, "multiply the prices of such a file (default: 1)", 0},
    {"announce", KEY_ANNOUNCE, 0, 0,
     "the provider tells each price before it holds, as some do, and the app is ready for it", 0},
    {"load", KEY_LOAD, "LIST", 0,
     "single, many or a number of connections: many,single@5s (default: many; of netpipe single)",
     0},
    {"seconds", KEY_SECONDS, "S", 0, "how long in all (default: 10)", 0},
    {"utility", KEY_UTILITY, "UTILITY", 0,
     "instead of the table's, as in nomctl table --help; given once for all apps, or once for each",
     0},
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
    case KEY_APPS:
        rc = list_integer("--apps", value, 1, RUN_APPS_MAX, &o->apps, why, sizeof why);
        break;
    case KEY_TABLE:
        if (o->table_count == RUN_APPS_MAX)
            return out_fail(NOMCTL_USAGE, "--table: given more than %u times", RUN_APPS_MAX);
        o->tables[o->table_count++] = value;
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
        o->price.text = value;
        break;
    case KEY_SPEED:
        rc = list_number("--speed", value, 1e-3, 1e9, &o->price.speed, why, sizeof why);
        o->has_replay = true;
        break;
    case KEY_SCALE:
        rc = list_number("--scale", value, 1e-9, 1e9, &o->price.scale, why, sizeof why);
        o->has_replay = true;
        break;
    case KEY_ANNOUNCE:
        o->announce = true;
        break;
    case KEY_LOAD:
        o->load = value;
        break;
    case KEY_SECONDS:
        rc = list_number("--seconds", value, 0.1, 86400, &o->seconds, why, sizeof why);
        break;
    case KEY_UTILITY:
        if (o->utility_count == RUN_APPS_MAX)
            return out_fail(NOMCTL_USAGE, "--utility: given more than %u times", RUN_APPS_MAX);
        rc = tuner_utility_parse(value, &o->utilities[o->utility_count++], why, sizeof why);
        break;
    }
    return rc ? out_fail(NOMCTL_USAGE, "%s", why) : NOMCTL_OK;
}

const struct command run_command = {
    .name = "run",
    .summary = "run an app that follows price and load, and count its profit",
    .arguments = "APP",
    .notes =
        "nomctl plays the provider: the price daemon, priced, asks it over HTTP and puts the price "
        "on the board, where the apps find it. A phase lasts from one change of price or load to "
        "the next, and begins when the apps report its price; how many ms that took is shown. "
        "Profit is what users pay for the replies, at the latency and jitter measured, less the "
        "price of the bits sent. While it runs, nomctl deploy can load another table.\n\n"
        "Examples:\n"
        "  nomctl run nhttpd --price 1,10@5s\n"
        "  nomctl run nhttpd --table nhttpd.table --load many,single@5s --seconds 10\n"
        "  nomctl run nhttpd --on hosted --load many,single@5s\n"
        "  nomctl run memcached --delay 4 --price 1,10@5s --value-size 100\n"
        "  nomctl run nhttpd --delay 12 --price 1,10@5s --json\n"
        "  nomctl run nhttpd --price day.csv --speed 3600 --seconds 24\n"
        "  nomctl run nhttpd --apps 2 --utility penalty --utility refund:beta=90000 \\\n"
        "      --price 1,10@5s",
    .arguments_least = 1,
    .arguments_most = 1,
    .has_json = true,
    .has_db = true,
    .measures = true,
    .options = options,
    .set = set,
};

/* The one of an app among values given once for all or once for each. */
static size_t of_app(size_t count, uint32_t app) {
    return count > 1 ? app : 0;
}

/* That a table fits the app; says so where it was measured elsewhere. An exit code. */
static int check_table(const struct trial_settings *s, const struct run_app *app) {
    const struct nom_table_header *h = app->table.header;
    if (strcmp(h->app, s->app) != 0)
        return out_fail(NOMCTL_USAGE, "%s: a table of %s, not of %s", app->table_from, h->app,
                        s->app);
    char there[FLOOR_TEXT_BYTES], here[FLOOR_TEXT_BYTES];
    if (strcmp(h->target, s->target) != 0 || strcmp(h->accel, s->accel) != 0)
        out_note("the table was measured on %s; this run is on %s",
                 floor_text(h->target, h->accel, there), floor_text(s->target, s->accel, here));
    else if (strcmp(h->app_build_id, s->app_build_id) != 0)
        out_note("the table was measured with another build of %s", s->app);
    return NOMCTL_OK;
}

/* Says so where a profile was of other requests than those to come. */
static void note_traffic(const struct trial_traffic *there, const struct trial_traffic *here) {
    char profiled[TRIAL_TRAFFIC_TEXT_BYTES], asked[TRIAL_TRAFFIC_TEXT_BYTES];
    if (strcmp(trial_traffic_text(there, profiled), trial_traffic_text(here, asked)) != 0)
        out_note("the table was measured with %s; this run is of %s", profiled, asked);
}

/* The tables named, or built from the database; none with --delay. */
static int find_tables(const struct run_options *o, const struct trial_settings *s,
                       struct store *store, struct run *run) {
    struct store_session profile;
    struct trial_traffic traffic;
    int code = NOMCTL_OK;
    if (o->has_delay)
        return NOMCTL_OK;
    if (!o->table_count)
        code = database_session(store, 0, s->app, s->target, s->accel, &profile);
    for (uint32_t i = 0; i < run->app_count && !code; i++) {
        struct run_app *app = &run->apps[i];
        app->table_from = o->table_count ? o->tables[of_app(o->table_count, i)] : "database";
        if (!o->table_count)
            code = database_table(store, &profile, &app->utility, &app->table, &traffic);
        if (!code && !o->table_count && i == 0)
            note_traffic(&traffic, &s->traffic);
        if (!code && (i == 0 || o->table_count > 1))
            code = check_table(s, app);
        if (!code && !app->own_utility)
            app->utility = app->table.header->utility;
    }
    return code;
}

static int go(const struct run_options *o, const struct common *common, struct run *run,
              struct store *store, int argc, char **argv) {
    struct measure m;
    int code = measure_prepare(&o->measure, &m);
    if (!code)
        code = find_tables(o, &m.settings, store, run);
    if (code)
        return code;
    m.settings.delay_us = o->delay_us;
    m.settings.kick = o->kick;
    m.settings.warmup_seconds = 0;
    if (profiler_floor_find(m.settings.target)->guest &&
        !o->measure.vcpus) /* a core for each app, and for the price daemon */
        m.settings.vcpus = run->app_count + 1;
    code = measure_session(store, &m, "run", 0, argc, argv, &run->session);
    if (code)
        return code;
    code = run_serve(run, &m, store, common->json);
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

/* Options against each other. An exit code. */
static int fits(const struct run_options *o) {
    if (o->has_delay && o->table_count)
        return out_fail(NOMCTL_USAGE, "run: --table and --delay exclude each other");
    if (o->has_kick && (!o->has_delay || o->delay_us > 0))
        return out_fail(NOMCTL_USAGE, "run: --kick goes with --delay 0 only");
    if (o->has_replay && !run_price_is_file(o->price.text))
        return out_fail(NOMCTL_USAGE, "run: --speed and --scale go with --price FILE only");
    if (o->table_count > 1 && o->table_count != o->apps)
        return out_fail(NOMCTL_USAGE, "--table: given %zu times, for %u app%s", o->table_count,
                        (unsigned)o->apps, o->apps > 1 ? "s" : "");
    if (o->utility_count > 1 && o->utility_count != o->apps)
        return out_fail(NOMCTL_USAGE, "--utility: given %zu times, for %u app%s", o->utility_count,
                        (unsigned)o->apps, o->apps > 1 ? "s" : "");
    return NOMCTL_OK;
}

/* What is known of the apps before anything is measured. An exit code. */
static int plan(const struct run_options *o, struct run *run) {
    char why[WHY_BYTES];
    run->seconds = o->seconds;
    run->app_count = (uint32_t)o->apps;
    run->announce = o->announce;
    const char *loads = app_find(o->measure.app)->loads, *last = strrchr(loads, ',');
    if (run_plan(run, &o->price, o->load ? o->load : last ? last + 1 : loads, why, sizeof why))
        return out_fail(NOMCTL_USAGE, "%s", why);
    for (size_t i = 0; i < run->count; i++) {
        int code = measure_load_fits(&o->measure, &run->phases[i].load);
        if (code)
            return code;
    }
    for (uint32_t i = 0; i < run->app_count; i++) {
        struct run_app *app = &run->apps[i];
        app->own_utility = o->utility_count > 0;
        app->utility = app->own_utility ? o->utilities[of_app(o->utility_count, i)]
                                        : econ_utility_default(NOM_UTILITY_PENALTY);
        int code = o->table_count
                       ? table_file_read(o->tables[of_app(o->table_count, i)], &app->table)
                       : NOMCTL_OK;
        if (code)
            return code;
    }
    return NOMCTL_OK;
}

int run_main(int argc, char **argv) {
    static struct run run;
    struct run_options o = {
        .price = {.text = "1", .speed = 1, .scale = 1}, .seconds = 10, .apps = 1};
    struct common common;
    struct store *store;
    measure_defaults(&o.measure);
    int code = cli_parse(&run_command, argc, argv, &o, &common);
    if (code != CLI_RUN)
        return code;
    code = measure_fits(&o.measure);
    if (!code)
        code = fits(&o);
    if (!code)
        code = plan(&o, &run);
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
    for (uint32_t i = 0; i < run.app_count; i++)
        free(run.apps[i].table.bytes);
    return code;
}
