/*
 * nhttpd over lwIP's raw API: accepts connections, carries bytes between them and http.h.
 *
 * Connections come from a fixed pool; one more than SERVE_CONNECTIONS_MAX is answered 503 when its
 * request comes, and closed. Nothing here allocates.
 */
#ifndef NHTTPD_SERVE_H
#define NHTTPD_SERVE_H

#include "workloads/nhttpd/http.h"

#define SERVE_CONNECTIONS_MAX 1024u
#define SERVE_IDLE_S          60u /* without a request or any progress of a reply: closed */
#define SERVE_LINGER_S        2u  /* to hear out a client whose request was refused unread */

struct serve_counters {
    uint64_t connections_open; /* now */
    uint64_t connections_total;
    uint64_t connections_beyond; /* refused because the pool was empty */
};

/* Listens; site outlives it. 0, or -1 if the port cannot be had. After net_open; once per app. */
int serve_open(uint16_t port, struct http_site *site);

/* To be called every millisecond or so: tries again what found the stack's pools empty. */
void serve_retry(void);

/* Ends a window of the load estimate and begins the next: how many of the connections that are
 * still open asked for something, or moved a reply on, during the one that ended. */
uint32_t serve_active(void);

void serve_counters(struct serve_counters *out);

#endif
