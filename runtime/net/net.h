/*
 * An app's private network: one NIC, the batching delay W, one lwIP stack (raw API). The app calls
 * net_poll in its loop; everything else happens from there, on one core, without a lock, or a
 * system call but where a pool grows beyond what it ever had (pool.h).
 *
 *   wire -> NIC -> batch (W) -> lwIP -> app callbacks -> lwIP -> batch -> NIC -> wire
 *
 * Apps use lwIP's tcp_* directly (lwip/tcp.h) after net_open.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include "runtime/abi/control.h"
#include "runtime/abi/knobs.h"
#include <stdbool.h>
#include <stdint.h>

struct net_config {
    uint32_t address_be, netmask_be, gateway_be; /* IPv4, network byte order; gateway 0: none */
    double delay_us;
    enum nom_kick kick;
    uint32_t connections; /* of the app, at most; 0: as many as the stack can have */
};

/* Of plat_memory_share at net_open, packet memory takes one of so many parts, at most. */
#define NET_MEMORY_PARTS 4u

/* Parses "10.0.0.2/24" (address and mask of config) or a bare address; 0 or -1. */
int net_parse_cidr(const char *text, uint32_t *address_be, uint32_t *netmask_be);

/* Opens NIC and stack. 0, or -1 with one line in why. Once per app. */
int net_open(const struct net_config *config, char *why, uint32_t why_bytes);

/* One turn: reap, receive as the batch decides, timers, transmit as the batch decides. Returns
 * true if it did anything. */
bool net_poll(void);

/* W, at any moment; in force at once, also for packets already held. Restarts the hold maxima. */
void net_set_batching(double delay_us, enum nom_kick kick);
void net_get_batching(double *delay_us, enum nom_kick *kick);

/* The app answers what it receives not within lwIP's callbacks but after net_poll has returned, and
 * polls again when it has: what it sends until then leaves at the beginning of that poll. Once,
 * after net_open. */
void net_answers_later(void);

/* When the first packet was sent after the last net_await_sent; 0: none was yet. */
void net_await_sent(void);
uint64_t net_first_sent_tsc(void);

/* Gives the core up, for at most so long, until a frame comes or whatever else ends a plat_wait;
 * returns at once if a frame is here or held, or something is due. For an app that has had nothing
 * to do for a while. True if it really waited. */
bool net_wait(uint32_t most_us);

/* The NIC can be unplugged: false from when net_poll has noticed until net_find_nic was lucky.
 * Connections stay, and go on if the next NIC comes before they time out. */
bool net_has_nic(void);
/* Takes a NIC that is free now. */
bool net_find_nic(void);

void net_counters(struct nom_net_counters *out);

/*
 * A rule for callbacks: the sent callback does not close or abort its connection. lwIP 2.1.3 would
 * forget the data that the same segment brought, and its buffer would never come back.
 *
 * For an app's accept callback: no Nagle, and a first retransmission time-out of 1 s (RFC 6298,
 * section 2), where lwIP 2.1.3 has 3 s; from then on the stack measures.
 */
struct tcp_pcb;
void net_accepted(struct tcp_pcb *pcb);

/* True while no open connection could send more: a held receive batch has nothing to wait for.
 * Called by net itself; exposed for tests. */
bool net_nothing_to_wait_for(void);

#endif
