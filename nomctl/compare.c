/*
 * nomctl compare: the same app on several floors, interleaved in one run, and what one does better
 * than the other.
 *
 * All guests run under one accelerator: under KVM only if it runs both rings, for the kernel of a
 * guest that is not nom's works in ring 0.
 */
#include "nomctl/compare.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEY_DELAY = 0xa001, KEY_KERNEL, KEY_IMAGE };

struct compare_options {
    struct measure_options measure;
    struct rounds rounds;
    const struct profiler_floor *floors[FLOORS_MAX];
    size_t floor_count;
    double delay_us;
    const char *kernel, *image;
};

static const struct argp_option options[] = {
    {"on", MEASURE_KEY_ON, "LIST", 0,
     "floors, two or more of nom, hosted, host (this Linux's sockets), linux (a Linux guest), osv "
     "(an OSv guest); the first is compared with each of the others",
     0},
    {"delay", KEY_DELAY, "W", 0,
     "batching delay in us on floors that have one (default: 0, natural)", 0},
    {"kernel", KEY_KERNEL, "FILE", 0, "of osv: the kernel to boot", 0},
    {"image", KEY_IMAGE, "FILE", 0, "of osv: the disk image that holds the app", 0},
    {0},
};

static int set(void *context, int key, unsigned index, const char *value) {
    struct compare_options *o = context;
    char why[WHY_BYTES];
    int code;
    (void)index;
    if (key == MEASURE_KEY_ON)
        return floor_list(value, o->floors, &o->floor_count);
    if (measure_set(&o->measure, key, value, &code) || rounds_set(&o->rounds, key, value, &code))
        return code;
    if (key == ARGP_KEY_ARG)
        o->measure.app = value;
    else if (key == KEY_DELAY &&
             list_number("--delay", value, 0, NOM_DELAY_US_MAX, &o->delay_us, why, sizeof why))
        return out_fail(NOMCTL_USAGE, "%s", why);
    else if (key == KEY_KERNEL || key == KEY_IMAGE) {
        if (access(value, R_OK) != 0)
            return out_fail(NOMCTL_USAGE, "--%s: %s: %s", key == KEY_KERNEL ? "kernel" : "image",
                            value, strerror(errno));
        *(key == KEY_KERNEL ? &o->kernel : &o->image) = value;
    }
    return NOMCTL_OK;
}

const struct command compare_command = {
    .name = "compare",
    .summary = "measure an app on several floors in turn, and print what one does better",
    .arguments = "APP --on A,B[,C...]",
    .notes =
        "Each repeat measures every load on every floor once, in a random order, from a recorded "
        "seed; each trial is in the database before the next begins, and Ctrl-C keeps what has "
        "been measured. Ratios are of medians, over 1 where the first floor is better: more "
        "throughput, less mean latency, less jitter. In brackets: the least and greatest ratio of "
        "a single repeat.\n\n"
        "Examples:\n"
        "  nomctl compare nhttpd --on nom,linux\n"
        "  nomctl compare nhttpd --on hosted,host --loads 1,8,32 --repeats 9 --delay 8\n"
        "  nomctl compare memcached --on nom,linux --accel tcg\n"
        "  nomctl compare nhttpd --on nom,osv --image FILE --kernel FILE --accel tcg --json",
    .arguments_least = 1,
    .arguments_most = 1,
    .has_json = true,
    .has_db = true,
    .measures = true,
    .repeats = true,
    .options = options,
    .set = set,
};

/* What kinds of floors there are. */
struct kinds {
    bool adapts, process, guest, foreign; /* foreign: a guest whose kernel is not nom's */
    bool osv;
};

static struct kinds kinds_of(const struct compare_options *o) {
    struct kinds k = {0};
    for (size_t i = 0; i < o->floor_count; i++) {
        const struct profiler_floor *f = o->floors[i];
        k.adapts = k.adapts || f->adapts;
        k.process = k.process || !f->guest;
        k.guest = k.guest || f->guest;
        k.foreign = k.foreign || (f->guest && !f->adapts);
        k.osv = k.osv || strcmp(f->name, "osv") == 0;
    }
    return k;
}

/* Options that none of the floors has a use for. An exit code. */
static int fits(const struct compare_options *o, const struct kinds *k) {
    if (o->floor_count == 0)
        return out_fail(NOMCTL_USAGE, "compare: missing --on A,B: the floors to compare");
    if (o->delay_us > 0 && !k->adapts)
        return out_fail(NOMCTL_USAGE, "--delay: none of these floors has a batching delay");
    if (!k->guest && strcmp(o->measure.accel, "auto") != 0)
        return out_fail(NOMCTL_USAGE, "--accel: none of these floors is a guest");
    if (!k->guest && strcmp(o->measure.network, "auto") != 0)
        return out_fail(NOMCTL_USAGE, "--network: none of these floors is a guest");
    if (!k->guest && o->measure.vcpus)
        return out_fail(NOMCTL_USAGE, "--vcpus: none of these floors is a guest");
    if (!k->process && o->measure.rps_core != RPS_AUTO)
        return out_fail(NOMCTL_USAGE, "--rps-core: all of these floors are guests");
    if (!k->osv && (o->kernel || o->image))
        return out_fail(NOMCTL_USAGE, "--%s is of osv, which is not among these floors",
                        o->kernel ? "kernel" : "image");
    return NOMCTL_OK;
}

/* An accelerator under which all guests run, and why that one. An exit code. */
static int choose(const struct measure_options *o, const struct kinds *k, struct measure *m,
                  char accel[TRIAL_NAME_BYTES]) {
    struct profiler_accel_check kvm;
    const char *wanted = o->accel;
    char why[WHY_BYTES];
    snprintf(accel, TRIAL_NAME_BYTES, "none");
    snprintf(m->accel_reason, sizeof m->accel_reason, "no guest among the floors");
    if (!k->guest)
        return NOMCTL_OK;
    bool native = true;
    if (k->foreign && strcmp(wanted, "tcg") != 0) {
        if (profiler_accel_check(&m->paths, "kvm", &kvm, why, sizeof why))
            return out_fail(NOMCTL_MISSING, "accelerator %s: %s", wanted, why);
        native = kvm.kind == PROFILER_ACCEL_KVM;
        if (!native && strcmp(wanted, "kvm") == 0)
            return out_fail(NOMCTL_MISSING,
                            "accelerator kvm: only nom's guests run under it here; for the others "
                            "it must run both rings at speed: %s",
                            kvm.detail);
        wanted = native ? "kvm" : "tcg";
    }
    if (profiler_accel_choose(&m->paths, wanted, accel, m->accel_reason, sizeof m->accel_reason,
                              why, sizeof why))
        return out_fail(NOMCTL_MISSING, "accelerator %s: %s", wanted, why);
    if (!native)
        snprintf(
            m->accel_reason, sizeof m->accel_reason,
            "tcg: all guests run under one accelerator, and kvm here is none for a kernel that "
            "is not nom's: %s",
            kvm.detail);
    return NOMCTL_OK;
}

/* Whether all floors work here, and how each will be measured. An exit code. */
static int prepare(const struct compare_options *o, struct compare *c) {
    struct measure *m = &c->measure;
    struct kinds k = kinds_of(o);
    struct profiler_floor_check check;
    char accel[TRIAL_NAME_BYTES];
    int code = measure_find(&o->measure, &m->paths);
    if (code)
        return code;
    snprintf(m->paths.osv_kernel, sizeof m->paths.osv_kernel, "%s", o->kernel ? o->kernel : "");
    snprintf(m->paths.osv_image, sizeof m->paths.osv_image, "%s", o->image ? o->image : "");
    for (size_t i = 0; i < o->floor_count; i++) {
        profiler_floor_check(&m->paths, o->floors[i], &check);
        if (!check.works)
            return out_fail(NOMCTL_MISSING, "%s: %s", o->floors[i]->name, check.detail);
    }
    code = choose(&o->measure, &k, m, accel);
    char *names = m->settings.target;
    for (size_t i = 0; i < o->floor_count && !code; i++) {
        struct trial_settings *s = &c->settings[i];
        size_t n = strlen(names);
        code = measure_floor(&o->measure, &m->paths, o->floors[i], accel, s);
        s->delay_us = o->floors[i]->adapts ? o->delay_us : 0;
        snprintf(names + n, sizeof m->settings.target - n, "%s%s", i ? "," : "",
                 o->floors[i]->name);
    }
    snprintf(m->settings.app, sizeof m->settings.app, "%s", o->measure.app);
    snprintf(m->settings.accel, sizeof m->settings.accel, "%s", accel);
    if (!code && k.guest && strcmp(o->measure.accel, "auto") == 0)
        out_note("guests under %s", m->accel_reason);
    return code;
}

static void describe(const struct trial_settings *place, char *text, size_t bytes) {
    snprintf(text, bytes, "%s, load %s", place->target, place->load);
}

/* Every load on every floor; malloc'd. */
static struct trial_settings *places_of(const struct compare *c) {
    size_t n = c->rounds->load_count * c->floor_count;
    struct trial_settings *places = calloc(n, sizeof *places);
    for (size_t i = 0; places && i < n; i++) {
        const struct load_level *load = &c->rounds->loads[i / c->floor_count];
        places[i] = c->settings[i % c->floor_count];
        memcpy(places[i].load, load->name, sizeof places[i].load);
        places[i].connections = load->connections;
    }
    return places;
}

static int measure(struct compare *c, struct store *store, enum rounds_end *end, char *why,
                   size_t why_bytes) {
    struct trial_settings *places = places_of(c);
    if (!places)
        return out_fail(NOMCTL_FAILED, "out of memory");
    struct rounds_work work = {.paths = &c->measure.paths,
                               .places = places,
                               .count = c->rounds->load_count * c->floor_count,
                               .store = store,
                               .session_id = c->session.id,
                               .describe = describe};
    *end = rounds_run(c->rounds, &work, why, why_bytes);
    free(places);
    int error = store_session_end(store, c->session.id);
    if (error && *end != ROUNDS_STORE)
        return database_fail(store, error);
    return database_trials(store, c->session.id, &c->trials);
}

static int compare(struct compare *c, const struct compare_options *o, bool json,
                   struct store *store, int argc, char **argv) {
    char why[TRIAL_ERROR_BYTES] = "";
    enum rounds_end end = ROUNDS_DONE;
    int code = prepare(o, c), shown = NOMCTL_OK;
    if (!code)
        code =
            measure_session(store, &c->measure, "compare", o->rounds.seed, argc, argv, &c->session);
    if (!code)
        code = measure(c, store, &end, why, sizeof why);
    if (code)
        return code;
    compare_note(c);
    struct rounds_count count = {c->trials.count, c->trials.noisy, compare_ratios(c),
                                 c->rounds->load_count * (c->floor_count - 1), "ratios"};
    code = rounds_verdict(end, &count, why);
    if (code == NOMCTL_OK || code == NOMCTL_INTERRUPTED)
        shown = compare_show(c, json, code == NOMCTL_INTERRUPTED);
    database_trials_free(&c->trials);
    return code ? code : shown;
}

int compare_main(int argc, char **argv) {
    static struct compare_options o;
    static struct compare c;
    struct common common;
    struct store *store;
    measure_defaults(&o.measure);
    rounds_defaults(&o.rounds);
    o.rounds.repeats = 5;
    int code = cli_parse(&compare_command, argc, argv, &o, &common);
    if (code != CLI_RUN)
        return code;
    struct kinds k = kinds_of(&o);
    code = measure_fits(&o.measure);
    if (!code)
        code = rounds_fit(&o.rounds, &o.measure);
    if (!code)
        code = fits(&o, &k);
    if (code)
        return code;
    rounds_draw_seed(&o.rounds);
    c.rounds = &o.rounds;
    c.floor_count = o.floor_count;
    memcpy(c.floors, o.floors, sizeof c.floors);
    if (profiler_session(&code) > 0)
        return code;
    code = database_open(&common, STORE_WRITE, &store);
    if (code)
        return code;
    stop_install();
    code = compare(&c, &o, common.json, store, argc, argv);
    store_close(store);
    return code;
}
