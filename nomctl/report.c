/* nomctl report: the figures of one profile session. */
#include "nomctl/nomctl.h"
#include "reports/reports.h"
#include <stdlib.h>

enum { KEY_OUTPUT = 'o', KEY_SESSION = 0x4001, KEY_ON, KEY_ACCEL };

struct report_options {
    const char *app, *directory, *accel;
    const struct profiler_floor *floor;
    uint64_t session;
};

static const struct argp_option options[] = {
    {"output", KEY_OUTPUT, "DIR", 0, "where to write; made if missing", 0},
    {"session", KEY_SESSION, "N", 0, "which profile (default: the newest of the app)", 0},
    {"on", KEY_ON, "FLOOR", 0, "the newest on this floor: nom or hosted", 0},
    {"accel", KEY_ACCEL, "ACCEL", 0, "the newest under this accelerator", 0},
    {0},
};

static int set(void *context, int key, unsigned index, const char *value) {
    struct report_options *o = context;
    char why[WHY_BYTES];
    (void)index;
    if (key == ARGP_KEY_ARG)
        o->app = value;
    else if (key == KEY_OUTPUT)
        o->directory = value;
    else if (key == KEY_ON)
        return floor_named(value, &o->floor);
    else if (key == KEY_ACCEL)
        o->accel = value;
    else if (list_integer("--session", value, 1, INT64_MAX, &o->session, why, sizeof why))
        return out_fail(NOMCTL_USAGE, "%s", why);
    return NOMCTL_OK;
}

const struct command report_command = {
    .name = "report",
    .summary = "draw a profile: throughput and latency over W, and the frontier",
    .arguments = "APP -o DIR",
    .notes = "DIR/index.html holds all figures; each is also there as SVG and PNG.\n\n"
             "Examples:\n"
             "  nomctl report nhttpd -o report\n"
             "  nomctl report nhttpd --session 3 -o report-3",
    .arguments_least = 1,
    .arguments_most = 1,
    .has_json = true,
    .has_db = true,
    .options = options,
    .set = set,
};

static int report(const struct report_options *o, const struct common *common,
                  struct store *store) {
    struct store_session session;
    char *index = NULL, why[WHY_BYTES];
    int code = database_session(store, (int64_t)o->session, o->app,
                                o->floor ? o->floor->name : NULL, o->accel, &session);
    if (code)
        return code;
    int error = report_write(store, session.id, o->directory, &index, why, sizeof why);
    if (error)
        return out_fail(error == -REPORT_EGNUPLOT ? NOMCTL_MISSING : NOMCTL_FAILED, "%s", why);
    if (common->json)
        code = json_emit(json_pack("{s:i, s:I, s:s, s:s, s:s, s:s}", "schema", NOMCTL_JSON_SCHEMA,
                                   "session", (json_int_t)session.id, "app", session.app, "target",
                                   session.target, "accel", session.accel, "index", index));
    else
        printf("%s\n", index);
    free(index);
    return code;
}

int report_main(int argc, char **argv) {
    struct report_options o = {0};
    struct common common;
    struct store *store;
    char gnuplot[4096];
    int code = cli_parse(&report_command, argc, argv, &o, &common);
    if (code != CLI_RUN)
        return code;
    if (!app_find(o.app))
        return NOMCTL_USAGE;
    if (!o.directory)
        return out_fail(NOMCTL_USAGE, "report: missing -o DIR: where to write the report");
    if (file_find_tool("gnuplot", gnuplot, sizeof gnuplot))
        return out_fail(NOMCTL_MISSING,
                        "gnuplot is not in PATH: install it with: apt-get install gnuplot-nox");
    code = database_open(&common, STORE_READ, &store);
    if (code)
        return code;
    code = report(&o, &common, store);
    store_close(store);
    return code;
}
