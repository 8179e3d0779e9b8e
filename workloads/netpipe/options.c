/* options.h: pairs of a name and a value, each checked as it is read. NPtcp's own letters are
 * understood too, so that both sides can be given the same words. */
#include "workloads/netpipe/options.h"
#include "runtime/platform/platform.h"
#include "workloads/netpipe/serve.h"
#include <string.h>

#define APP "netpipe"

static int whole(const char *value, uint32_t least, uint32_t greatest, uint32_t *out) {
    double number;
    if (app_number(value, least, greatest, &number) != 0)
        return -1;
    *out = (uint32_t)number;
    return number == (double)*out ? 0 : -1;
}

static int on_or_off(const char *value, bool *out) {
    *out = strcmp(value, "on") == 0;
    return *out || strcmp(value, "off") == 0 ? 0 : -1;
}

static bool is(const char *name, const char *word, const char *letter) {
    return strcmp(name, word) == 0 || strcmp(name, letter) == 0;
}

static enum app_option set_option(struct options *o, const char *name, const char *value) {
    struct np_settings *s = &o->settings;
    int failed;
    if (strcmp(name, "--port") == 0)
        failed = app_port(value, &o->port);
    else if (is(name, "--start", "-l"))
        failed = whole(value, 1, NP_MESSAGE_MAX, &s->start);
    else if (is(name, "--upper", "-u"))
        failed = whole(value, 1, NP_MESSAGE_MAX, &s->upper);
    else if (is(name, "--perturbation", "-p"))
        failed = whole(value, 0, NP_PERTURB_MAX, &s->perturbation);
    else if (strcmp(name, "--bidirectional") == 0)
        failed = on_or_off(value, &s->both);
    else if (strcmp(name, "--connections") == 0)
        failed = whole(value, 1, NP_CONNECTIONS_MAX, &o->connections);
    else
        return app_option_set(&o->app, name, value);
    return failed ? APP_OPTION_BAD_VALUE : APP_OPTION_TAKEN;
}

static int check(const struct options *o) {
    if (!o->app.address) {
        plat_log(APP ": --ip A.B.C.D/LEN is needed");
        return -1;
    }
    if (o->app.control_port == o->port) {
        plat_log(APP ": --port and --control-port are both %u", o->port);
        return -1;
    }
    if (o->settings.start > o->settings.upper) {
        plat_log(APP ": --start %u is above --upper %u", o->settings.start, o->settings.upper);
        return -1;
    }
    return 0;
}

int options_parse(struct options *o, int argc, char **argv) {
    *o = (struct options){
        .port = NP_PORT,
        .connections = NP_CONNECTIONS_DEFAULT,
        .settings = {.start = 1, .upper = NP_UPPER_DEFAULT, .perturbation = NP_PERTURB_DEFAULT}};
    app_options_init(&o->app);
    for (int i = 1; i < argc; i += 2) {
        if (strcmp(argv[i], "-2") == 0) { /* alone, as NPtcp has it */
            o->settings.both = true;
            i--;
            continue;
        }
        if (i + 1 == argc) {
            plat_log(APP ": option %s has no value", argv[i]);
            return -1;
        }
        switch (set_option(o, argv[i], argv[i + 1])) {
        case APP_OPTION_TAKEN:
            break;
        case APP_OPTION_BAD_VALUE:
            plat_log(APP ": bad value for %s: %s", argv[i], argv[i + 1]);
            return -1;
        case APP_OPTION_UNKNOWN:
            plat_log(APP ": no option %s (" APP_OPTION_NAMES " --port --connections --start "
                         "--upper --perturbation --bidirectional)",
                     argv[i]);
            return -1;
        }
    }
    return check(o);
}
