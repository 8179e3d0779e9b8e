/* netpipe: answers NPtcp. Reads its arguments, opens network, server and control port, then goes
 * round in the loop of adapting apps (runtime/app) until it is to end. */
#include "runtime/app/loop.h"
#include "runtime/platform/platform.h"
#include "workloads/netpipe/options.h"
#include "workloads/netpipe/serve.h"

#define APP           "netpipe"
#define STATUS_USAGE  2
#define STATUS_FAILED 1

static void statistics(struct nom_statistics *out) {
    struct np_counters c;
    np_counters(&c);
    out->requests = c.messages;
    out->refused = c.refused;
    out->connections_open = c.connections_open;
    out->connections_total = c.connections_total;
}

static const struct app app = {
    .name = APP,
    .active = np_active,
    .tick = np_tick,
    .serving = np_serving,
    .statistics = statistics,
};

static int open_all(struct options *o, char *why, size_t why_bytes) {
    o->app.net.connections = o->connections;
    if (app_open(&app, &o->app, why, why_bytes) != 0 ||
        np_open(o->port, o->connections, &o->settings, why, why_bytes) != 0)
        return -1;
    return app_open_control(why, why_bytes);
}

int plat_main(int argc, char **argv) {
    static struct options o;
    char text[200];
    if (options_parse(&o, argc, argv) != 0)
        return STATUS_USAGE;
    if (open_all(&o, text, sizeof text) != 0) {
        plat_log(APP ": %s", text);
        return STATUS_FAILED;
    }
    app_describe(o.port, text, sizeof text);
    plat_log(APP ": ready%s, messages of %u to %u bytes%s", text, o.settings.start,
             o.settings.upper, o.settings.both ? ", both ways at once" : "");
    while (app_turn(UINT64_MAX)) {
    }
    return app_lost_nic() ? STATUS_FAILED : 0;
}
