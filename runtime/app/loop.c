/* loop.h. */
#include "runtime/app/loop.h"
#include "runtime/lib/adapt.h"
#include "runtime/lib/market.h"
#include "runtime/net/control_port.h"
#include "runtime/net/net.h"
#include "runtime/platform/platform.h"
#include <stdio.h>
#include <string.h>

#define TICK_US        1000u
#define LOAD_WINDOW_US 10000u
#define SLEEP_US_MAX   250000u /* the chooser follows the load, and connections age, that often */

static struct {
    const struct app *app;
    struct app_options options;
    struct adapt adapt;
    struct market market;
    uint64_t poll_tsc; /* adapt.now.poll_us */
    uint64_t tick_tsc, next_tick_tsc, window_tsc, busy_tsc;
    uint64_t board_generation; /* at which a NIC was last looked for */
    uint64_t sleeps, slept_tsc;
    uint32_t load;
    bool had_nic, lost_nic;
} loop;

static void apply(void *context, const struct adapt_decision *d) {
    (void)context;
    double delay_us;
    enum nom_kick kick;
    net_get_batching(&delay_us, &kick);
    if (d->delay_us != delay_us || d->kick != kick)
        net_set_batching(d->delay_us, d->kick);
    if (loop.app->serving)
        loop.app->serving(d->serving);
    loop.poll_tsc = plat_us_to_tsc(d->poll_us);
}

static void statistics(void *context, struct nom_statistics *out) {
    (void)context;
    const volatile struct nom_board *board = plat_board();
    out->kernel = board->counters; /* each stands for itself: no sequence to wait for */
    out->memory_bytes = board->memory_bytes;
    out->memory_free_bytes = board->memory_free_bytes;
    net_counters(&out->net);
    out->uptime_us = plat_now_us();
    out->sleeps = loop.sleeps;
    loop.app->statistics(out);
    market_statistics(&loop.market, plat_tsc_to_ns, out);
}

/* ---- start ---- */

int app_open(const struct app *app, const struct app_options *o, char *why, size_t why_bytes) {
    if (net_open(&o->net, why, (uint32_t)why_bytes) != 0)
        return -1;
    loop.app = app;
    loop.options = *o;
    loop.had_nic = true;
    loop.poll_tsc = plat_us_to_tsc(o->poll_us);
    loop.tick_tsc = plat_us_to_tsc(TICK_US);
    loop.busy_tsc = plat_now_tsc();
    loop.next_tick_tsc = loop.busy_tsc + loop.tick_tsc;
    adapt_init(&loop.adapt, app->name, o->net.delay_us, o->net.kick);
    adapt_set_poll(&loop.adapt, o->poll_us);
    market_init(&loop.market, plat_prices());
    return 0;
}

int app_open_control(char *why, size_t why_bytes) {
    static const struct control_app control = {
        .adapt = &loop.adapt, .apply = apply, .statistics = statistics};
    uint16_t port = loop.options.control_port;
    if (port == 0 || control_port_open(port, &control) == 0)
        return 0;
    snprintf(why, why_bytes, "cannot listen at control port %u", port);
    return -1;
}

void app_describe(uint16_t port, char *text, size_t bytes) {
    const struct app_options *o = &loop.options;
    char port_text[16] = "", control_text[16] = "off";
    if (port)
        snprintf(port_text, sizeof port_text, ":%u", port);
    if (o->control_port)
        snprintf(control_text, sizeof control_text, "%u", o->control_port);
    snprintf(text, bytes, " at %.*s%s, control port %s, delay %g us, %s",
             (int)strcspn(o->address, "/"), o->address, port_text, control_text, o->net.delay_us,
             o->net.kick == NOM_KICK_STRICT ? "strict" : "natural");
}

/* ---- turns ---- */

/* False: the app is to end. */
static bool follow_nic(void) {
    const volatile struct nom_board *board = plat_board();
    bool end = loop.options.end_without_nic;
    if (net_has_nic())
        return true;
    if (loop.had_nic) {
        loop.had_nic = false;
        loop.board_generation = 0;
        plat_log("%s: the network card is gone, %s", loop.app->name,
                 end ? "ending" : "waiting for another");
    }
    if (end) {
        loop.lost_nic = true;
        return false;
    }
    if (loop.board_generation != board->generation) {
        loop.board_generation = board->generation;
        loop.had_nic = net_find_nic();
        if (loop.had_nic)
            plat_log("%s: serving on another network card", loop.app->name);
    }
    return true;
}

/* Each TICK_US, or later after a sleep. */
static bool tick(uint64_t now_tsc) {
    loop.next_tick_tsc = now_tsc + loop.tick_tsc;
    if (now_tsc - loop.window_tsc >= plat_us_to_tsc(LOAD_WINDOW_US)) {
        loop.window_tsc = now_tsc;
        loop.load = loop.app->active();
    }
    if (loop.app->tick)
        loop.app->tick();
    if (adapt_tick(&loop.adapt, plat_now_us(), loop.load))
        apply(NULL, &loop.adapt.now);
    return follow_nic();
}

static void follow_prices(uint64_t now_tsc) {
    if (market_look(&loop.market, &loop.adapt, now_tsc)) {
        apply(NULL, &loop.adapt.now);
        net_await_sent();
        market_applied(&loop.market, plat_now_tsc());
    } else if (market_awaits(&loop.market) && net_first_sent_tsc() != 0) {
        market_sent(&loop.market, net_first_sent_tsc());
    }
}

static uint64_t sooner_us(uint64_t most_us, uint64_t at_tsc, uint64_t now_tsc) {
    if (at_tsc == UINT64_MAX)
        return most_us;
    uint64_t left_us = at_tsc > now_tsc ? plat_tsc_to_ns(at_tsc - now_tsc) / 1000 : 0;
    return left_us < most_us ? left_us : most_us;
}

static void sleep_until_due(uint64_t now_tsc, uint64_t until_tsc) {
    uint64_t most_us = loop.app->waits && loop.app->waits() ? TICK_US : SLEEP_US_MAX;
    most_us = sooner_us(most_us, loop.market.next_tsc, now_tsc);
    most_us = sooner_us(most_us, until_tsc, now_tsc);
    if (most_us > 0 && net_wait((uint32_t)most_us)) {
        loop.sleeps++;
        loop.slept_tsc += plat_now_tsc() - now_tsc;
    }
}

bool app_turn(uint64_t until_tsc) {
    uint64_t now_tsc = plat_now_tsc();
    follow_prices(now_tsc);
    if ((int64_t)(now_tsc - loop.next_tick_tsc) >= 0 && !tick(now_tsc))
        return false;
    if (net_poll())
        loop.busy_tsc = now_tsc;
    else if (until_tsc != 0 && now_tsc - loop.busy_tsc >= loop.poll_tsc)
        sleep_until_due(now_tsc, until_tsc);
    return !plat_asked_to_end();
}

uint64_t app_slept_tsc(void) {
    return loop.slept_tsc;
}

bool app_lost_nic(void) {
    return loop.lost_nic;
}
