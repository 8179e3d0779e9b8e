/*
 * What priced needs of its floor beside platform/platform.h: its network, one HTTP GET at a time,
 * and files. In a guest (nom/) it has a NIC and a stack of its own; on Linux (linux/) it uses the
 * system's, by libcurl.
 */
#ifndef PRICED_FLOOR_H
#define PRICED_FLOOR_H

#include "runtime/net/net.h"
#include "runtime/priced/answer.h"

/* Once. net: NULL where no --ip was given, and then there is no network in a guest. 0, or -1 with
 * one line in why. */
int floor_open(const struct net_config *net, char *why, uint32_t why_bytes);

/* A file, which stays whole in memory: one packed with the app; on Linux also one of the system.
 * 0 or -1. */
int floor_file(const char *path, const void **data, size_t *bytes);

struct fetch_settings {
    const char *url;
    uint64_t connect_us, total_us; /* total: from begin to the last byte */
    char *body;                    /* room for body_max bytes */
    size_t body_max;
};

/* Once, after floor_open: looks at the URL. 0, or -1 with one line in why. What settings point to
 * stays. */
int fetch_open(const struct fetch_settings *settings, char *why, uint32_t why_bytes);

/* Starts a GET; never while one is under way. It never waits, follows no redirection, and takes
 * every status but 200 for a failure. */
void fetch_begin(void);

enum fetch_state { FETCH_PENDING, FETCH_DONE, FETCH_FAILED };

/* One turn. DONE: the body is in settings' room, *bytes of it; FAILED: the trouble. Either ends the
 * fetch. */
enum fetch_state fetch_poll(size_t *bytes, struct priced_trouble *t);

/* A turn of the network, then waits for news, most_us at most. */
void floor_wait(uint32_t most_us);

#endif
