/*
 * world.h. The server's loop does what nhttpd's main does: poll, and each millisecond retry and
 * adapt.
 */
#include "tests/memory/world.h"
#include "lwip/def.h"
#include "runtime/net/control_port.h"
#include "runtime/net/net.h"
#include "runtime/platform/platform.h"
#include "workloads/nhttpd/site.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS_NS       1000000u
#define LOAD_WINDOW 10u

struct world world;

static const char page[] = "<!DOCTYPE html>\n<title>memory</title>\n";
static const struct memory_file files[] = {{"www/index.html", page, sizeof page - 1}};

static void apply(void *context, const struct adapt_decision *d) {
    (void)context;
    net_set_batching(d->delay_us, d->kick);
    world.site.refusing = !d->serving;
}

static void statistics(void *context, struct nom_statistics *out) {
    (void)context;
    struct serve_counters connections;
    serve_counters(&connections);
    out->uptime_us = plat_now_us();
    net_counters(&out->net);
    out->requests = world.site.requests + world.site.errors;
    out->refused = world.site.refused;
    out->connections_open = connections.connections_open;
    out->connections_total = connections.connections_total;
}

struct world_settings world_plain(uint64_t seed) {
    return (struct world_settings){
        .seed = seed,
        .link = {.delay_ns = 20000, .ps_per_byte = 800, .reorder_ns = 200000},
        .server_nic = {.mac = {2, 0, 0, 0, 0, 2}, .tx_checksum = true},
        .client_nic = {.mac = {2, 0, 0, 0, 0, 1}, .rx_checksum = true},
        .connections = WORLD_CONNECTIONS,
    };
}

void world_start(const struct world_settings *s) {
    static const struct control_app control = {
        .adapt = &world.adapt, .apply = apply, .statistics = statistics};
    const struct memory_settings floor = {.seed = s->seed,
                                          .files = files,
                                          .file_count = sizeof files / sizeof *files,
                                          .nic = s->server_nic,
                                          .turn = s->turn,
                                          .dma_bytes_max = s->dma_bytes_max};
    const struct net_config net = {.address_be = lwip_htonl(0x0a000002),
                                   .netmask_be = lwip_htonl(0xffffff00),
                                   .delay_us = s->delay_us,
                                   .kick = s->kick};
    struct memory_link_settings link = s->link;
    char why[200];
    if (link.seed == 0)
        link.seed = s->seed;
    memory_link_open(&world.link, &link);
    WORLD_CHECK(memory_start(&floor) == 0);
    world.server = memory_nic();
    memory_link_nic(&world.link, 0, world.server);
    if (!s->no_client) {
        WORLD_CHECK(client_start(s->seed + 1, &s->client_nic, 1, 2) == 0);
        world.client = client_nic();
        memory_link_nic(&world.link, 1, world.client);
    }
    world.next_ms_tsc = memory_now_tsc + MS_NS;
    world.server_stands = s->turn != NULL;
    if (s->turn)
        return;
    WORLD_CHECK(site_open(&world.site, why, sizeof why) == 0);
    WORLD_CHECK(net_open(&net, why, sizeof why) == 0);
    adapt_init(&world.adapt, "nhttpd", s->delay_us, s->kick);
    WORLD_CHECK(serve_open(WORLD_PORT, s->connections, &world.site, why, sizeof why) == 0);
    WORLD_CHECK(control_port_open(WORLD_CONTROL_PORT, &control) == 0);
}

static void server_turn(void) {
    static uint32_t ticks, load;
    net_poll();
    if (memory_now_tsc < world.next_ms_tsc)
        return;
    serve_tick();
    if (++ticks % LOAD_WINDOW == 0)
        load = serve_active();
    if (adapt_tick(&world.adapt, plat_now_us(), load))
        apply(NULL, &world.adapt.now);
}

void world_step(void) {
    memory_link_run(&world.link);
    if (!world.server_stands)
        server_turn();
    if (world.client)
        client_poll(memory_now_tsc);
    if (memory_now_tsc >= world.next_ms_tsc)
        world.next_ms_tsc = memory_now_tsc + MS_NS;
    memory_link_run(&world.link);
    uint64_t next = memory_link_next_tsc(&world.link);
    if (memory_nic_holds(world.server) || (world.client && memory_nic_holds(world.client)))
        next = LWIP_MIN(next, memory_now_tsc + WORLD_POLL_NS);
    next = LWIP_MIN(next, world.next_ms_tsc);
    if (next > memory_now_tsc)
        memory_now_tsc = next;
}

bool world_until(bool (*done)(void *context), void *context, uint64_t most_us) {
    uint64_t end = plat_now_us() + most_us;
    while (!done(context)) {
        if (plat_now_us() >= end)
            return false;
        world_step();
    }
    return true;
}

static bool never(void *context) {
    (void)context;
    return false;
}

void world_run_us(uint64_t us) {
    world_until(never, NULL, us);
}

struct nom_net_counters world_counters(void) {
    struct nom_net_counters counters;
    net_counters(&counters);
    return counters;
}

void world_wrong(const char *what, const char *file, int line) {
    fprintf(stderr, "# %s:%d: not so: %s\n%s", file, line, what, memory_log());
    exit(1);
}

int world_alone(void (*body)(const void *in, void *out), const void *in, void *out,
                size_t out_bytes) {
    int status;
    void *shared = mmap(NULL, out_bytes ? out_bytes : 1, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return -1;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        body(in, shared);
        exit(0);
    }
    int result = child > 0 && waitpid(child, &status, 0) == child && status == 0 ? 0 : -1;
    if (out_bytes > 0)
        memcpy(out, shared, out_bytes);
    munmap(shared, out_bytes ? out_bytes : 1);
    return result;
}
