/*
 * nomctl profile: sweeps the batching delay of an app under each load, keeps every trial, shows the
 * points and the frontier.
 */
#include "nomctl/sweep.h"
#include <stdlib.h>

struct profile_options {
    struct measure_options measure;
    struct sweep sweep;
    struct rounds rounds;
};

enum { KEY_DELAYS = 0x3001 };

static const struct argp_option options[] = {
    {"delays", KEY_DELAYS, "LIST", 0,
     "batching delays W in us, LOW:HIGH:STEP or 0,2,8 (default: 0:40:2); 0 gives two points: "
     "natural and strict",
     0},
    MEASURE_OPTION_ON,
    {0},
};

static int set(void *context, int key, unsigned index, const char *value) {
    struct profile_options *o = context;
    struct sweep *s = &o->sweep;
    char why[WHY_BYTES];
    int code;
    (void)index;
    if (measure_set(&o->measure, key, value, &code) || rounds_set(&o->rounds, key, value, &code))
        return code;
    if (key == KEY_DELAYS && list_delays(value, s->delays_us, &s->delay_count, why, sizeof why))
        return out_fail(NOMCTL_USAGE, "%s", why);
    if (key == ARGP_KEY_ARG)
        o->measure.app = value;
    return NOMCTL_OK;
}

const struct command profile_command = {
    .name = "profile",
    .summary = "sweep the batching delay of an app under load, keep every trial",
    .arguments = "APP",
    .notes =
        "Each trial starts the app anew, drives the load, and is in the database before the next "
        "begins; Ctrl-C keeps what has been measured. The order is random, from a "
        "recorded seed.\n\n"
        "Examples:\n"
        "  nomctl profile nhttpd\n"
        "  nomctl profile nhttpd --delays 0,4,8,16 --loads single,8,many --repeats 5\n"
        "  nomctl profile nhttpd --on hosted\n"
        "  nomctl profile memcached --value-size 100 --get-ratio 0.5 --loads many\n"
        "  nomctl profile nhttpd --accel tcg --delays 0:20:5 --seconds 0.5 --json",
    .arguments_least = 1,
    .arguments_most = 1,
    .has_json = true,
    .has_db = true,
    .measures = true,
    .repeats = true,
    .options = options,
    .set = set,
};

static int show(const struct store_session *session, const struct session_points *p, uint64_t seed,
                const struct trial_settings *s, bool json, bool interrupted) {
    char on[FLOOR_TEXT_BYTES], traffic[TRIAL_TRAFFIC_TEXT_BYTES];
    if (json)
        return json_emit(json_pack(
            "{s:i, s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:b, s:o}", "schema",
            NOMCTL_JSON_SCHEMA, "session", (json_int_t)session->id, "app", session->app, "target",
            session->target, "accel", session->accel, "accel_reason", session->accel_reason,
            "network", s->network, "client", s->client, "traffic", json_traffic(&s->traffic),
            "seed", (json_int_t)seed, "trials", (json_int_t)p->trials, "failed",
            (json_int_t)p->failed, "noisy", (json_int_t)p->noisy, "interrupted", interrupted,
            "points", json_points(p->points, p->count)));
    printf("%s on %s, network %s, client %s, seed %llu\n", session->app,
           floor_text(session->target, session->accel, on), s->network, s->client,
           (unsigned long long)seed);
    printf("%s\n", trial_traffic_text(&s->traffic, traffic));
    if (p->count > 0)
        out_points(stdout, p->points, p->count);
    printf("\nsession %lld: %zu trials, %zu good, %zu noisy, %zu failed\n", (long long)session->id,
           p->trials, p->good, p->noisy, p->failed);
    if (p->count > 0)
        printf("next: nomctl report %s -o DIR\n", session->app);
    return NOMCTL_OK;
}

static int profile(const struct profile_options *o, const struct common *common,
                   struct store *store, int argc, char **argv) {
    struct measure m;
    struct store_session session;
    struct session_points points;
    char why[TRIAL_ERROR_BYTES] = "";
    int code = measure_prepare(&o->measure, &m);
    if (code)
        return code;
    struct rounds_work work = {.paths = &m.paths,
                               .places = sweep_places(&o->sweep, &o->rounds, &m.settings),
                               .count = sweep_count(&o->sweep, &o->rounds),
                               .store = store,
                               .describe = sweep_describe};
    if (!work.places)
        return out_fail(NOMCTL_FAILED, "out of memory");
    code = measure_session(store, &m, "profile", o->rounds.seed, argc, argv, &session);
    enum rounds_end end = ROUNDS_STORE;
    if (!code) {
        work.session_id = session.id;
        end = rounds_run(&o->rounds, &work, why, sizeof why);
        int error = store_session_end(store, session.id);
        if (error && end != ROUNDS_STORE)
            code = database_fail(store, error);
    }
    free((void *)work.places);
    if (!code)
        code = database_points(store, session.id, &points);
    if (code)
        return code;
    code = rounds_verdict(
        end,
        &(struct rounds_count){points.trials, points.noisy, points.count, work.count, "points"},
        why);
    int shown = NOMCTL_OK;
    if (code == NOMCTL_OK || code == NOMCTL_INTERRUPTED)
        shown = show(&session, &points, o->rounds.seed, &m.settings, common->json,
                     code == NOMCTL_INTERRUPTED);
    free(points.points);
    return code ? code : shown;
}

int profile_main(int argc, char **argv) {
    struct profile_options o = {0};
    struct common common;
    char why[WHY_BYTES];
    measure_defaults(&o.measure);
    rounds_defaults(&o.rounds);
    o.rounds.repeats = 3;
    list_delays("0:40:2", o.sweep.delays_us, &o.sweep.delay_count, why, sizeof why);
    int code = cli_parse(&profile_command, argc, argv, &o, &common);
    if (code != CLI_RUN)
        return code;
    code = measure_fits(&o.measure);
    if (!code)
        code = rounds_fit(&o.rounds, &o.measure);
    if (code)
        return code;
    if (sweep_count(&o.sweep, &o.rounds) > ROUNDS_PLACES_MAX)
        return out_fail(NOMCTL_USAGE, "%zu delays and loads together, at most %u are allowed",
                        sweep_count(&o.sweep, &o.rounds), ROUNDS_PLACES_MAX);
    rounds_draw_seed(&o.rounds);
    struct store *store;
    if (profiler_session(&code) > 0)
        return code;
    code = database_open(&common, STORE_WRITE, &store);
    if (code)
        return code;
    stop_install();
    code = profile(&o, &common, store, argc, argv);
    store_close(store);
    return code;
}
