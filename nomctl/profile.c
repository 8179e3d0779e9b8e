/*
 * nomctl profile: sweeps the batching delay of an app under each load, keeps every trial, shows the
 * points and the frontier.
 */
#include "nomctl/sweep.h"
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct profile_options {
    struct measure_options measure;
    struct sweep sweep;
    double seconds, warmup_seconds;
    bool has_seed;
};

enum {
    KEY_DELAYS = 0x3001,
    KEY_LOADS,
    KEY_REPEATS,
    KEY_SECONDS,
    KEY_WARMUP,
    KEY_SEED,
    KEY_NOISY_RETRIES,
    KEY_ACCEPT_NOISY,
};

static const struct argp_option options[] = {
    {"delays", KEY_DELAYS, "LIST", 0,
     "batching delays W in us, LOW:HIGH:STEP or 0,2,8 (default: 0:40:2); 0 gives two points: "
     "natural and strict",
     0},
    {"loads", KEY_LOADS, "LIST", 0,
     "single (1 connection), many (32), or numbers of connections (default: single,many)", 0},
    {"repeats", KEY_REPEATS, "N", 0, "trials of each point (default: 3)", 0},
    {"seconds", KEY_SECONDS, "S", 0, "measured in each trial (default: 1.5)", 0},
    {"warmup", KEY_WARMUP, "S", 0, "run before that and discarded (default: 0.3)", 0},
    {"client", MEASURE_KEY_CLIENT, "CLIENT", 0, "nom (default) or wrk", 0},
    {"seed", KEY_SEED, "N", 0, "of the random order (default: drawn)", 0},
    {"noisy-retries", KEY_NOISY_RETRIES, "N", 0,
     "repeat a trial during which others used the machine, up to N times (default: 2)", 0},
    {"accept-noisy", KEY_ACCEPT_NOISY, 0, 0,
     "count such trials as good; what others used stays on record", 0},
    {0},
};

static int set(void *context, int key, unsigned index, const char *value) {
    struct profile_options *o = context;
    struct sweep *s = &o->sweep;
    char why[WHY_BYTES];
    uint64_t n = 0;
    int code, rc = 0;
    (void)index;
    if (measure_set(&o->measure, key, value, &code))
        return code;
    switch (key) {
    case ARGP_KEY_ARG:
        o->measure.app = value;
        break;
    case KEY_DELAYS:
        rc = list_delays(value, s->delays_us, &s->delay_count, why, sizeof why);
        break;
    case KEY_LOADS:
        rc = list_loads(value, s->loads, &s->load_count, why, sizeof why);
        break;
    case KEY_REPEATS:
        rc = list_integer("--repeats", value, 1, TUNER_RUNS_MAX, &n, why, sizeof why);
        s->repeats = (uint32_t)n;
        break;
    case KEY_SECONDS:
        rc = list_number("--seconds", value, 0.05, 3600, &o->seconds, why, sizeof why);
        break;
    case KEY_WARMUP:
        rc = list_number("--warmup", value, 0, 3600, &o->warmup_seconds, why, sizeof why);
        break;
    case KEY_SEED:
        rc = list_integer("--seed", value, 0, INT64_MAX, &s->seed, why, sizeof why);
        o->has_seed = true;
        break;
    case KEY_NOISY_RETRIES:
        rc = list_integer("--noisy-retries", value, 0, 100, &n, why, sizeof why);
        s->noisy_retries = (uint32_t)n;
        break;
    case KEY_ACCEPT_NOISY:
        s->accept_noisy = true;
        break;
    }
    return rc ? out_fail(NOMCTL_USAGE, "%s", why) : NOMCTL_OK;
}

const struct command profile_command = {
    .name = "profile",
    .summary = "sweep the batching delay of an app under load, keep every trial",
    .arguments = "APP",
    .notes =
        "Each trial boots the app in a virtual machine, drives the load, and is in the database "
        "before the next begins; Ctrl-C keeps what has been measured. The order is random, from a "
        "recorded seed.\n\n"
        "Examples:\n"
        "  nomctl profile nhttpd\n"
        "  nomctl profile nhttpd --delays 0,4,8,16 --loads single,8,many --repeats 5\n"
        "  nomctl profile nhttpd --accel tcg --delays 0:20:5 --seconds 0.5 --json",
    .arguments_least = 1,
    .arguments_most = 1,
    .has_json = true,
    .has_db = true,
    .measures = true,
    .options = options,
    .set = set,
};

static int show(const struct store_session *session, const struct session_points *p,
                const struct sweep *sweep, const struct trial_settings *s, bool json,
                bool interrupted) {
    if (json)
        return json_emit(json_pack(
            "{s:i, s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:b, s:o}", "schema",
            NOMCTL_JSON_SCHEMA, "session", (json_int_t)session->id, "app", session->app, "target",
            session->target, "accel", session->accel, "accel_reason", session->accel_reason,
            "network", s->network, "client", s->client, "seed", (json_int_t)sweep->seed, "trials",
            (json_int_t)p->trials, "failed", (json_int_t)p->failed, "noisy", (json_int_t)p->noisy,
            "interrupted", interrupted, "points", json_points(p->points, p->count)));
    printf("%s on %s under %s, network %s, client %s, seed %llu\n", session->app, session->target,
           session->accel, s->network, s->client, (unsigned long long)sweep->seed);
    if (p->count > 0)
        out_points(stdout, p->points, p->count);
    printf("\nsession %lld: %zu trials, %zu good, %zu noisy, %zu failed\n", (long long)session->id,
           p->trials, p->good, p->noisy, p->failed);
    if (p->count > 0)
        printf("next: nomctl report %s -o DIR\n", session->app);
    return NOMCTL_OK;
}

/* What is to be said of a sweep that did not go through; its exit code. */
static int verdict(enum sweep_end end, const struct session_points *p, const struct sweep *sweep,
                   const char *why) {
    size_t wanted = sweep_points(sweep);
    if (end == SWEEP_STORE)
        return NOMCTL_FAILED;
    if (end == SWEEP_HOPELESS)
        return out_fail(NOMCTL_FAILED, "the first %u trials all failed, the last: %s",
                        SWEEP_FAILURES_MAX, why);
    if (end == SWEEP_INTERRUPTED)
        return out_fail(NOMCTL_INTERRUPTED,
                        "interrupted: %zu trials are kept; run the same command for a whole sweep",
                        p->trials);
    if (p->count == 0 && p->noisy > 0)
        return out_fail(NOMCTL_FAILED,
                        "no trial was quiet: others used over %.2f cores during each of %zu; wait "
                        "until the machine is idle, or give --accept-noisy",
                        PROFILER_OTHER_CPU_MAX, p->noisy);
    if (p->count == 0)
        return out_fail(NOMCTL_FAILED, "every trial failed, the last: %s", why);
    if (p->count < wanted)
        out_note("%zu of %zu points have no good trial and are missing", wanted - p->count, wanted);
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
    m.settings.seconds = o->seconds;
    m.settings.warmup_seconds = o->warmup_seconds;
    code = measure_session(store, &m, "profile", o->sweep.seed, argc, argv, &session);
    if (code)
        return code;
    enum sweep_end end = sweep_run(&o->sweep, &m, store, session.id, why, sizeof why);
    int error = store_session_end(store, session.id);
    if (error && end != SWEEP_STORE)
        return database_fail(store, error);
    code = database_points(store, session.id, &points);
    if (code)
        return code;
    code = verdict(end, &points, &o->sweep, why);
    int shown = NOMCTL_OK;
    if (code == NOMCTL_OK || code == NOMCTL_INTERRUPTED)
        shown = show(&session, &points, &o->sweep, &m.settings, common->json,
                     code == NOMCTL_INTERRUPTED);
    free(points.points);
    return code ? code : shown;
}

int profile_main(int argc, char **argv) {
    struct profile_options o = {.seconds = 1.5, .warmup_seconds = 0.3};
    struct common common;
    char why[WHY_BYTES];
    uint32_t drawn;
    measure_defaults(&o.measure);
    o.sweep.repeats = 3;
    o.sweep.noisy_retries = 2;
    list_delays("0:40:2", o.sweep.delays_us, &o.sweep.delay_count, why, sizeof why);
    list_loads("single,many", o.sweep.loads, &o.sweep.load_count, why, sizeof why);
    int code = cli_parse(&profile_command, argc, argv, &o, &common);
    if (code != CLI_RUN)
        return code;
    if (!app_find(o.measure.app))
        return NOMCTL_USAGE;
    if (sweep_points(&o.sweep) > SWEEP_POINTS_MAX)
        return out_fail(NOMCTL_USAGE, "%zu delays and loads together, at most %u are allowed",
                        sweep_points(&o.sweep), SWEEP_POINTS_MAX);
    if (!o.has_seed && getrandom(&drawn, sizeof drawn, 0) == sizeof drawn)
        o.sweep.seed = drawn;
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
