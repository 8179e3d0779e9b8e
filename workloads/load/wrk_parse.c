/*
 * wrk's report, found by its words and not by its lines' order. Every number that is used must be
 * there, finite and in a known unit; a report that stops short is refused as a whole.
 */
#include "workloads/load/text.h"
#include "workloads/load/wrk.h"
#include <stdio.h>
#include <string.h>

static const struct unit time_units[] = {{"us", 1},   {"ms", 1e3},   {"s", 1e6},
                                         {"m", 60e6}, {"h", 3600e6}, {NULL, 0}};
static const struct unit count_units[] = {{"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {"", 1}, {NULL, 0}};
static const struct unit byte_units[] = {{"KB", 0x1p10}, {"MB", 0x1p20}, {"GB", 0x1p30},
                                         {"TB", 0x1p40}, {"PB", 0x1p50}, {"B", 1},
                                         {NULL, 0}};

/* "  386861 requests in 2.00s, 87.07MB read" */
static bool take_totals(const char *text, double *requests, double *us, double *bytes) {
    const char *words = strstr(text, " requests in ");
    const char *line = words;
    while (line != NULL && line > text && line[-1] != '\n') {
        line--;
    }
    if (line == NULL || !text_number(&line, count_units, requests) || line != words) {
        return false;
    }
    line += strlen(" requests in ");
    return text_number(&line, time_units, us) && *line++ == ',' &&
           text_number(&line, byte_units, bytes) && strncmp(line, " read", 5) == 0;
}

/* "Socket errors: connect 0, read 10, write 0, timeout 0": their sum; 0 without such a line. */
static bool take_socket_errors(const char *text, double *errors) {
    const char *at = text_after(text, "Socket errors:");
    *errors = 0;
    for (int i = 0; at != NULL && i < 4; i++) {
        double n;
        at += strcspn(at, "0123456789\n");
        if (!text_number(&at, count_units, &n)) {
            return false;
        }
        *errors += n;
    }
    return true;
}

static bool take_bad_statuses(const char *text, double *bad) {
    *bad = 0;
    return text_after(text, "Non-2xx or 3xx responses:") == NULL ||
           text_number_after(text, "Non-2xx or 3xx responses:", count_units, bad);
}

int wrk_parse(const char *text, struct load_result *result) {
    double requests, us, bytes, per_second, socket_errors, bad;
    double mean, deviation, p50, p90, p99;
    if (!take_totals(text, &requests, &us, &bytes) ||
        !text_number_after(text, "Requests/sec:", count_units, &per_second) ||
        !take_socket_errors(text, &socket_errors) || !take_bad_statuses(text, &bad) ||
        bad > requests || us <= 0) {
        snprintf(result->error, sizeof result->error, "wrk's report cannot be read");
        return -1;
    }
    if (requests == 0) {
        snprintf(result->error, sizeof result->error,
                 "no reply to wrk in %.1f s (%.0f socket errors)", us / 1e6, socket_errors);
        return -1;
    }
    const char *latency = text_after(text, "Latency ");
    const char *distribution = text_after(text, "Latency Distribution");
    if (latency == NULL || distribution == NULL || !text_number(&latency, time_units, &mean) ||
        !text_number(&latency, time_units, &deviation) ||
        !text_number_after(distribution, "50%", time_units, &p50) ||
        !text_number_after(distribution, "90%", time_units, &p90) ||
        !text_number_after(distribution, "99%", time_units, &p99)) {
        snprintf(result->error, sizeof result->error, "wrk's report has no latencies");
        return -1;
    }
    double good = (requests - bad) / requests;
    result->replies = (uint64_t)(requests - bad);
    result->errors = (uint64_t)(bad + socket_errors);
    result->reply_bytes = (uint64_t)(bytes * good);
    result->seconds = us / 1e6;
    result->throughput_ops = per_second * good;
    result->latency_mean_us = mean;
    result->jitter_us = deviation;
    result->latency_p50_us = p50;
    result->latency_p90_us = p90;
    result->latency_p99_us = p99;
    return 0;
}
