/*
 * A ported program as an app: the options before "--" are the library's (app/options.h), what
 * follows is the program's own. The library around it holds network, chooser, control port, prices
 * and load estimate; the program knows nothing of them. The program's environment is what stands
 * here, and what --env NAME=VALUE adds, as often as it is given.
 *
 *   memcached --ip 10.0.0.2/24 --control-port 7700 -- -t 1 -m 64
 */
#include "runtime/app/loop.h"
#include "runtime/net/net.h"
#include "runtime/platform/platform.h"
#include "runtime/posix/posix.h"
#include "runtime/posix/program.h"
#include "runtime/posix/wait.h"
#include <string.h>

#define STATUS_USAGE    2
#define STATUS_FAILED   1
#define ENVIRONMENT_MAX 64 /* variables */

const char *posix_name = "program";

static struct app app = {
    .active = posix_sockets_active,
    .tick = posix_sockets_tick,
    .serving = posix_sockets_serve,
    .statistics = posix_sockets_statistics,
};

static char *environment[ENVIRONMENT_MAX + 1] = {"PATH=/", "HOME=/tmp", "TMPDIR=/tmp"};

static enum app_option set_environment(char *assignment) {
    size_t name_bytes = strcspn(assignment, "=");
    int i = 0;
    if (name_bytes == 0 || assignment[name_bytes] == '\0')
        return APP_OPTION_BAD_VALUE;
    while (environment[i] && strncmp(environment[i], assignment, name_bytes + 1) != 0)
        i++;
    if (i == ENVIRONMENT_MAX)
        return APP_OPTION_BAD_VALUE;
    environment[i] = assignment;
    return APP_OPTION_TAKEN;
}

static enum app_option set_option(struct app_options *o, const char *name, char *value) {
    return strcmp(name, "--env") == 0 ? set_environment(value) : app_option_set(o, name, value);
}

/* How many arguments are the library's, without the "--"; -1 for a bad one. */
static int library_options(struct app_options *o, int argc, char **argv) {
    int i = 1;
    app_options_init(o);
    for (; i < argc && strcmp(argv[i], "--") != 0; i += 2) {
        if (i + 1 == argc || strcmp(argv[i + 1], "--") == 0) {
            plat_log("%s: option %s has no value", posix_name, argv[i]);
            return -1;
        }
        switch (set_option(o, argv[i], argv[i + 1])) {
        case APP_OPTION_TAKEN:
            break;
        case APP_OPTION_BAD_VALUE:
            plat_log("%s: bad value for %s: %s", posix_name, argv[i], argv[i + 1]);
            return -1;
        case APP_OPTION_UNKNOWN:
            plat_log("%s: no option %s before -- (" APP_OPTION_NAMES " --env)", posix_name,
                     argv[i]);
            return -1;
        }
    }
    if (!o->address) {
        plat_log("%s: --ip A.B.C.D/LEN is needed", posix_name);
        return -1;
    }
    return i;
}

static const char *last_part(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void posix_app_ready(uint16_t port) {
    static bool said;
    char text[200];
    if (said)
        return;
    said = true;
    app_describe(port, text, sizeof text);
    plat_log("%s: ready%s", posix_name, text);
}

int plat_main(int argc, char **argv) {
    struct app_options o;
    char why[200];
    uint64_t random[2] = {plat_entropy(), plat_entropy()};
    if (argc > 0)
        posix_name = app.name = last_part(argv[0]);
    int options = library_options(&o, argc, argv);
    if (options < 0)
        return STATUS_USAGE;
    if (app_open(&app, &o, why, sizeof why) != 0 || app_open_control(why, sizeof why) != 0) {
        plat_log("%s: %s", posix_name, why);
        return STATUS_FAILED;
    }
    if (posix_memory_start() != 0 || posix_files_start() != 0 || posix_threads_start() != 0)
        return STATUS_FAILED;
    posix_wait_start();
    net_answers_later();
    /* The program's own arguments, behind the "--", with its name in front of them. */
    int rest = argc - options;
    if (rest < 1) /* no "--" */
        rest = 1;
    argv[argc - rest] = argv[0];
    posix_program_start(rest, argv + argc - rest, environment, random);
}
