/* nhttpd: reads its arguments, opens network, server and control port, then goes round in the loop
 * of adapting apps (runtime/app) until it is to end. */
#include "runtime/app/loop.h"
#include "runtime/platform/platform.h"
#include "workloads/nhttpd/options.h"
#include "workloads/nhttpd/serve.h"
#include "workloads/nhttpd/site.h"

#define APP           "nhttpd"
#define STATUS_USAGE  2
#define STATUS_FAILED 1

static struct http_site site;

static void serving(bool serves) {
    site.refusing = !serves;
}

static void statistics(struct nom_statistics *out) {
    struct serve_counters connections;
    serve_counters(&connections);
    out->requests = site.requests + site.errors;
    out->refused = site.refused;
    out->connections_open = connections.connections_open;
    out->connections_total = connections.connections_total;
}

static const struct app app = {
    .name = APP,
    .active = serve_active,
    .tick = serve_tick,
    .waits = serve_waits,
    .serving = serving,
    .statistics = statistics,
};

static int open_all(struct options *o, char *why, size_t why_bytes) {
    o->app.net.connections = serve_room(o->connections);
    if (o->app.net.connections < o->connections)
        plat_log(APP ": memory for %u connections, not %u", o->app.net.connections, o->connections);
    if (site_open(&site, why, why_bytes) != 0 || app_open(&app, &o->app, why, why_bytes) != 0 ||
        serve_open(o->port, o->app.net.connections, &site, why, why_bytes) != 0)
        return -1;
    return app_open_control(why, why_bytes);
}

int plat_main(int argc, char **argv) {
    struct options o;
    char text[200];
    if (options_parse(&o, argc, argv) != 0)
        return STATUS_USAGE;
    if (open_all(&o, text, sizeof text) != 0) {
        plat_log(APP ": %s", text);
        return STATUS_FAILED;
    }
    app_describe(o.port, text, sizeof text);
    plat_log(APP ": ready%s", text);
    while (app_turn(UINT64_MAX)) {
    }
    return app_lost_nic() ? STATUS_FAILED : 0;
}
