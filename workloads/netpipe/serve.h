/*
 * NetPIPE's receiver over lwIP's raw API: accepts connections and carries bytes between them and
 * protocol.h, each connection a run of its own.
 *
 * A client that does not keep to the protocol, goes away before its QUIT, or is silent for
 * NP_SILENT_S is let go with one line to the console; the others notice nothing.
 */
#ifndef NETPIPE_SERVE_H
#define NETPIPE_SERVE_H

#include "workloads/netpipe/protocol.h"

#define NP_CONNECTIONS_MAX     64u
#define NP_CONNECTIONS_DEFAULT 16u
#define NP_MEMORY_PARTS        2u /* messages have one such part of plat_memory_share, at most */
#define NP_SILENT_S            60u

struct np_counters {
    uint64_t messages; /* answered */
    uint64_t refused;  /* connections, because the app does not serve now */
    uint64_t connections_open, connections_total;
};

/* Listens, for at most so many connections (1..NP_CONNECTIONS_MAX) at a time; settings outlive it.
 * 0, or -1 with one line in why. After net_open; once per app. */
int np_open(uint16_t port, uint32_t connections, const struct np_settings *settings, char *why,
            size_t why_bytes);

/* False: who comes is refused, and runs in progress end at the next tick. */
void np_serving(bool serving);
/* Each millisecond or so. */
void np_tick(void);
/* Ends a window of the load estimate and begins the next: on how many of the connections that are
 * open a message was answered in the one that ended. */
uint32_t np_active(void);
void np_counters(struct np_counters *out);

#endif
