/*
 * memaslap runs once or twice (a warm-up first). It reads sizes and ratios from a file, which is
 * its standard input: so nothing is left behind, whatever is killed.
 */
#include "workloads/load/memaslap.h"
#include "workloads/load/outside.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define KEY_BYTES_MIN 16u
#define WINDOW_MIN    1024u
#define GRACE_SECONDS 10.0 /* for it to begin, and to print */

bool memaslap_can(const struct load_config *c) {
    return c->key_bytes >= KEY_BYTES_MIN && c->pipeline == 1 && c->value_bytes_max == 0 &&
           c->delete_ratio == 0 && c->requests_per_connection == 0 && c->requests_max == 0;
}

/* 0, or -1 and an error line. */
static int give_settings(const struct load_config *config, struct load_result *result) {
    int fd = memfd_create("memaslap", MFD_CLOEXEC);
    int written = fd < 0 ? -1
                         : dprintf(fd, "key\n%u %u 1\nvalue\n%u %u 1\ncmd\n0 %.6f\n1 %.6f\n",
                                   config->key_bytes, config->key_bytes, config->value_bytes,
                                   config->value_bytes, 1 - config->get_ratio, config->get_ratio);
    if (written < 0 || dup2(fd, STDIN_FILENO) < 0) {
        snprintf(result->error, sizeof result->error, "memaslap: no file for its settings: %s",
                 strerrordesc_np(errno));
        return -1;
    }
    close(fd);
    return 0;
}

static int run_once(const struct load_config *config, double seconds, struct load_result *result,
                    char *report, double *cpu_seconds) {
    char server[INET_ADDRSTRLEN + 8], host[INET_ADDRSTRLEN];
    char connections[16], duration[16], window[16];
    unsigned whole = outside_whole_seconds(seconds);
    uint32_t keys = (config->keys + config->connections - 1) / config->connections;
    inet_ntop(AF_INET, &config->server.sin_addr, host, sizeof host);
    snprintf(server, sizeof server, "%s:%u", host, ntohs(config->server.sin_port));
    snprintf(connections, sizeof connections, "%u", config->connections);
    snprintf(duration, sizeof duration, "%us", whole);
    snprintf(window, sizeof window, "%uk", (keys + WINDOW_MIN - 1) / WINDOW_MIN);
    /* Latencies are printed only with -S: once, when it ends. */
    char *arguments[] = {
        "memaslap", "-s", server,       "-T",
        "1",        "-c", connections,  "-t",
        duration,   "-S", duration,     "-w",
        window,     "-F", "/dev/stdin", config->protocol == LOAD_MEMCACHED_BINARY ? "-B" : NULL,
        NULL};
    const struct outside outside = {.arguments = arguments,
                                    .other_name = "memcaslap",
                                    .package = "libmemcached-tools",
                                    .seconds = whole + config->timeout_seconds + GRACE_SECONDS};
    return outside_run(&outside, result, report, cpu_seconds);
}

void memaslap_run(const struct load_config *config, struct load_result *result) {
    static char report[OUTSIDE_REPORT_BYTES];
    double cpu_seconds = 0;
    if (outside_begin(config, "memaslap", result) != 0 || give_settings(config, result) != 0 ||
        (config->warmup_seconds > 0 &&
         run_once(config, config->warmup_seconds, result, report, &cpu_seconds) != 0)) {
        return;
    }
    result->phase = LOAD_PHASE_RECORDING;
    int error = run_once(config, config->seconds, result, report, &cpu_seconds);
    result->phase = LOAD_PHASE_ENDED;
    if (error == 0 && memaslap_parse(report, config->may_evict, result) == 0) {
        result->client_cpu_seconds = cpu_seconds;
        result->done = true;
    }
}
