/*
 * The price of a run from a recorded history: read by the price daemon's own readers, it becomes a
 * schedule like one that was typed, so that phases, accounting and announcements are the same.
 */
#include "nomctl/run.h"
#include "runtime/priced/trace.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRACE_BYTES_MAX (16u << 20)
#define PHASE_LEAST_S   0.1
#define PRICE_USD_MAX   1e9

bool run_price_is_file(const char *text) {
    const char *ending = strrchr(text, '.');
    if (strspn(text, "0123456789.,@s") == strlen(text))
        return false;
    return strchr(text, '/') || (ending && strcmp(ending, ".csv") == 0) ||
           (ending && strcmp(ending, ".json") == 0) || access(text, F_OK) == 0;
}

/* The events of a text in either format; trace->event is malloc'd. 0, or -1 with the trouble. */
static int read_events(const char *text, size_t bytes, double scale, struct priced_trace *trace,
                       struct priced_trouble *t) {
    static const struct priced_ec2_filter all;
    json_t *document = NULL;
    json_error_t error;
    size_t blank = 0;
    while (blank < bytes && strchr(" \t\r\n", text[blank]) && text[blank])
        blank++;
    bool ec2 = blank < bytes && text[blank] == '{';
    if (ec2 && !(document = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &error)))
        return priced_trouble(t, PRICED_NONSENSE, "no JSON: line %d: %s", error.line, error.text);
    trace->room = (ec2 ? priced_ec2_room(document) : priced_csv_room(text, bytes)) + 1;
    trace->event = calloc(trace->room, sizeof *trace->event);
    int result = !trace->event ? priced_trouble(t, PRICED_TOO_LARGE, "out of memory")
                 : ec2         ? priced_ec2_read(trace, document, &all,
                                                 priced_unit_of_board(NOM_USE_GBIT_OUT_PER_S), scale, t)
                               : priced_csv_read(trace, text, bytes, scale, t);
    json_decref(document);
    return result;
}

/* The changes of the price before `seconds` as steps. 0, or -1 with why. */
static int to_steps(const struct run_price *price, const struct priced_trace *trace, double seconds,
                    struct step steps[STEPS_MAX], size_t *count, char *why, size_t why_bytes) {
    double before = NAN;
    *count = 0;
    for (size_t i = 0; i < trace->count; i++) {
        double usd = trace->event[i].usd[NOM_USE_GBIT_OUT_PER_S - 1];
        double at_s = trace->event[i].at_s / price->speed;
        if (i > 0 && at_s > seconds - PHASE_LEAST_S)
            break;
        if (i == 0 && isnan(usd)) {
            snprintf(why, why_bytes, "%s: it does not begin with a price of gbit_out_per_s",
                     price->text);
            return -1;
        }
        if (usd == before)
            continue;
        if (usd > PRICE_USD_MAX) {
            snprintf(why, why_bytes, "%s: %g $/Gbit is more than %g", price->text, usd,
                     PRICE_USD_MAX);
            return -1;
        }
        if (*count > 0 && at_s - steps[*count - 1].at_s < PHASE_LEAST_S) {
            snprintf(why, why_bytes,
                     "%s: at --speed %g prices change %.3g s apart; a phase takes %g s at least",
                     price->text, price->speed, at_s - steps[*count - 1].at_s, PHASE_LEAST_S);
            return -1;
        }
        if (*count == STEPS_MAX) {
            snprintf(why, why_bytes,
                     "%s: more than %u prices in %g s at --speed %g: give less of either",
                     price->text, STEPS_MAX, seconds, price->speed);
            return -1;
        }
        struct step *step = &steps[(*count)++];
        step->at_s = at_s;
        snprintf(step->value, sizeof step->value, "%.9f", usd);
        before = usd;
    }
    return 0;
}

int run_trace(const struct run_price *price, double seconds, struct step steps[STEPS_MAX],
              size_t *count, char *why, size_t why_bytes) {
    struct priced_trace trace = {0};
    struct priced_trouble t = {0};
    void *bytes;
    size_t n;
    if (file_read(price->text, TRACE_BYTES_MAX, &bytes, &n, why, why_bytes))
        return -1;
    int result = read_events(bytes, n, price->scale, &trace, &t);
    if (result)
        snprintf(why, why_bytes, "%s: %s", price->text, t.text);
    else
        result = to_steps(price, &trace, seconds, steps, count, why, why_bytes);
    free(trace.event);
    free(bytes);
    return result;
}
