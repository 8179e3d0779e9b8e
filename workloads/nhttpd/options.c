/* options.h: pairs of a name and a value, each checked as it is read. */
#include "workloads/nhttpd/options.h"
#include "runtime/platform/platform.h"
#include "workloads/nhttpd/serve.h"
#include <string.h>

#define APP "nhttpd"

static int set_connections(struct options *o, const char *value) {
    double count;
    if (app_number(value, 1, SERVE_CONNECTIONS_MAX, &count) != 0)
        return -1;
    o->connections = (uint32_t)count;
    return count == (double)o->connections ? 0 : -1;
}

static enum app_option set_option(struct options *o, const char *name, const char *value) {
    int failed;
    if (strcmp(name, "--port") == 0)
        failed = app_port(value, &o->port);
    else if (strcmp(name, "--connections") == 0)
        failed = set_connections(o, value);
    else
        return app_option_set(&o->app, name, value);
    return failed ? APP_OPTION_BAD_VALUE : APP_OPTION_TAKEN;
}

int options_parse(struct options *o, int argc, char **argv) {
    *o = (struct options){.port = 80, .connections = SERVE_CONNECTIONS_MAX};
    app_options_init(&o->app);
    for (int i = 1; i < argc; i += 2) {
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
            plat_log(APP ": no option %s (" APP_OPTION_NAMES " --port --connections)", argv[i]);
            return -1;
        }
    }
    if (!o->app.address) {
        plat_log(APP ": --ip A.B.C.D/LEN is needed");
        return -1;
    }
    if (o->app.control_port == o->port) {
        plat_log(APP ": --port and --control-port are both %u", o->port);
        return -1;
    }
    return 0;
}
