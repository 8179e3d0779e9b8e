/* run_options.h: nomctl run's command line. */
#include "nomctl/run_options.h"
#include "runtime/econ/econ.h"
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

void run_options_defaults(struct run_options *o) {
    *o = (struct run_options){
        .price = {.text = "1", .speed = 1, .scale = 1}, .seconds = 10, .apps = 1};
    measure_defaults(&o->measure);
}

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

int run_options_fit(const struct run_options *o) {
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

int run_options_plan(const struct run_options *o, struct run *run) {
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
        app->utility = app->own_utility ? o->utilities[run_options_of(o->utility_count, i)]
                                        : econ_utility_default(NOM_UTILITY_PENALTY);
        int code = o->table_count
                       ? table_file_read(o->tables[run_options_of(o->table_count, i)], &app->table)
                       : NOMCTL_OK;
        if (code)
            return code;
    }
    return NOMCTL_OK;
}
