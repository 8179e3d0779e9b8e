/* nomctl table: builds a table file from a profile session; table show: reads one. */
#include "nomctl/nomctl.h"
#include "runtime/econ/econ.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { KEY_OUTPUT = 'o', KEY_SESSION = 0x5001, KEY_ON, KEY_ACCEL, KEY_UTILITY };

struct table_options {
    const char *app, *file, *accel;
    const struct profiler_floor *floor;
    uint64_t session;
    struct nom_utility utility;
};

static const struct argp_option options[] = {
    {"output", KEY_OUTPUT, "FILE", 0, "where to write the table", 0},
    {"utility", KEY_UTILITY, "UTILITY", 0,
     "what users pay: simple, penalty (default), refund or bonus, with values as in "
     "penalty:alpha=20,x=100,l0_us=750",
     0},
    {"session", KEY_SESSION, "N", 0, "which profile (default: the newest of the app)", 0},
    {"on", KEY_ON, "FLOOR", 0, "the newest on this floor: nom or hosted", 0},
    {"accel", KEY_ACCEL, "ACCEL", 0, "the newest under this accelerator", 0},
    {0},
};

static int set(void *context, int key, unsigned index, const char *value) {
    struct table_options *o = context;
    char why[WHY_BYTES];
    (void)index;
    int rc = 0;
    if (key == ARGP_KEY_ARG)
        o->app = value;
    else if (key == KEY_OUTPUT)
        o->file = value;
    else if (key == KEY_ON)
        return floor_named(value, &o->floor);
    else if (key == KEY_ACCEL)
        o->accel = value;
    else if (key == KEY_UTILITY)
        rc = tuner_utility_parse(value, &o->utility, why, sizeof why);
    else
        rc = list_integer("--session", value, 1, INT64_MAX, &o->session, why, sizeof why);
    return rc ? out_fail(NOMCTL_USAGE, "%s", why) : NOMCTL_OK;
}

const struct command table_command = {
    .name = "table",
    .summary = "build the table of a profile for a running app; table show FILE: read one",
    .arguments = "APP -o FILE",
    .notes = "The table holds every point measured, and the utility to apply. `nomctl table show "
             "FILE` prints one, with the row chosen at some prices.\n\n"
             "Examples:\n"
             "  nomctl table nhttpd -o nhttpd.table\n"
             "  nomctl table nhttpd --utility penalty:alpha=20,x=100,l0_us=750 -o nhttpd.table\n"
             "  nomctl table show nhttpd.table",
    .arguments_least = 1,
    .arguments_most = 1,
    .has_json = true,
    .has_db = true,
    .options = options,
    .set = set,
};

static int build(const struct table_options *o, const struct common *common, struct store *store) {
    struct store_session session;
    struct table_file file;
    char why[WHY_BYTES], on[FLOOR_TEXT_BYTES];
    int code = database_session(store, (int64_t)o->session, o->app,
                                o->floor ? o->floor->name : NULL, o->accel, &session);
    if (!code)
        code = database_table(store, &session, &o->utility, &file, NULL);
    if (code)
        return code;
    if (file_write(o->file, file.bytes, file.size, why, sizeof why))
        code = out_fail(NOMCTL_FAILED, "cannot write the table: %s", why);
    else if (common->json)
        code = json_emit(json_pack("{s:i, s:s, s:o}", "schema", NOMCTL_JSON_SCHEMA, "file", o->file,
                                   "table", json_table(file.header, file.rows)));
    else
        printf("%s: %u rows, from session %lld (%s on %s)\n", o->file, file.header->row_count,
               (long long)session.id, session.app, floor_text(session.target, session.accel, on));
    free(file.bytes);
    return code;
}

int table_main(int argc, char **argv) {
    struct table_options o = {.utility = econ_utility_default(NOM_UTILITY_PENALTY)};
    struct common common;
    struct store *store;
    if (argc > 1 && strcmp(argv[1], "show") == 0)
        return table_show_main(argc - 1, argv + 1);
    int code = cli_parse(&table_command, argc, argv, &o, &common);
    if (code != CLI_RUN)
        return code;
    if (!app_find(o.app))
        return NOMCTL_USAGE;
    if (!o.file)
        return out_fail(NOMCTL_USAGE, "table: missing -o FILE: where to write the table");
    code = database_open(&common, STORE_READ, &store);
    if (code)
        return code;
    code = build(&o, &common, store);
    store_close(store);
    return code;
}
