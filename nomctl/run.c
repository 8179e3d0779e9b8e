/*
 * nomctl run: an app serves, or several do, with a table that it follows or with W fixed, while
 * price and load change; each phase is measured, stored, shown and counted.
 */
#include "nomctl/run_options.h"
#include <stdlib.h>
#include <string.h>

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
        app->table_from =
            o->table_count ? o->tables[run_options_of(o->table_count, i)] : "database";
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

int run_main(int argc, char **argv) {
    static struct run run;
    struct run_options o;
    struct common common;
    struct store *store;
    run_options_defaults(&o);
    int code = cli_parse(&run_command, argc, argv, &o, &common);
    if (code != CLI_RUN)
        return code;
    code = measure_fits(&o.measure);
    if (!code)
        code = run_options_fit(&o);
    if (!code)
        code = run_options_plan(&o, &run);
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
