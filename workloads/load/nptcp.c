/*
 * NPtcp runs twice: once as it is, which warms up and tells how long a message takes, and once with
 * a number of messages that should fill the recorded time. Its output file has no name and is its
 * standard input: so nothing is left behind, whatever is killed.
 */
#include "workloads/load/nptcp.h"
#include "workloads/load/outside.h"
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define TRIALS        3 /* of each size; the best is what it reports */
#define REPEATS_MIN   5.0
#define REPEATS_MAX   1e8
#define GRACE_SECONDS 10.0 /* for it to begin, to try 100 messages, and to print */
#define SLOWER_MAX    5.0  /* a recorded run may take so many times what it should */
#define RETRY_NS      50000000

bool nptcp_can(const struct load_config *c) {
    return c->connections == 1 && c->requests_max == 0 && c->message_bytes >= 1 &&
           c->message_bytes <= LOAD_MESSAGE_BYTES_MAX;
}

static double clock_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* repeats 0: as many as it likes. */
static int run_once(const struct load_config *config, double repeats, double seconds,
                    struct load_result *result, char *report, double *cpu_seconds) {
    char host[INET_ADDRSTRLEN], port[8], bytes[16], count[16];
    inet_ntop(AF_INET, &config->server.sin_addr, host, sizeof host);
    snprintf(port, sizeof port, "%u", ntohs(config->server.sin_port));
    snprintf(bytes, sizeof bytes, "%u", config->message_bytes);
    snprintf(count, sizeof count, "%.0f", repeats);
    char *arguments[20] = {"NPtcp", "-h",  host, "-P", port, "-l",        bytes,
                           "-u",    bytes, "-p", "0",  "-o", "/dev/stdin"};
    int n = 13;
    if (repeats > 0) {
        arguments[n++] = "-n";
        arguments[n++] = count;
    }
    if (config->bidirectional) {
        arguments[n++] = "-2";
    }
    const struct outside outside = {.arguments = arguments,
                                    .package = "netpipe-tcp",
                                    .seconds = seconds + config->timeout_seconds + GRACE_SECONDS};
    return outside_run(&outside, result, report, cpu_seconds);
}

/* Whether nobody was there to serve: refused; or taken by the kernel for a receiver that had its
 * run and ended. */
static bool came_between(const char *error) {
    return strstr(error, "Cannot Connect") != NULL ||
           strstr(error, "synchronization string: Connection reset") != NULL;
}

/* A stock receiver serves one run and has to be started anew for the next: a connection that comes
 * between is tried again for timeout_seconds. */
static int run_connected(const struct load_config *config, double repeats, double seconds,
                         struct load_result *result, char *report, double *cpu_seconds) {
    double until = clock_seconds() + config->timeout_seconds;
    while (run_once(config, repeats, seconds, result, report, cpu_seconds) != 0) {
        if (!came_between(result->error) || clock_seconds() > until) {
            return -1;
        }
        result->error[0] = '\0';
        nanosleep(&(struct timespec){.tv_nsec = RETRY_NS}, NULL);
    }
    return 0;
}

int nptcp_parse(const char *text, const struct load_config *config, double *seconds) {
    /* With -2, both directions' bytes are counted. */
    unsigned long long want =
        (unsigned long long)config->message_bytes * (config->bidirectional ? 2 : 1);
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        unsigned long long bytes;
        double megabits;
        int end = 0;
        line += *line == '\n';
        if (sscanf(line, "%llu %lf %lf%n", &bytes, &megabits, seconds, &end) == 3 &&
            line[end] == '\n' && bytes == want && isfinite(*seconds) && *seconds > 0) {
            return 0;
        }
    }
    return -1;
}

/* Runs it and reads the seconds that a message took. 0, or -1 and an error line. */
static int measure(const struct load_config *config, double repeats, double seconds,
                   struct load_result *result, double *message, double *cpu_seconds) {
    static char report[OUTSIDE_REPORT_BYTES];
    char rows[1024];
    if (run_connected(config, repeats, seconds, result, report, cpu_seconds) != 0) {
        return -1;
    }
    ssize_t n = pread(STDIN_FILENO, rows, sizeof rows - 1, 0);
    rows[n > 0 ? n : 0] = '\0';
    if (nptcp_parse(rows, config, message) == 0) {
        return 0;
    }
    const char *limit = strstr(report, "The upper limit is being set to");
    if (limit != NULL) {
        snprintf(result->error, sizeof result->error, "NPtcp, asked for %u bytes: %.*s",
                 config->message_bytes, (int)strcspn(limit, "\n"), limit);
    } else {
        snprintf(result->error, sizeof result->error, "NPtcp reports no message of %u bytes",
                 config->message_bytes);
    }
    return -1;
}

/* 0, or -1 and an error line. */
static int make_file(struct load_result *result) {
    int fd = memfd_create("nptcp", MFD_CLOEXEC);
    if (fd < 0 || dup2(fd, STDIN_FILENO) < 0) {
        snprintf(result->error, sizeof result->error, "NPtcp: no file for its output: %s",
                 strerrordesc_np(errno));
        return -1;
    }
    close(fd);
    return 0;
}

void nptcp_run(const struct load_config *config, struct load_result *result) {
    double cpu_seconds, message;
    if (outside_begin(config, "NPtcp", result) != 0 || make_file(result) != 0 ||
        measure(config, 0, 0, result, &message, &cpu_seconds) != 0) {
        return;
    }
    /* A message there and one back; or, both ways at once, one each. */
    double turns = config->bidirectional ? 1 : 2;
    double repeats = round(config->seconds / (TRIALS * turns * message));
    repeats = fmin(fmax(repeats, REPEATS_MIN), REPEATS_MAX);
    result->phase = LOAD_PHASE_RECORDING;
    int error = measure(config, repeats, SLOWER_MAX * TRIALS * repeats * turns * message, result,
                        &message, &cpu_seconds);
    result->phase = LOAD_PHASE_ENDED;
    if (error != 0) {
        return;
    }
    result->replies = (uint64_t)(TRIALS * repeats);
    result->reply_bytes = result->replies * config->message_bytes;
    result->throughput_ops = 1 / (turns * message);
    result->seconds = (double)result->replies / result->throughput_ops;
    result->latency_mean_us = message * 1e6;
    result->client_cpu_seconds = cpu_seconds;
    result->done = true;
}
