/*
 * memaslap's report. Every number that is used must be there, finite and in its unit; a report that
 * stops short is refused as a whole.
 */
#include "workloads/load/memaslap.h"
#include "workloads/load/text.h"
#include <stdio.h>
#include <string.h>

static const struct unit plain[] = {{"", 1}, {NULL, 0}};
static const struct unit seconds_unit[] = {{"s", 1}, {NULL, 0}};

/* "Run time: 2.0s Ops: 161459 TPS: 80722 Net_rate: 85.6M/s" */
static bool take_totals(const char *text, double *seconds, double *ops, double *per_second) {
    const char *at = text_after(text, "Run time: ");
    if (at == NULL || !text_number(&at, seconds_unit, seconds) || strncmp(at, " Ops: ", 6) != 0) {
        return false;
    }
    at += 6;
    if (!text_number(&at, plain, ops) || strncmp(at, " TPS: ", 6) != 0) {
        return false;
    }
    at += 6;
    return text_number(&at, plain, per_second);
}

/* The section that tells of the whole run, not those of periods: "Total Statistics (N events)". */
static bool take_latency(const char *text, double *mean_us, double *deviation_us) {
    const char *total = text_after(text, "Total Statistics (");
    return total != NULL && text_number_after(total, "Avg:", plain, mean_us) &&
           text_number_after(total, "Std:", plain, deviation_us);
}

int memaslap_parse(const char *text, bool may_evict, struct load_result *result) {
    double seconds, ops, per_second, misses, bytes, mean, deviation;
    if (!take_totals(text, &seconds, &ops, &per_second) ||
        !text_number_after(text, "get_misses:", plain, &misses) ||
        !text_number_after(text, "read_bytes:", plain, &bytes) || misses > ops || seconds <= 0) {
        snprintf(result->error, sizeof result->error, "memaslap's report cannot be read");
        return -1;
    }
    if (ops == 0) {
        snprintf(result->error, sizeof result->error, "no reply to memaslap in %.1f s", seconds);
        return -1;
    }
    if (!take_latency(text, &mean, &deviation)) {
        snprintf(result->error, sizeof result->error, "memaslap's report has no latencies");
        return -1;
    }
    double errors = may_evict ? 0 : misses, good = (ops - errors) / ops;
    result->replies = (uint64_t)(ops - errors);
    result->errors = (uint64_t)errors;
    result->misses = (uint64_t)(may_evict ? misses : 0);
    result->reply_bytes = (uint64_t)bytes;
    result->seconds = seconds;
    result->throughput_ops = per_second * good;
    result->latency_mean_us = mean;
    result->jitter_us = deviation;
    return 0;
}
