/*
 * nhttpd: reads its arguments, opens network, server and control port, then polls until it is asked
 * to end; after a while without traffic it lets the floor wait instead. Every
 * millisecond it looks at price and load (lib/adapt) and applies what was decided.
 *
 * The load is the number of connections that were active within a window of LOAD_WINDOW_US, not
 * those half-way through a request at one instant: at 0.3 us a request there is nearly never one.
 */
#include "runtime/lib/adapt.h"
#include "runtime/net/control_port.h"
#include "runtime/net/net.h"
#include "runtime/platform/platform.h"
#include "workloads/nhttpd/serve.h"
#include "workloads/nhttpd/site.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define APP               "nhttpd"
#define STATUS_USAGE      2
#define STATUS_FAILED     1
#define TICK_US           1000.0
#define LOAD_WINDOW_TICKS 10u
#define IDLE_US           100000.0 /* without a frame: from then on the app waits, not polls */

struct options {
    struct net_config net;
    const char *address;         /* as given, with its length of the prefix */
    uint16_t port, control_port; /* control 0: off */
    uint32_t connections;
};

static struct http_site site;
static struct adapt adapt;

static int number(const char *text, double least, double greatest, double *out) {
    char *end;
    *out = strtod(text, &end);
    return end != text && *end == '\0' && *out >= least && *out <= greatest ? 0 : -1;
}

static int port_number(const char *text, uint16_t *out) {
    double value;
    if (number(text, 1, 65535, &value) != 0 || value != (double)(uint16_t)value)
        return -1;
    *out = (uint16_t)value;
    return 0;
}

/* 0, or -1 if the option does not exist (`known` false) or its value is bad. */
static int set_option(struct options *o, const char *name, const char *value, bool *known) {
    uint32_t mask;
    *known = true;
    if (strcmp(name, "--ip") == 0) {
        o->address = value;
        return strchr(value, '/') ? net_parse_cidr(value, &o->net.address_be, &o->net.netmask_be)
                                  : -1;
    }
    if (strcmp(name, "--gateway") == 0)
        return strchr(value, '/') ? -1 : net_parse_cidr(value, &o->net.gateway_be, &mask);
    if (strcmp(name, "--port") == 0)
        return port_number(value, &o->port);
    if (strcmp(name, "--control-port") == 0)
        return port_number(value, &o->control_port);
    if (strcmp(name, "--connections") == 0) {
        double count;
        if (number(value, 1, SERVE_CONNECTIONS_MAX, &count) != 0)
            return -1;
        o->connections = (uint32_t)count;
        return count == (double)o->connections ? 0 : -1;
    }
    if (strcmp(name, "--delay-us") == 0)
        return number(value, 0, NOM_DELAY_US_MAX, &o->net.delay_us);
    if (strcmp(name, "--kick") == 0) {
        o->net.kick = strcmp(value, "strict") == 0 ? NOM_KICK_STRICT : NOM_KICK_NATURAL;
        return o->net.kick == NOM_KICK_STRICT || strcmp(value, "natural") == 0 ? 0 : -1;
    }
    *known = false;
    return -1;
}

static int parse(struct options *o, int argc, char **argv) {
    *o = (struct options){.port = 80, .connections = SERVE_CONNECTIONS_MAX};
    for (int i = 1; i < argc; i += 2) {
        bool known;
        if (i + 1 == argc) {
            plat_log(APP ": option %s has no value", argv[i]);
            return -1;
        }
        if (set_option(o, argv[i], argv[i + 1], &known) != 0) {
            if (known)
                plat_log(APP ": bad value for %s: %s", argv[i], argv[i + 1]);
            else
                plat_log(APP ": no option %s (--ip --gateway --port --connections --delay-us "
                             "--kick --control-port)",
                         argv[i]);
            return -1;
        }
    }
    if (!o->address) {
        plat_log(APP ": --ip A.B.C.D/LEN is needed");
        return -1;
    }
    if (o->control_port == o->port) {
        plat_log(APP ": --port and --control-port are both %u", o->port);
        return -1;
    }
    return 0;
}

static void apply(void *context, const struct adapt_decision *d) {
    (void)context;
    double delay_us;
    enum nom_kick kick;
    net_get_batching(&delay_us, &kick);
    if (d->delay_us != delay_us || d->kick != kick)
        net_set_batching(d->delay_us, d->kick);
    site.refusing = !d->serving;
}

static void statistics(void *context, struct nom_statistics *out) {
    (void)context;
    const volatile struct nom_board *board = plat_board();
    struct serve_counters connections;
    uint32_t sequence;
    do {
        sequence = board->sequence;
        out->kernel = board->counters;
    } while (sequence != board->sequence || sequence & 1);
    serve_counters(&connections);
    net_counters(&out->net);
    out->uptime_us = plat_now_us();
    out->requests = site.requests + site.errors;
    out->refused = site.refused;
    out->connections_open = connections.connections_open;
    out->connections_total = connections.connections_total;
}

/* Until the floor asks to end. */
static void serve(void) {
    uint64_t tick_tsc = plat_us_to_tsc(TICK_US), next_tsc = plat_now_tsc() + tick_tsc;
    uint64_t idle_tsc = plat_us_to_tsc(IDLE_US), busy_tsc = plat_now_tsc();
    uint32_t ticks = 0, load = 0;
    while (!plat_asked_to_end()) {
        bool did = net_poll();
        uint64_t now_tsc = plat_now_tsc();
        if (did)
            busy_tsc = now_tsc;
        else if (now_tsc - busy_tsc > idle_tsc)
            plat_wait((uint32_t)TICK_US);
        if ((int64_t)(now_tsc - next_tsc) < 0)
            continue;
        next_tsc = now_tsc + tick_tsc;
        serve_tick();
        if (++ticks % LOAD_WINDOW_TICKS == 0)
            load = serve_active();
        if (adapt_tick(&adapt, plat_now_us(), load))
            apply(NULL, &adapt.now);
    }
}

int plat_main(int argc, char **argv) {
    static const struct control_app control = {
        .adapt = &adapt, .apply = apply, .statistics = statistics};
    struct options o;
    char why[200], control_text[16] = "off";
    if (parse(&o, argc, argv) != 0)
        return STATUS_USAGE;
    if (site_open(&site, why, sizeof why) != 0 || net_open(&o.net, why, sizeof why) != 0) {
        plat_log(APP ": %s", why);
        return STATUS_FAILED;
    }
    adapt_init(&adapt, APP, o.net.delay_us, o.net.kick);
    if (serve_open(o.port, o.connections, &site, why, sizeof why) != 0) {
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
    serve();
    return 0;
}
