/*
 * A server that speaks first: each PUSH_US it sends a message to the next of those that are
 * connected to port 80, whatever they say or do not say. So packets leave all the time, and how
 * long a change of price takes to show on the wire does not depend on how fast a client asks (the
 * bench's scene price). It follows prices and a table as nhttpd does, and polls without end.
 *
 *   push --ip A.B.C.D/LEN --delay-us W --kick natural --control-port PORT
 */
#include "runtime/lib/adapt.h"
#include "runtime/lib/market.h"
#include "runtime/net/control_port.h"
#include "runtime/net/net.h"
#include "runtime/net/pcb.h"
#include "runtime/platform/platform.h"
#include <stdlib.h>
#include <string.h>

#define APP           "push"
#define PORT          80
#define PUSH_US       15.0
#define PEERS         8u
#define MESSAGE_BYTES 64u
#define TICK_US       1000.0

static struct adapt adapt;
static struct market market;
static struct tcp_pcb *peers[PEERS];
static uint64_t pushed;

static void apply(void *context, const struct adapt_decision *d) {
    (void)context;
    net_set_batching(d->delay_us, d->kick);
}

static void statistics(void *context, struct nom_statistics *out) {
    (void)context;
    net_counters(&out->net);
    out->uptime_us = plat_now_us();
    out->requests = pushed;
    market_statistics(&market, plat_tsc_to_ns, out);
}

static void on_error(void *argument, err_t error) {
    (void)error;
    *(struct tcp_pcb **)argument = NULL;
}

static err_t on_receive(void *argument, struct tcp_pcb *pcb, struct pbuf *p, err_t error) {
    (void)error;
    if (p) {
        tcp_recved(pcb, p->tot_len);
        pbuf_free(p);
        return ERR_OK;
    }
    *(struct tcp_pcb **)argument = NULL;
    return net_pcb_abort(pcb);
}

static err_t on_accept(void *argument, struct tcp_pcb *pcb, err_t error) {
    (void)argument;
    for (unsigned i = 0; i < PEERS && error == ERR_OK; i++) {
        if (peers[i])
            continue;
        peers[i] = pcb;
        net_accepted(pcb);
        tcp_arg(pcb, &peers[i]);
        tcp_recv(pcb, on_receive);
        tcp_err(pcb, on_error);
        return ERR_OK;
    }
    return ERR_MEM;
}

static void push(void) {
    static const char message[MESSAGE_BYTES];
    static unsigned next;
    for (unsigned i = 0; i < PEERS; i++) {
        struct tcp_pcb *pcb = peers[next++ % PEERS];
        if (!pcb || tcp_sndbuf(pcb) < MESSAGE_BYTES)
            continue;
        if (tcp_write(pcb, message, MESSAGE_BYTES, TCP_WRITE_FLAG_COPY) == ERR_OK)
            pushed++;
        tcp_output(pcb);
        return;
    }
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

static bool is_due(uint64_t *next_tsc, uint64_t now_tsc, double every_us) {
    if ((int64_t)(now_tsc - *next_tsc) < 0)
        return false;
    *next_tsc = now_tsc + plat_us_to_tsc(every_us);
    return true;
}

static const char *option(int argc, char **argv, const char *name) {
    for (int i = 1; i + 1 < argc; i += 2)
        if (strcmp(argv[i], name) == 0)
            return argv[i + 1];
    return "";
}

int plat_main(int argc, char **argv) {
    static const struct control_app control = {
        .adapt = &adapt, .apply = apply, .statistics = statistics};
    struct net_config config = {.delay_us = 0, .kick = NOM_KICK_NATURAL};
    uint64_t push_tsc = 0, tick_tsc = 0;
    char why[200] = "--ip A.B.C.D/LEN is needed";
    if (net_parse_cidr(option(argc, argv, "--ip"), &config.address_be, &config.netmask_be) != 0 ||
        net_open(&config, why, sizeof why) != 0) {
        plat_log(APP ": %s", why);
        return 1;
    }
    adapt_init(&adapt, APP, 0, NOM_KICK_NATURAL);
    market_init(&market, plat_prices());
    if (net_pcb_listen(PORT, on_accept) != 0 ||
        control_port_open((uint16_t)strtoul(option(argc, argv, "--control-port"), NULL, 10),
                          &control) != 0) {
        plat_log(APP ": cannot listen");
        return 1;
    }
    plat_log(APP ": ready");
    for (;;) {
        uint64_t now_tsc = plat_now_tsc();
        follow_prices(now_tsc);
        if (is_due(&push_tsc, now_tsc, PUSH_US))
            push();
        if (is_due(&tick_tsc, now_tsc, TICK_US) && adapt_tick(&adapt, plat_now_us(), PEERS))
            apply(NULL, &adapt.now);
        net_poll();
    }
}
