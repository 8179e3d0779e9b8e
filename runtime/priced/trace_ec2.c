#include "runtime/priced/trace.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const json_t *entry, const char *key) {
    const char *text = json_string_value(json_object_get(entry, key));
    return text ? text : "";
}

static bool passes(const json_t *entry, const char *key, const char *wanted) {
    return !wanted || strcmp(text_of(entry, key), wanted) == 0;
}

/* NULL, or the key in which two entries differ that should be of one series. */
static const char *differ(const json_t *a, const json_t *b) {
    static const char *const keys[] = {"InstanceType", "AvailabilityZone", "ProductDescription"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(text_of(a, keys[i]), text_of(b, keys[i])) != 0)
            return keys[i];
    return NULL;
}

static int by_time(const void *a, const void *b) {
    double left = ((const struct priced_event *)a)->at_s;
    double right = ((const struct priced_event *)b)->at_s;
    return (left > right) - (left < right);
}

size_t priced_ec2_room(const json_t *document) {
    return json_array_size(json_object_get(document, "SpotPriceHistory"));
}

static int read_entry(const json_t *entry, size_t index, struct priced_event *e, double *price,
                      struct priced_trouble *t) {
    if (priced_moment(text_of(entry, "Timestamp"), &e->at_s) != 0)
        return priced_trouble(t, PRICED_NONSENSE, "SpotPriceHistory[%zu]: no Timestamp: %.40s",
                              index, text_of(entry, "Timestamp"));
    if (priced_json_number(json_object_get(entry, "SpotPrice"), price) != 0 || *price < 0)
        return priced_trouble(t, PRICED_NONSENSE, "SpotPriceHistory[%zu]: no SpotPrice: %.40s",
                              index, text_of(entry, "SpotPrice"));
    return 0;
}

/* In order, from 0 on; one entry of a moment counts. */
static void arrange(struct priced_trace *trace) {
    size_t kept = 0;
    qsort(trace->event, trace->count, sizeof *trace->event, by_time);
    double first_s = trace->event[0].at_s;
    for (size_t i = 0; i < trace->count; i++) {
        trace->event[i].at_s -= first_s;
        if (kept > 0 && trace->event[kept - 1].at_s == trace->event[i].at_s)
            kept--;
        trace->event[kept++] = trace->event[i];
    }
    trace->count = kept;
}

int priced_ec2_read(struct priced_trace *trace, const json_t *document,
                    const struct priced_ec2_filter *filter, const struct priced_unit *unit,
                    double scale, struct priced_trouble *t) {
    const json_t *history = json_object_get(document, "SpotPriceHistory"), *first = NULL;
    trace->count = 0;
    if (!json_is_array(history))
        return priced_trouble(t, PRICED_NONSENSE, "no SpotPriceHistory");
    for (size_t i = 0; i < json_array_size(history); i++) {
        const json_t *entry = json_array_get(history, i);
        if (!passes(entry, "InstanceType", filter->instance_type) ||
            !passes(entry, "AvailabilityZone", filter->zone) ||
            !passes(entry, "ProductDescription", filter->product))
            continue;
        first = first ? first : entry;
        const char *key = differ(first, entry);
        if (key)
            return priced_trouble(t, PRICED_NONSENSE, "more than one %s: %.40s and %.40s", key,
                                  text_of(first, key), text_of(entry, key));
        if (trace->count == trace->room)
            return priced_trouble(t, PRICED_TOO_LARGE, "more than %zu prices", trace->room);
        struct priced_event *e = &trace->event[trace->count];
        double price;
        if (read_entry(entry, i, e, &price, t) != 0)
            return -1;
        for (uint32_t use = 0; use < NOM_USES_MAX; use++)
            e->usd[use] = NAN;
        e->usd[unit->use_id - 1] = price * unit->factor * scale;
        trace->count++;
    }
    if (trace->count == 0)
        return priced_trouble(t, PRICED_NONSENSE, "no price in SpotPriceHistory%s",
                              json_array_size(history) ? " passes the filters" : "");
    arrange(trace);
    return 0;
}
