/* wrk runs once or twice (a warm-up first). */
#include "workloads/load/wrk.h"
#include "workloads/load/outside.h"
#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>

#define GRACE_SECONDS 3.0 /* for wrk to begin and to print */

/* 0 and what wrk printed and used, or -1 and an error line. */
static int run_once(const struct load_config *config, double seconds, struct load_result *result,
                    char *report, double *cpu_seconds) {
    char url[sizeof config->path + 64], host[INET_ADDRSTRLEN];
    char connections[16], duration[16], timeout[16];
    unsigned whole = outside_whole_seconds(seconds);
    inet_ntop(AF_INET, &config->server.sin_addr, host, sizeof host);
    snprintf(url, sizeof url, "http://%s:%u%s", host, ntohs(config->server.sin_port), config->path);
    snprintf(connections, sizeof connections, "%u", config->connections);
    snprintf(duration, sizeof duration, "%us", whole);
    snprintf(timeout, sizeof timeout, "%.0fs", ceil(config->timeout_seconds));
    char *arguments[] = {"wrk",       "-t1",   "-c", connections, "-d", duration, "--latency",
                         "--timeout", timeout, url,  NULL,        NULL, NULL};
    if (!config->keep_alive) {
        arguments[10] = "-H";
        arguments[11] = "Connection: close";
    }
    const struct outside outside = {.arguments = arguments,
                                    .package = "wrk",
                                    .seconds = whole + config->timeout_seconds + GRACE_SECONDS};
    return outside_run(&outside, result, report, cpu_seconds);
}

void wrk_run(const struct load_config *config, struct load_result *result) {
    static char report[OUTSIDE_REPORT_BYTES];
    double cpu_seconds = 0;
    if (outside_begin(config, "wrk", result) != 0 ||
        (config->warmup_seconds > 0 &&
         run_once(config, config->warmup_seconds, result, report, &cpu_seconds) != 0)) {
        return;
    }
    result->phase = LOAD_PHASE_RECORDING;
    int error = run_once(config, config->seconds, result, report, &cpu_seconds);
    result->phase = LOAD_PHASE_ENDED;
    if (error == 0 && wrk_parse(report, result) == 0) {
        result->client_cpu_seconds = cpu_seconds;
        result->done = true;
    }
}
