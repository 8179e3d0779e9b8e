/*
 * nhttpd: reads its arguments, opens network, server and control port, then polls until it is asked
 * to end. Each turn of its loop it looks for new prices, each millisecond at the load, and applies
 * what the chooser decides (lib/adapt). Without a frame for poll_us it sleeps, until an interrupt
 * or until something is due, and polls again.
 *
 * The load is the number of connections that were active within a window of LOAD_WINDOW_US, not
 * those half-way through a request at one instant: at 0.3 us a request there is nearly never one.
 */
#include "runtime/lib/adapt.h"
#include "runtime/lib/market.h"
#include "runtime/net/control_port.h"
#include "runtime/net/net.h"
#include "runtime/platform/platform.h"
#include "workloads/nhttpd/options.h"
#include "workloads/nhttpd/serve.h"
#include "workloads/nhttpd/site.h"
#include <stdio.h>
#include <string.h>

#define APP            "nhttpd"
#define STATUS_USAGE   2
#define STATUS_FAILED  1
#define TICK_US        1000u
#define LOAD_WINDOW_US 10000u
#define SLEEP_US_MAX   250000u /* the chooser follows the load, and connections age, that often */

static struct http_site site;
static struct adapt adapt;
static struct market market;
static uint64_t poll_tsc; /* adapt.now.poll_us */
static uint64_t sleeps;

static void apply(void *context, const struct adapt_decision *d) {
    (void)context;
    double delay_us;
    enum nom_kick kick;
    net_get_batching(&delay_us, &kick);
    if (d->delay_us != delay_us || d->kick != kick)
        net_set_batching(d->delay_us, d->kick);
    site.refusing = !d->serving;
    poll_tsc = plat_us_to_tsc(d->poll_us);
}

static void statistics(void *context, struct nom_statistics *out) {
    (void)context;
    const volatile struct nom_board *board = plat_board();
    struct serve_counters connections;
    out->kernel = board->counters; /* each stands for itself: no sequence to wait for */
    out->memory_bytes = board->memory_bytes;
    out->memory_free_bytes = board->memory_free_bytes;
    serve_counters(&connections);
    net_counters(&out->net);
    out->uptime_us = plat_now_us();
    out->requests = site.requests + site.errors;
    out->refused = site.refused;
    out->connections_open = connections.connections_open;
    out->connections_total = connections.connections_total;
    out->sleeps = sleeps;
    market_statistics(&market, plat_tsc_to_ns, out);
}

/* False: the app is to end. */
static bool follow_nic(bool end_without) {
    static bool had = true;
    static uint64_t generation;
    const volatile struct nom_board *board = plat_board();
    if (net_has_nic())
        return true;
    if (had) {
        had = false;
        generation = 0;
        plat_log(APP ": the network card is gone, %s",
                 end_without ? "ending" : "waiting for another");
    }
    if (end_without)
        return false;
    if (generation != board->generation) {
        generation = board->generation;
        had = net_find_nic();
        if (had)
            plat_log(APP ": serving on another network card");
    }
    return true;
}

/* Each TICK_US, or later after a sleep. */
static void tick(uint64_t now_tsc) {
    static uint64_t window_tsc;
    static uint32_t load;
    if (now_tsc - window_tsc >= plat_us_to_tsc(LOAD_WINDOW_US)) {
        window_tsc = now_tsc;
        load = serve_active();
    }
    serve_tick();
    if (adapt_tick(&adapt, plat_now_us(), load))
        apply(NULL, &adapt.now);
}

static void follow_prices(uint64_t now_tsc) {
    if (market_look(&market, &adapt, now_tsc)) {
        apply(NULL, &adapt.now);
        net_await_sent();
        market_applied(&market, plat_now_tsc());
    } else if (market_awaits(&market) && net_first_sent_tsc() != 0) {
        market_sent(&market, net_first_sent_tsc());
    }
}

static void sleep_until_due(uint64_t now_tsc) {
    uint64_t most_us = serve_waits() ? TICK_US : SLEEP_US_MAX;
    if (market.next_tsc != UINT64_MAX) {
        uint64_t left_us = plat_tsc_to_ns(market.next_tsc - now_tsc) / 1000;
        most_us = left_us < most_us ? left_us : most_us;
    }
    if (net_wait((uint32_t)most_us))
        sleeps++;
}

/* Until the floor asks to end; false: there was nothing to serve on. */
static bool serve(bool end_without_nic) {
    uint64_t tick_tsc = plat_us_to_tsc(TICK_US), busy_tsc = plat_now_tsc();
    uint64_t next_tsc = busy_tsc + tick_tsc;
    while (!plat_asked_to_end()) {
        uint64_t now_tsc = plat_now_tsc();
        follow_prices(now_tsc);
        if ((int64_t)(now_tsc - next_tsc) >= 0) {
            next_tsc = now_tsc + tick_tsc;
            tick(now_tsc);
            if (!follow_nic(end_without_nic))
                return false;
        }
        if (net_poll())
            busy_tsc = now_tsc;
        else if (now_tsc - busy_tsc >= poll_tsc)
            sleep_until_due(now_tsc);
    }
    return true;
}

int plat_main(int argc, char **argv) {
    static const struct control_app control = {
        .adapt = &adapt, .apply = apply, .statistics = statistics};
    struct options o;
    char why[200], control_text[16] = "off";
    if (options_parse(&o, argc, argv) != 0)
        return STATUS_USAGE;
    o.net.connections = serve_room(o.connections);
    if (o.net.connections < o.connections)
        plat_log(APP ": memory for %u connections, not %u", o.net.connections, o.connections);
    if (site_open(&site, why, sizeof why) != 0 || net_open(&o.net, why, sizeof why) != 0) {
        plat_log(APP ": %s", why);
        return STATUS_FAILED;
    }
    adapt_init(&adapt, APP, o.net.delay_us, o.net.kick);
    adapt_set_poll(&adapt, o.poll_us);
    poll_tsc = plat_us_to_tsc(o.poll_us);
    market_init(&market, plat_prices());
    if (serve_open(o.port, o.net.connections, &site, why, sizeof why) != 0) {
        plat_log(APP ": %s", why);
        return STATUS_FAILED;
    }
    if (o.control_port) {
        if (control_port_open(o.control_port, &control) != 0) {
            plat_log(APP ": cannot listen at control port %u", o.control_port);
            return STATUS_FAILED;
        }
        snprintf(control_text, sizeof control_text, "%u", o.control_port);
    }
    plat_log(APP ": ready at %.*s:%u, control port %s, delay %g us, %s",
             (int)strcspn(o.address, "/"), o.address, o.port, control_text, o.net.delay_us,
             o.net.kick == NOM_KICK_STRICT ? "strict" : "natural");
    return serve(o.end_without_nic) ? 0 : STATUS_FAILED;
}
