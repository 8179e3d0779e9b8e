/*
 * net.h. One poll: let go of sent frames; kick for answers that came since the last; ask batch
 * whether received ones are due and hand them to lwIP, whose callbacks run the app; ask batch
 * whether frames placed are due and kick once for all of them; protocol timers when they are due.
 * An idle poll reads the clock and a few words, two of them the device's.
 *
 * TIME_WAIT: lwIP searches its list of such connections for every SYN and, once its pool is empty,
 * for every new connection. Only the newest TIME_WAIT_KEPT are kept, which bounds that work under
 * churn. A peer that still repeats its FIN to one forgotten gets a reset; by then it has
 * everything.
 */
#include "runtime/net/net.h"
#include "lwip/etharp.h"
#include "lwip/init.h"
#include "lwip/ip4_frag.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/tcp.h"
#include "runtime/net/batch.h"
#include "runtime/net/ethernet.h"
#include "runtime/net/heap.h"
#include "runtime/net/lwip/memp.h"
#include "runtime/net/park.h"
#include "runtime/net/window.h"
#include "runtime/platform/nic.h"
#include "runtime/platform/platform.h"
#include <stdio.h>

#define RX_BURST       32u
#define TICK_US        1000u
#define FIRST_RTO_MS   1000
#define TIME_WAIT_KEPT 128u
#define WAIT_SCAN_MAX  8u /* connections looked at before one is taken to be able to send */

static struct {
    struct net_ethernet ethernet;
    struct batch batch;
    struct nom_net_counters counters;
    double delay_us;
    uint64_t tick_tsc, next_tick_tsc, next_tcp_tsc, next_arp_tsc;
    bool open;
    bool lost; /* the NIC */
} net;

/* ---- address text ---- */

static int parse_number(const char **text, unsigned max, unsigned *value) {
    const char *at = *text;
    *value = 0;
    do {
        if (*at < '0' || *at > '9' || at - *text == 3) {
            return -1;
        }
        *value = *value * 10 + (unsigned)(*at++ - '0');
    } while (*at >= '0' && *at <= '9');
    *text = at;
    return *value <= max ? 0 : -1;
}

int net_parse_cidr(const char *text, uint32_t *address_be, uint32_t *netmask_be) {
    unsigned part, bits = 32;
    uint32_t address = 0;
    for (int i = 0; i < 4; i++) {
        if ((i > 0 && *text++ != '.') || parse_number(&text, 255, &part) != 0) {
            return -1;
        }
        address = address << 8 | part;
    }
    if (*text == '/') {
        text++;
        if (parse_number(&text, 32, &bits) != 0) {
            return -1;
        }
    }
    if (*text != '\0') {
        return -1;
    }
    *address_be = lwip_htonl(address);
    *netmask_be = bits == 0 ? 0 : lwip_htonl(~UINT32_C(0) << (32 - bits));
    return 0;
}

/* ---- start-up and settings ---- */

static uint32_t rx_limit(const struct nic *nic) {
    return nic->rx_size - nic->rx_size / 4;
}

static uint32_t tx_limit(const struct nic *nic) {
    return nic->tx_size / 2;
}

int net_open(const struct net_config *config, char *why, uint32_t why_bytes) {
    if (net.open) {
        snprintf(why, why_bytes, "the network is open already");
        return -1;
    }
    struct nic *nic = plat_nic_open(why, why_bytes);
    if (nic == NULL) {
        return -1;
    }
    if (net_heap_open(plat_memory_share() / NET_MEMORY_PARTS) != 0 ||
        net_memp_open(config->connections) != 0) {
        snprintf(why, why_bytes, "no memory for packets");
        return -1;
    }
    batch_init(&net.batch, rx_limit(nic), tx_limit(nic));
    net.ethernet = (struct net_ethernet){
        .nic = nic,
        .batch = &net.batch,
        .counters = &net.counters,
    };
    net.tick_tsc = plat_us_to_tsc(TICK_US);
    uint64_t now_tsc = plat_now_tsc();
    net.next_tick_tsc = now_tsc + net.tick_tsc;
    net.next_tcp_tsc = now_tsc + plat_us_to_tsc(TCP_TMR_INTERVAL * 1e3);
    net.next_arp_tsc = now_tsc + plat_us_to_tsc(ARP_TMR_INTERVAL * 1e3);
    lwip_init();
    if (net_ethernet_open(&net.ethernet, config) != 0) {
        snprintf(why, why_bytes, "lwIP refuses the network interface");
        return -1;
    }
    net_ethernet_kick(&net.ethernet); /* what announces the address does not wait for a poll */
    net_set_batching(config->delay_us, config->kick);
    net.open = true;
    return 0;
}

bool net_has_nic(void) {
    return !net.lost;
}

bool net_find_nic(void) {
    char why[200];
    struct nic *nic = plat_nic_open(why, sizeof why);
    if (nic == NULL) {
        return false;
    }
    net.ethernet.nic = nic;
    net.lost = false;
    batch_another(&net.batch, rx_limit(nic), tx_limit(nic));
    net_ethernet_found(&net.ethernet);
    return true;
}

static void lose_nic(void) {
    struct nic *nic = net.ethernet.nic;
    nic->ops->close(nic);
    net.lost = true;
    batch_another(&net.batch, rx_limit(nic), tx_limit(nic));
    net_ethernet_lost(&net.ethernet);
}

void net_set_batching(double delay_us, enum nom_kick kick) {
    net.delay_us = delay_us;
    batch_set(&net.batch, plat_us_to_tsc(delay_us), kick);
}

void net_answers_later(void) {
    net.batch.answers_later = true;
}

void net_await_sent(void) {
    net.ethernet.first_sent_tsc = 0;
}

uint64_t net_first_sent_tsc(void) {
    return net.ethernet.first_sent_tsc;
}

void net_get_batching(double *delay_us, enum nom_kick *kick) {
    *delay_us = net.delay_us;
    *kick = net.batch.kick;
}

void net_counters(struct nom_net_counters *out) {
    struct nic *nic = net.ethernet.nic;
    *out = net.counters;
    out->kicks += nic->ops->rx_kicks(nic);
    out->device_errors = nic->ops->errors(nic);
    out->rx_batches = net.batch.rx_batches;
    out->tx_batches = net.batch.tx_batches;
    out->rx_hold_max_ns = plat_tsc_to_ns(net.batch.rx_hold_max_tsc);
    out->tx_hold_max_ns = plat_tsc_to_ns(net.batch.tx_hold_max_tsc);
    out->poll_gap_max_ns = plat_tsc_to_ns(net.batch.poll_gap_max_tsc);
}

void net_accepted(struct tcp_pcb *pcb) {
    s16_t first = FIRST_RTO_MS / TCP_SLOW_INTERVAL;
    tcp_nagle_disable(pcb);
    if (pcb->rto > first) {
        pcb->rto = first;
        pcb->sv = first;
    }
}

/* ---- polling ---- */

bool net_nothing_to_wait_for(void) {
    uint32_t seen = 0;
    if (net_parked() > 0) {
        return false;
    }
    for (const struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next) {
        bool peer_is_done =
            pcb->state == CLOSE_WAIT || pcb->state == CLOSING || pcb->state == LAST_ACK;
        if (!peer_is_done || ++seen == WAIT_SCAN_MAX) {
            return false;
        }
    }
    return true;
}

/* Forgets all connections in TIME_WAIT but the newest, which lwIP keeps first in its list. */
static void trim_time_wait(void) {
    struct tcp_pcb *last = tcp_tw_pcbs;
    for (uint32_t i = 1; last != NULL && i < TIME_WAIT_KEPT; i++) {
        last = last->next;
    }
    if (last == NULL || last->next == NULL) {
        return;
    }
    struct tcp_pcb *kept = tcp_tw_pcbs;
    tcp_tw_pcbs = last->next;
    last->next = NULL;
    while (tcp_tw_pcbs != NULL) {
        tcp_abort(tcp_tw_pcbs); /* sends nothing in this state */
    }
    tcp_tw_pcbs = kept;
}

/* A peer may acknowledge what lwIP probes its closed window with. lwIP 2.1.3 then goes on probing,
 * and asserts at its next timer that there is something to send and nothing under way: a peer could
 * end the app. */
static void end_needless_probing(void) {
    for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next) {
        if (pcb->unsent == NULL || pcb->unacked != NULL) {
            pcb->persist_backoff = 0;
        }
    }
}

/* Who is left behind by a long poll or a sleep is not made up for. */
static bool is_due(uint64_t *next_tsc, uint64_t now_tsc, uint64_t every_us) {
    if ((int64_t)(now_tsc - *next_tsc) < 0) {
        return false;
    }
    *next_tsc = now_tsc + plat_us_to_tsc((double)every_us);
    return true;
}

/* Every TICK_US. */
static void tick(uint64_t now_tsc) {
    net.next_tick_tsc = now_tsc + net.tick_tsc;
    trim_time_wait();
    struct nic *nic = net.ethernet.nic;
    if (nic->ops->leaves(nic)) {
        lose_nic();
    }
    if (nic->ops->remind(nic)) {
        net.counters.kicks++;
    }
    if (is_due(&net.next_tcp_tsc, now_tsc, TCP_TMR_INTERVAL * 1000u)) {
        end_needless_probing();
        tcp_tmr();
        net_window_peers(net_park_idle());
    }
    if (is_due(&net.next_arp_tsc, now_tsc, ARP_TMR_INTERVAL * 1000u)) {
        etharp_tmr();
        ip_reass_tmr();
    }
}

/* Microseconds until a timer of the stack has something to do. */
static uint32_t idle_us(uint64_t now_tsc) {
    bool has_timers = tcp_active_pcbs != NULL || tcp_tw_pcbs != NULL;
    int64_t left_tsc = (int64_t)((has_timers ? net.next_tcp_tsc : net.next_arp_tsc) - now_tsc);
    return left_tsc > 0 ? (uint32_t)(plat_tsc_to_ns((uint64_t)left_tsc) / 1000) : 0;
}

bool net_wait(uint32_t most_us) {
    struct nic *nic = net.ethernet.nic;
    uint32_t left_us = idle_us(plat_now_tsc());
    most_us = LWIP_MIN(most_us, left_us);
    /* What the device seems to have missed it is told now: the sleep may be long. */
    if (nic->ops->remind(nic)) {
        net.counters.kicks++;
    }
    if (most_us == 0 || net.batch.tx_held > 0 || net_ethernet_loops(&net.ethernet) ||
        !nic->ops->sleep(nic)) {
        plat_wait(0);
        return false;
    }
    plat_wait(most_us);
    nic->ops->wake(nic);
    net.batch.last_poll_tsc = 0; /* the gap was meant */
    return true;
}

static void hand_over(uint32_t n) {
    struct nic *nic = net.ethernet.nic;
    struct nic_rx_frame frames[RX_BURST];
    while (n > 0) {
        uint32_t taken = nic->ops->rx_take(nic, frames, n < RX_BURST ? n : RX_BURST);
        for (uint32_t i = 0; i < taken; i++) {
            net_ethernet_input(&net.ethernet, &frames[i]);
        }
        n = taken < RX_BURST ? 0 : n - taken;
    }
}

bool net_poll(void) {
    struct nic *nic = net.ethernet.nic;
    uint64_t now_tsc = plat_now_tsc();
    bool did = net_ethernet_reap(&net.ethernet);
    if (net.batch.answering && batch_answered(&net.batch)) {
        net_ethernet_kick(&net.ethernet);
        did = true;
    }
    uint32_t ready = nic->ops->rx_ready(nic);
    uint32_t due = batch_rx(&net.batch, now_tsc, ready, ready > 0 && net_nothing_to_wait_for());
    if (due > 0) {
        batch_rx_done(&net.batch, now_tsc, due);
        hand_over(due);
        did = true;
    }
    if (net_ethernet_loops(&net.ethernet)) {
        net_ethernet_loop();
        did = true;
    }
    if (net.batch.tx_held > 0 &&
        batch_tx(&net.batch, now_tsc, due > 0, net_ethernet_nearly_full(&net.ethernet))) {
        net_ethernet_kick(&net.ethernet);
        did = true;
    }
    if ((int64_t)(now_tsc - net.next_tick_tsc) >= 0) {
        tick(now_tsc);
    }
    return did;
}
