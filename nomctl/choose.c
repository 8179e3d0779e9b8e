/* nomctl choose: what a running app with this table would do at a load and a price. */
#include "nomctl/nomctl.h"
#include "runtime/econ/econ.h"
#include <stdlib.h>

enum { KEY_TABLE = 0x6001, KEY_LOAD, KEY_PRICE, KEY_UTILITY };

struct choose_options {
    const char *table;
    struct load_level load;
    double price_usd_per_gbit;
    struct nom_utility utility;
    bool has_price, has_utility;
};

static const struct argp_option options[] = {
    {"table", KEY_TABLE, "FILE", 0, "the table to choose from", 0},
    {"load", KEY_LOAD, "LOAD", 0, "single, many, or a number of connections", 0},
    {"price", KEY_PRICE, "USD", 0, "of outbound traffic, $/Gbit", 0},
    {"utility", KEY_UTILITY, "UTILITY", 0, "instead of the table's, as in nomctl table --help", 0},
    {0},
};

static int set(void *context, int key, unsigned index, const char *value) {
    struct choose_options *o = context;
    char why[WHY_BYTES];
    int rc = 0;
    (void)index;
    switch (key) {
    case KEY_TABLE:
        o->table = value;
        break;
    case KEY_LOAD:
        rc = list_load(value, &o->load, why, sizeof why);
        break;
    case KEY_PRICE:
        rc = list_number("--price", value, 0, 1e9, &o->price_usd_per_gbit, why, sizeof why);
        o->has_price = true;
        break;
    case KEY_UTILITY:
        rc = tuner_utility_parse(value, &o->utility, why, sizeof why);
        o->has_utility = true;
        break;
    }
    return rc ? out_fail(NOMCTL_USAGE, "%s", why) : NOMCTL_OK;
}

const struct command choose_command = {
    .name = "choose",
    .summary = "show which row of a table earns most at a load and a price",
    .arguments = "--table FILE --load LOAD --price USD",
    .notes = "A load between those measured takes the nearest by ratio. Where every row loses, "
             "sending nothing is the choice.\n\n"
             "Examples:\n"
             "  nomctl choose --table nhttpd.table --load many --price 10\n"
             "  nomctl choose --table nhttpd.table --load 8 --price 2 --utility refund --json",
    .has_json = true,
    .options = options,
    .set = set,
};

static int print(const struct choose_options *o, const struct table_file *file,
                 const struct nom_utility *u, bool json) {
    const struct nom_table_header *h = file->header;
    double level, profit;
    size_t row =
        table_choose(h, file->rows, u, o->load.connections, o->price_usd_per_gbit, &level, &profit);
    if (json)
        return json_emit(
            json_pack("{s:i, s:s, s:s, s:s, s:s, s:o, s:s, s:I, s:o, s:o, s:b, s:o, s:o}", "schema",
                      NOMCTL_JSON_SCHEMA, "table", o->table, "app", h->app, "target", h->target,
                      "accel", h->accel, "utility", json_utility(u), "load", o->load.name,
                      "connections", (json_int_t)o->load.connections, "level_connections",
                      json_double(level), "price_usd_per_gbit", json_double(o->price_usd_per_gbit),
                      "sending", row != ECON_NO_ROW, "profit_usd_per_s", json_double(profit), "row",
                      row == ECON_NO_ROW ? json_null() : json_table_row(h, &file->rows[row], row)));
    if (row == ECON_NO_ROW) {
        printf("send nothing: at %g $/Gbit every row for %.0f connections loses\n",
               o->price_usd_per_gbit, level);
        return NOMCTL_OK;
    }
    const struct nom_table_row *r = &file->rows[row];
    double delay_us = table_knob(h, r, NOM_KNOB_DELAY_US);
    const char *kick = out_kick(delay_us, (uint32_t)table_knob(h, r, NOM_KNOB_KICK));
    printf("row %zu: W = %g us%s%s\n", row, delay_us, kick[0] ? " " : "", kick);
    printf("profit %.6g $/s expected at %g $/Gbit\n", profit, o->price_usd_per_gbit);
    printf(
        "measured at %.0f connections: %.0f ops/s, mean %.1f us, jitter %.1f us, %.4f Gbit/s out\n",
        r->connections, r->throughput_ops, r->latency_mean_us, r->jitter_us,
        table_use(h, r, NOM_USE_GBIT_OUT_PER_S));
    return NOMCTL_OK;
}

int choose_main(int argc, char **argv) {
    struct choose_options o = {.utility = econ_utility_default(NOM_UTILITY_PENALTY)};
    struct common common;
    struct table_file file;
    int code = cli_parse(&choose_command, argc, argv, &o, &common);
    if (code != CLI_RUN)
        return code;
    if (!o.table || !o.load.connections || !o.has_price)
        return out_fail(NOMCTL_USAGE, "choose: missing %s",
                        !o.table              ? "--table FILE"
                        : !o.load.connections ? "--load LOAD"
                                              : "--price USD");
    code = table_file_read(o.table, &file);
    if (code)
        return code;
    code = print(&o, &file, o.has_utility ? &o.utility : &file.header->utility, common.json);
    free(file.bytes);
    return code;
}
