/*
 * Small texts and choices that figures and page have in common, so that both say the same.
 */
#include "reports/internal.h"
#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int report_fail(char *why, size_t why_bytes, enum report_error error, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, why_bytes, format, arguments);
    va_end(arguments);
    for (char *c = why; why_bytes > 0 && *c; c++) {
        if (*c == '\n' || *c == '\r')
            *c = ' ';
    }
    return -(int)error;
}

static int by_id(const void *left, const void *right) {
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

void report_runs(const int64_t *ids, size_t count, char *text, size_t bytes) {
    int64_t *sorted = calloc(count + 1, sizeof(*sorted));
    size_t used = 0;

    text[0] = '\0';
    if (!sorted || count == 0) {
        free(sorted);
        snprintf(text, bytes, "%zu runs", count);
        return;
    }
    memcpy(sorted, ids, count * sizeof(*ids));
    qsort(sorted, count, sizeof(*sorted), by_id);
    for (size_t from = 0, to; from < count && used < bytes; from = to) {
        for (to = from + 1; to < count && sorted[to] == sorted[to - 1] + 1;)
            to++;
        used += (size_t)snprintf(text + used, bytes - used, "%s%" PRId64, from ? ", " : "",
                                 sorted[from]);
        if (to - from > 1 && used < bytes)
            used += (size_t)snprintf(text + used, bytes - used, "%s%" PRId64,
                                     to - from > 2 ? "-" : ", ", sorted[to - 1]);
    }
    if (used >= bytes)
        snprintf(text, bytes, "%zu of %" PRId64 "-%" PRId64, count, sorted[0], sorted[count - 1]);
    free(sorted);
}

void report_load_runs(const struct report_load *load, char *text, size_t bytes) {
    size_t room = load->count * TUNER_RUNS_MAX, used = 0;
    int64_t *ids = calloc(room + 1, sizeof(*ids));

    text[0] = '\0';
    for (size_t i = 0; ids && i < load->count; i++) {
        for (uint32_t r = 0; r < load->points[i].run_count; r++)
            ids[used++] = load->points[i].run_id[r];
    }
    if (ids)
        report_runs(ids, used, text, bytes);
    free(ids);
}

void report_delay(const struct tuner_point *point, char *text, size_t bytes) {
    snprintf(text, bytes, "W = %g \u00b5s%s", point->delay_us,
             point->kick == NOM_KICK_STRICT ? ", strict"
             : point->delay_us == 0.0       ? ", natural"
                                            : "");
}

void report_number(double value, char *text, size_t bytes) {
    double size = fabs(value);
    snprintf(text, bytes, "%.*f",
             size >= 100.0  ? 0
             : size >= 10.0 ? 1
             : size >= 1.0  ? 2
                            : 3,
             value);
}

int report_finite(const struct tuner_point *p) {
    return isfinite(p->throughput_ops) && isfinite(p->throughput_low) &&
           isfinite(p->throughput_high) && isfinite(p->latency_mean_us) &&
           isfinite(p->latency_low_us) && isfinite(p->latency_high_us) && isfinite(p->delay_us);
}

const struct tuner_point *report_most_throughput(const struct report_load *load) {
    const struct tuner_point *best = NULL;
    for (const struct tuner_point *p = load->points; p < load->points + load->count; p++) {
        if (report_finite(p) && (!best || p->throughput_ops > best->throughput_ops))
            best = p;
    }
    return best;
}

const struct tuner_point *report_least_latency(const struct report_load *load) {
    const struct tuner_point *best = NULL;
    for (const struct tuner_point *p = load->points; p < load->points + load->count; p++) {
        if (report_finite(p) && (!best || p->latency_mean_us < best->latency_mean_us))
            best = p;
    }
    return best;
}

void report_quote(FILE *script, const char *text) {
    fputc('"', script);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < ' ')
            fputc(' ', script);
        else if (isalnum(c) || c >= 0x80 || strchr(" .,:;=()/%+-", c))
            fputc(c, script);
        else
            fprintf(script, "\\%03o", c);
    }
    fputc('"', script);
}
