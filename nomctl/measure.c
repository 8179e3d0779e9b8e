/*
 * What measuring commands have in common: which app, under what, over which network; and the flag
 * that a signal sets, so that what has been measured is kept and shown.
 */
#include "nomctl/nomctl.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const struct profiler_app *app_find(const char *name) {
    const struct profiler_app *app = profiler_app_find(name);
    char list[256] = "";
    if (app)
        return app;
    for (size_t i = 0; i < profiler_app_count; i++) {
        size_t n = strlen(list);
        snprintf(list + n, sizeof list - n, "%s%s", n ? ", " : "", profiler_apps[i].name);
    }
    out_error("unknown app '%s': known are %s", name, list);
    return NULL;
}

enum {
    KEY_ACCEL = MEASURE_KEY_ON + 1,
    KEY_NETWORK,
    KEY_NO_SPINNER,
    KEY_RPS_CORE,
    KEY_VCPUS,
    KEY_POLL_US,
};

const struct argp_option measure_argp_options[] = {
    {"accel", KEY_ACCEL, "ACCEL", 0,
     "of a guest: kvm, tcg, or auto (default): the faster of those that work", 0},
    {"network", KEY_NETWORK, "NETWORK", 0,
     "of a guest: tap (a network namespace of its own), polled (a tap, and no doorbells), user "
     "(QEMU's), or auto (default): tap if "
     "possible",
     0},
    {"vcpus", KEY_VCPUS, "N", 0,
     "of a guest: virtual processors (default: 1; in a run one for each app and one for priced)",
     0},
    {"poll-us", KEY_POLL_US, "US", 0,
     "of nom and hosted: how long without a frame before the app sleeps (default: 100000)", 0},
    {"no-spinner", KEY_NO_SPINNER, 0, 0, "let the client's core fall asleep", 0},
    {"rps-core", KEY_RPS_CORE, "CORE", 0,
     "of a process: where this Linux receives for the client: a core, none (where the frame was "
     "sent), or auto (default)",
     0},
    {0},
};

void measure_defaults(struct measure_options *o) {
    *o = (struct measure_options){
        .accel = "auto", .network = "auto", .rps_core = RPS_AUTO, .poll_us = NOM_POLL_US_INITIAL};
}

/* One of a NULL-terminated list, or NOMCTL_USAGE. */
static int one_of(const char *option, const char *value, const char *const *allowed,
                  const char **to) {
    char list[128] = "";
    for (; *allowed; allowed++) {
        if (strcmp(value, *allowed) == 0) {
            *to = *allowed;
            return NOMCTL_OK;
        }
        size_t n = strlen(list);
        snprintf(list + n, sizeof list - n, "%s%s", n ? ", " : "", *allowed);
    }
    return out_fail(NOMCTL_USAGE, "--%s: '%s' is none of: %s", option, value, list);
}

static int rps_core(const char *value, int32_t *core) {
    long cores = sysconf(_SC_NPROCESSORS_CONF);
    uint64_t n;
    char why[WHY_BYTES];
    if (strcmp(value, "auto") == 0)
        *core = RPS_AUTO;
    else if (strcmp(value, "none") == 0)
        *core = -1;
    else if (strspn(value, "0123456789") != strlen(value) || !value[0])
        return out_fail(NOMCTL_USAGE, "--rps-core: '%.40s' is neither a core, none nor auto",
                        value);
    else if (list_integer("--rps-core", value, 0, cores > 0 ? (uint64_t)cores - 1 : 0, &n, why,
                          sizeof why))
        return out_fail(NOMCTL_USAGE, "%s", why);
    else
        *core = (int32_t)n;
    return NOMCTL_OK;
}

static int vcpus(const char *value, uint32_t *to) {
    char why[WHY_BYTES];
    uint64_t n;
    if (list_integer("--vcpus", value, 1, VCPUS_MAX, &n, why, sizeof why))
        return out_fail(NOMCTL_USAGE, "%s", why);
    *to = (uint32_t)n;
    return NOMCTL_OK;
}

static int poll_us(const char *value, double *to) {
    char why[WHY_BYTES];
    uint64_t n;
    if (list_integer("--poll-us", value, 0, (uint64_t)NOM_POLL_US_MAX, &n, why, sizeof why))
        return out_fail(NOMCTL_USAGE, "%s", why);
    *to = (double)n;
    return NOMCTL_OK;
}

bool measure_set(struct measure_options *o, int key, const char *value, int *code) {
    static const char *const accels[] = {"auto", "kvm", "tcg", NULL}, *const networks[] = {
                                                                          "auto", "tap",
                                                                          PROFILER_NETWORK_POLLED,
                                                                          "user", NULL};
    *code = NOMCTL_OK;
    if (traffic_set(&o->traffic, key, value, code))
        return true;
    if (key == MEASURE_KEY_ON)
        *code = floor_adapting(value, &o->floor);
    else if (key == KEY_ACCEL)
        *code = one_of("accel", value, accels, &o->accel);
    else if (key == KEY_NETWORK)
        *code = one_of("network", value, networks, &o->network);
    else if (key == KEY_RPS_CORE)
        *code = rps_core(value, &o->rps_core);
    else if (key == KEY_VCPUS)
        *code = vcpus(value, &o->vcpus);
    else if (key == KEY_POLL_US)
        *code = poll_us(value, &o->poll_us);
    else if (key == KEY_NO_SPINNER)
        o->no_spinner = true;
    else
        return false;
    return true;
}

int measure_fits(const struct measure_options *o) {
    const struct profiler_app *app = app_find(o->app);
    struct trial_traffic traffic;
    const struct profiler_client *client;
    return app ? traffic_of(&o->traffic, app, &traffic, &client) : NOMCTL_USAGE;
}

int measure_load_fits(const struct measure_options *o, const struct load_level *load) {
    const struct profiler_app *app = app_find(o->app);
    struct trial_traffic traffic;
    const struct profiler_client *client;
    int code = traffic_of(&o->traffic, app, &traffic, &client);
    return code ? code : traffic_connections(app, &traffic, load->connections);
}

static int need_tool(const char *tool, const char *package) {
    char path[4096];
    if (file_find_tool(tool, path, sizeof path) == 0)
        return NOMCTL_OK;
    return out_fail(NOMCTL_MISSING, "%s is not in PATH: install it with: apt-get install %s", tool,
                    package);
}

/* Whether the client that is asked for is there. */
static int need_client(const struct profiler_client *client) {
    char path[4096];
    if (client->tools[1] && file_find_tool(client->tools[1], path, sizeof path) == 0)
        return NOMCTL_OK;
    return client->tools[0] ? need_tool(client->tools[0], client->package) : NOMCTL_OK;
}

int measure_find(const struct measure_options *o, struct profiler_paths *paths) {
    char why[WHY_BYTES];
    struct trial_traffic traffic;
    const struct profiler_client *client;
    const struct profiler_app *app = app_find(o->app);
    int code = app ? traffic_of(&o->traffic, app, &traffic, &client) : NOMCTL_USAGE;
    if (!code)
        code = need_client(client);
    if (!code && profiler_paths(o->app, paths, why, sizeof why))
        code = out_fail(NOMCTL_MISSING, "%s", why);
    return code;
}

int measure_floor(const struct measure_options *o, const struct profiler_paths *paths,
                  const struct profiler_floor *floor, const char *accel, struct trial_settings *s) {
    struct profiler_floor_check check;
    const struct profiler_client *client;
    char why[WHY_BYTES];
    profiler_floor_check(paths, floor, &check);
    if (!check.works)
        return out_fail(NOMCTL_MISSING, "%s: %s", floor->name, check.detail);
    profiler_settings_default(paths, o->app, floor, accel, s);
    if (floor->guest && strcmp(o->network, "auto") != 0) {
        if (strcmp(o->network, "user") != 0 &&
            strcmp(profiler_network(why, sizeof why), "tap") != 0)
            return out_fail(NOMCTL_MISSING, "network %s: %s", o->network, why);
        snprintf(s->network, sizeof s->network, "%s", o->network);
    }
    int code = traffic_of(&o->traffic, app_find(o->app), &s->traffic, &client);
    if (code)
        return code;
    snprintf(s->client, sizeof s->client, "%s", client->name);
    if (o->no_spinner)
        s->spinner = false;
    s->poll_us = o->poll_us;
    if (floor->guest && o->vcpus)
        s->vcpus = o->vcpus;
    if (!floor->guest && o->rps_core != RPS_AUTO)
        s->rps_core = o->rps_core;
    return NOMCTL_OK;
}

/* Options that this kind of floor has no use for. An exit code. */
static int fits(const struct measure_options *o, const struct profiler_floor *floor) {
    if (floor->guest && o->rps_core != RPS_AUTO)
        return out_fail(NOMCTL_USAGE, "--rps-core: %s is a guest: its network is no veth",
                        floor->name);
    if (!floor->guest && strcmp(o->accel, "auto") != 0)
        return out_fail(NOMCTL_USAGE, "--accel: %s is a process, which takes no accelerator",
                        floor->name);
    if (!floor->guest && strcmp(o->network, "auto") != 0)
        return out_fail(NOMCTL_USAGE, "--network: %s is a process, whose network is a veth",
                        floor->name);
    if (!floor->guest && o->vcpus)
        return out_fail(NOMCTL_USAGE, "--vcpus: %s is a process, which has no virtual processors",
                        floor->name);
    return NOMCTL_OK;
}

int measure_prepare(const struct measure_options *o, struct measure *m) {
    char why[WHY_BYTES] = "", accel[TRIAL_NAME_BYTES] = "none";
    const struct profiler_floor *floor = o->floor;
    int code = floor ? fits(o, floor) : NOMCTL_OK;
    if (!code && floor && floor->guest)
        code = need_tool("qemu-system-x86_64", "qemu-system-x86");
    if (!code)
        code = measure_find(o, &m->paths);
    if (code)
        return code;
    if (!floor) {
        if (profiler_floor_choose(&m->paths, o->accel, &floor, accel, m->accel_reason,
                                  sizeof m->accel_reason, why, sizeof why))
            return strcmp(o->accel, "auto") == 0
                       ? out_fail(NOMCTL_MISSING, "neither nom nor hosted works here: %s", why)
                       : out_fail(NOMCTL_MISSING, "accelerator %s: %s", o->accel, why);
        code = fits(o, floor);
        if (!code && strcmp(o->accel, "auto") == 0)
            out_note("on %s", m->accel_reason);
    } else if (!floor->guest)
        snprintf(m->accel_reason, sizeof m->accel_reason, "%s as asked", floor->name);
    else if (profiler_accel_choose(&m->paths, o->accel, accel, m->accel_reason,
                                   sizeof m->accel_reason, why, sizeof why))
        code = out_fail(NOMCTL_MISSING, "accelerator %s: %s", o->accel, why);
    return code ? code : measure_floor(o, &m->paths, floor, accel, &m->settings);
}

int measure_session(struct store *store, const struct measure *m, const char *command,
                    uint64_t seed, int argc, char **argv, struct store_session *session) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    *session = (struct store_session){
        .started_unix_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000, .seed = seed};
    snprintf(session->command, sizeof session->command, "%s", command);
    snprintf(session->app, sizeof session->app, "%s", m->settings.app);
    snprintf(session->target, sizeof session->target, "%s", m->settings.target);
    snprintf(session->accel, sizeof session->accel, "%s", m->settings.accel);
    snprintf(session->accel_reason, sizeof session->accel_reason, "%.255s", m->accel_reason);
    profiler_machine(session->machine, sizeof session->machine);
    for (int i = 1; i < argc; i++) {
        size_t n = strlen(session->arguments);
        snprintf(session->arguments + n, sizeof session->arguments - n, "%s%s", i > 1 ? " " : "",
                 argv[i]);
    }
    int error = store_session_begin(store, session);
    return error ? database_fail(store, error) : NOMCTL_OK;
}

static volatile sig_atomic_t stop;

volatile const int *stop_flag(void) {
    return &stop;
}

static void on_signal(int number) {
    stop = number;
}

void stop_install(void) {
    /* The second of a kind finds the default action and ends the process. */
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
}
