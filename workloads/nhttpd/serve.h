/*
 * nhttpd over lwIP's raw API: accepts connections, carries bytes between them and http.h.
 *
 * Connections and work areas (http.h) come from pools that grow to what was once needed at one time
 * (net/pool.h), up to the number of connections asked for and a part of the machine's memory. One
 * connection more is answered 503 when its request comes, and closed. Work areas are fewer than
 * connections: who finds none waits in line, his bytes unread. So that nobody waits for ever, a
 * connection that holds one and gets nowhere is closed after SERVE_HOLD_S.
 */
#ifndef NHTTPD_SERVE_H
#define NHTTPD_SERVE_H

#include "workloads/nhttpd/http.h"

/* Beside these lwIP has places for those being refused or closed (lwipopts.h). An idle connection
 * costs about 350 bytes with lwIP's part, a work area 13 KiB. */
#define SERVE_CONNECTIONS_MAX 16000u /* also the default */
#define SERVE_WORKS_MAX       1024u  /* work areas, but no more than connections */
#define SERVE_MEMORY_PARTS    4u     /* each of the two takes such a part of plat_memory_share */
#define SERVE_IDLE_S          60u    /* without a request or any progress of a reply: closed */
#define SERVE_HOLD_S          10u    /* the same for one that holds a work area */
#define SERVE_LINGER_S        2u     /* to hear out a client whose request was refused unread */

struct serve_counters {
    uint64_t connections_open; /* now */
    uint64_t connections_total;
    uint64_t connections_beyond; /* refused because the pool was empty */
};

/* As many connections as asked for, or fewer where the machine has not the memory for them: those
 * that serve_open should be asked for. At start. */
uint32_t serve_room(uint32_t connections);

/* Listens, for at most `connections` (1..SERVE_CONNECTIONS_MAX) at a time; site outlives it. 0, or
 * -1 with one line in why. After net_open; once per app. */
int serve_open(uint16_t port, uint32_t connections, struct http_site *site, char *why,
               size_t why_bytes);

/* To be called every millisecond or so: tries again what waits for memory, and counts the seconds
 * of connections, a few at a time. */
void serve_tick(void);

/* Somebody waits for the next tick. */
bool serve_waits(void);

/* Ends a window of the load estimate and begins the next: how many of the connections that are
 * still open asked for something, or moved a reply on, during the one that ended. */
uint32_t serve_active(void);

void serve_counters(struct serve_counters *out);

#endif
