/*
 * What measuring commands have in common: which app, under what, over which network; and the flag
 * that a signal sets, so that what has been measured is kept and shown.
 */
#include "nomctl/nomctl.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

static const struct app_info apps[] = {
    {"nhttpd", "/", "web server of this project"},
};
#define APPS (sizeof apps / sizeof apps[0])

const struct app_info *app_find(const char *name) {
    char list[256] = "";
    for (size_t i = 0; i < APPS; i++) {
        if (strcmp(name, apps[i].name) == 0)
            return &apps[i];
        size_t n = strlen(list);
        snprintf(list + n, sizeof list - n, "%s%s", n ? ", " : "", apps[i].name);
    }
    out_error("unknown app '%s': known are %s", name, list);
    return NULL;
}

enum {
    KEY_ON = MEASURE_KEY_CLIENT + 1,
    KEY_ACCEL,
    KEY_NETWORK,
    KEY_PATH,
    KEY_NO_SPINNER,
};

const struct argp_option measure_argp_options[] = {
    {"on", KEY_ON, "TARGET", 0, "what the app runs on: nom (default)", 0},
    {"accel", KEY_ACCEL, "ACCEL", 0, "kvm, tcg, or auto (default): the faster of those that work",
     0},
    {"network", KEY_NETWORK, "NETWORK", 0,
     "tap (a network namespace of its own), user (QEMU's), or auto (default): tap if possible", 0},
    {"path", KEY_PATH, "PATH", 0, "what is requested (default: /)", 0},
    {"no-spinner", KEY_NO_SPINNER, 0, 0, "let the client's core fall asleep", 0},
    {0},
};

void measure_defaults(struct measure_options *o) {
    *o = (struct measure_options){.on = "nom", .accel = "auto", .network = "auto", .client = "nom"};
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

bool measure_set(struct measure_options *o, int key, const char *value, int *code) {
    static const char *const targets[] = {"nom", NULL},
                             *const accels[] = {"auto", "kvm", "tcg", NULL},
                             *const networks[] = {"auto", "tap", "user", NULL},
                             *const clients[] = {"nom", "wrk", NULL};
    *code = NOMCTL_OK;
    if (key == KEY_ON)
        *code = one_of("on", value, targets, &o->on);
    else if (key == KEY_ACCEL)
        *code = one_of("accel", value, accels, &o->accel);
    else if (key == KEY_NETWORK)
        *code = one_of("network", value, networks, &o->network);
    else if (key == MEASURE_KEY_CLIENT)
        *code = one_of("client", value, clients, &o->client);
    else if (key == KEY_NO_SPINNER)
        o->no_spinner = true;
    else if (key == KEY_PATH) {
        o->path = value;
        if (value[0] != '/' || strlen(value) >= TRIAL_TEXT_BYTES || strpbrk(value, " \r\n\t"))
            *code = out_fail(NOMCTL_USAGE, "--path: '%s' is not a path like /index.html", value);
    } else
        return false;
    return true;
}

static int need_tool(const char *tool, const char *package) {
    char path[4096];
    if (file_find_tool(tool, path, sizeof path) == 0)
        return NOMCTL_OK;
    return out_fail(NOMCTL_MISSING, "%s is not in PATH: install it with: apt-get install %s", tool,
                    package);
}

int measure_prepare(const struct measure_options *o, struct measure *m) {
    char why[WHY_BYTES] = "", accel[TRIAL_NAME_BYTES];
    const struct app_info *app = app_find(o->app);
    if (!app)
        return NOMCTL_USAGE;
    int code = need_tool("qemu-system-x86_64", "qemu-system-x86");
    if (!code && strcmp(o->client, "wrk") == 0)
        code = need_tool("wrk", "wrk");
    if (code)
        return code;
    if (profiler_paths(app->name, &m->paths, why, sizeof why))
        return out_fail(NOMCTL_MISSING, "%s", why);
    if (profiler_accel_choose(&m->paths, o->accel, accel, m->accel_reason, sizeof m->accel_reason,
                              why, sizeof why))
        return out_fail(NOMCTL_MISSING, "accelerator %s: %s", o->accel, why);
    const char *network = profiler_network(why, sizeof why);
    if (strcmp(o->network, "tap") == 0 && strcmp(network, "tap") != 0)
        return out_fail(NOMCTL_MISSING, "network tap: %s", why);
    if (strcmp(o->network, "auto") != 0)
        network = o->network;

    struct trial_settings *s = &m->settings;
    profiler_settings_default(&m->paths, app->name, profiler_floor_find(o->on), accel, s);
    snprintf(s->target, sizeof s->target, "%s", o->on);
    snprintf(s->network, sizeof s->network, "%s", network);
    snprintf(s->client, sizeof s->client, "%s", o->client);
    snprintf(s->path, sizeof s->path, "%s", o->path ? o->path : app->path);
    if (o->no_spinner)
        s->spinner = false;
    return NOMCTL_OK;
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
