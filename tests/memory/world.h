/*
 * Two machines and a wire, in one process and on one clock: nhttpd's real code over the real net
 * and lwIP at 10.0.0.2, a client (client.h) or a test at 10.0.0.1. A step polls both, moves the
 * wire, and advances time to whatever comes next, so that waiting costs nothing and a run depends
 * on its seeds alone.
 *
 * net, lwIP and nhttpd can be opened once a process: world_alone runs a test's body in a process of
 * its own, which starts its own world.
 */
#ifndef TESTS_MEMORY_WORLD_H
#define TESTS_MEMORY_WORLD_H

#include "runtime/abi/control.h"
#include "runtime/lib/adapt.h"
#include "runtime/platform/memory/floor.h"
#include "runtime/platform/memory/link.h"
#include "tests/memory/client.h"
#include "workloads/nhttpd/serve.h"

#define WORLD_PORT         80u
#define WORLD_CONNECTIONS  1024u
#define WORLD_CONTROL_PORT 81u
#define WORLD_POLL_NS      1000u /* a poll takes so long, as far as it matters */

struct world_settings {
    uint64_t seed;
    struct memory_link_settings link; /* its seed 0: from `seed` */
    struct memory_nic_settings server_nic, client_nic;
    double delay_us;
    enum nom_kick kick;
    uint32_t connections; /* nhttpd's */
    size_t dma_bytes_max;
    bool no_client;              /* end 1 of the wire is left to the test */
    bool (*turn)(void *context); /* the app is the test's, which calls plat_main: asked once a turn
                                    of its loop, with world_step to be called; true ends the app */
};

struct world {
    struct memory_link link; /* end 0 the server, end 1 the client */
    struct memory_nic *server, *client;
    struct http_site site;
    struct adapt adapt;
    uint64_t next_ms_tsc;
    bool server_stands; /* the server is polled by another loop than world_step's */
};

extern struct world world;

/* A 10 Gbit/s wire of 20 us, without faults; W = 0, natural. */
struct world_settings world_plain(uint64_t seed);
/* Opens everything; fails the process with a line if that fails. */
void world_start(const struct world_settings *settings);
/* Something happens, or at most a millisecond passes. */
void world_step(void);
/* Steps until done, at most so many microseconds of the world's time; whether it is done. */
bool world_until(bool (*done)(void *context), void *context, uint64_t most_us);
void world_run_us(uint64_t us);

struct nom_net_counters world_counters(void);

/* Runs body(in, out) in a process of its own; what it writes to out[out_bytes] arrives here. 0 if
 * the process ended well. */
int world_alone(void (*body)(const void *in, void *out), const void *in, void *out,
                size_t out_bytes);
/* Within such a body: says what is wrong, and ends it badly. */
#define WORLD_CHECK(condition) ((condition) ? (void)0 : world_wrong(#condition, __FILE__, __LINE__))
_Noreturn void world_wrong(const char *what, const char *file, int line);

#endif
