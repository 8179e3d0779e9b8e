/*
 * CloudSigma's /pricing/ (API 2.0, section Billing of its documentation):
 *
 *   current, next   by resource: its burst level now, and the one applied when the next are
 *                   calculated, every five minutes
 *   objects[]       resource, level, currency, price (a decimal string), unit, multiplier
 *
 * A resource's price is that of the object with its name, its level and the currency. "multiplier"
 * takes the price of one unit, "GB" of transfer, to that of one byte; so it says how many bytes a
 * unit has, and only 10^9 and 2^30 are believed. The documentation's example shows no object of
 * transfer: that its unit is "GB" and its multiplier the bytes of one is assumed, after "GB/month"
 * of disk, whose multiplier is 2^30 times the seconds of 30 days.
 */
#include "runtime/priced/provider.h"
#include <string.h>

#define GB             1e9
#define GIB            1073741824.0
#define BYTES_PER_GBIT (1e9 / 8)
#define TRANSFER_UNIT  "GB"

/* Whether an object is of that resource at that level, in any currency. */
static bool is_of(const json_t *object, const char *resource, double level) {
    const char *name = json_string_value(json_object_get(object, "resource"));
    double its_level;
    return name && strcmp(name, resource) == 0 &&
           priced_json_number(json_object_get(object, "level"), &its_level) == 0 &&
           its_level == level;
}

/* $ a byte, from an object. */
static int read_price(const json_t *object, const char *resource, double *usd_per_byte,
                      struct priced_trouble *t) {
    const char *unit = json_string_value(json_object_get(object, "unit"));
    double price, multiplier;
    if (!unit || strcmp(unit, TRANSFER_UNIT) != 0)
        return priced_trouble(t, PRICED_NONSENSE, "%s: its unit is %.20s, not " TRANSFER_UNIT,
                              resource, unit ? unit : "missing");
    if (priced_json_number(json_object_get(object, "multiplier"), &multiplier) != 0 ||
        (multiplier != GB && multiplier != GIB))
        return priced_trouble(t, PRICED_NONSENSE, "%s: its multiplier is no GB's", resource);
    if (priced_json_number(json_object_get(object, "price"), &price) != 0)
        return priced_trouble(t, PRICED_NONSENSE, "%s: its price is no number", resource);
    *usd_per_byte = price / multiplier;
    return 0;
}

/* The price at the level that `levels` gives the resource. */
static int find_price(const struct priced_provider *provider, const json_t *document,
                      const char *levels, double *usd_per_byte, struct priced_trouble *t) {
    const json_t *objects = json_object_get(document, "objects");
    const char *resource = provider->resource, *other = NULL;
    double level;
    if (priced_json_number(json_object_get(json_object_get(document, levels), resource), &level) !=
        0)
        return priced_trouble(t, PRICED_NONSENSE, "\"%s\" has no burst level of %s", levels,
                              resource);
    for (size_t i = 0; i < json_array_size(objects); i++) {
        const json_t *object = json_array_get(objects, i);
        if (!is_of(object, resource, level))
            continue;
        const char *currency = json_string_value(json_object_get(object, "currency"));
        if (currency && strcmp(currency, provider->currency) == 0)
            return read_price(object, resource, usd_per_byte, t);
        other = currency ? currency : "?";
    }
    if (other)
        return priced_trouble(t, PRICED_CURRENCY, "%s: the currency is %.16s, not %s", resource,
                              other, provider->currency);
    return priced_trouble(t, PRICED_NONSENSE, "no price of %s at its burst level, %g", resource,
                          level);
}

int priced_cloudsigma_read(const struct priced_provider *provider, const json_t *document,
                           struct priced_answer *out, struct priced_trouble *t) {
    const struct priced_mapping *m = &provider->mapping[0];
    struct priced_quote *quote = &out->quote[0];
    double now_usd, next_usd;
    if (find_price(provider, document, "current", &now_usd, t) != 0)
        return -1;
    *quote = (struct priced_quote){.use_id = m->unit->use_id,
                                   .price_usd = now_usd * BYTES_PER_GBIT * m->scale};
    if (json_object_get(json_object_get(document, "next"), provider->resource)) {
        if (find_price(provider, document, "next", &next_usd, t) != 0)
            return -1;
        quote->has_next = true;
        quote->next_usd = next_usd * BYTES_PER_GBIT * m->scale;
        quote->next_in_s = m->next_in_s;
    }
    out->count = 1;
    return 0;
}
