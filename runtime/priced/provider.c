#include "runtime/priced/provider.h"
#include <string.h>

static int read_currency(const struct priced_provider *provider, const json_t *document,
                         const struct priced_mapping *m, struct priced_trouble *t) {
    const json_t *value = priced_path_find(document, &m->currency);
    const char *text = json_string_value(value);
    if (!text)
        return priced_trouble(t, PRICED_CURRENCY, "%s: no currency where it should be",
                              priced_use_name(m->unit->use_id));
    if (strcmp(text, provider->currency) != 0)
        return priced_trouble(t, PRICED_CURRENCY, "%s: the currency is %.16s, not %s",
                              priced_use_name(m->unit->use_id), text, provider->currency);
    return 0;
}

static int read_next(const json_t *document, const struct priced_mapping *m,
                     struct priced_quote *quote, struct priced_trouble *t) {
    const json_t *value = priced_path_find(document, &m->next);
    double next;
    if (!value || json_is_null(value)) /* nothing announced */
        return 0;
    quote->next_in_s = m->next_in_s;
    if (priced_json_number(value, &next) != 0 ||
        (m->has_next_in &&
         priced_json_number(priced_path_find(document, &m->next_in), &quote->next_in_s) != 0))
        return priced_trouble(t, PRICED_NONSENSE, "%s: the next price, or its time, is no number",
                              priced_use_name(m->unit->use_id));
    quote->has_next = true;
    quote->next_usd = next * m->unit->factor * m->scale;
    return 0;
}

static int read_mapping(const struct priced_provider *provider, const json_t *document,
                        const struct priced_mapping *m, struct priced_quote *quote,
                        struct priced_trouble *t) {
    const json_t *value = priced_path_find(document, &m->price);
    double price;
    *quote = (struct priced_quote){.use_id = m->unit->use_id};
    if (!value)
        return priced_trouble(t, PRICED_NONSENSE, "%s: no price where it should be",
                              priced_use_name(m->unit->use_id));
    if (priced_json_number(value, &price) != 0)
        return priced_trouble(t, PRICED_NONSENSE, "%s: the price is no number: %.40s",
                              priced_use_name(m->unit->use_id),
                              json_is_string(value) ? json_string_value(value) : "no text either");
    quote->price_usd = price * m->unit->factor * m->scale;
    if (m->has_currency && read_currency(provider, document, m, t) != 0)
        return -1;
    return m->has_next ? read_next(document, m, quote, t) : 0;
}

static int read_ask_in(const struct priced_provider *provider, const json_t *document,
                       struct priced_answer *out, struct priced_trouble *t) {
    const json_t *value = priced_path_find(document, &provider->ask_in);
    if (value && !json_is_null(value) && priced_json_number(value, &out->ask_in_s) != 0)
        return priced_trouble(t, PRICED_NONSENSE, "when to ask again is no number");
    return 0;
}

int priced_provider_read(const struct priced_provider *provider, const char *body, size_t bytes,
                         struct priced_answer *out, struct priced_trouble *t) {
    const json_t *document = priced_json_read(body, bytes, t);
    *out = (struct priced_answer){0};
    if (!document)
        return -1;
    if (provider->cloudsigma)
        return priced_cloudsigma_read(provider, document, out, t);
    for (uint32_t i = 0; i < provider->mappings; i++)
        if (read_mapping(provider, document, &provider->mapping[i], &out->quote[i], t) != 0)
            return -1;
    out->count = provider->mappings;
    return provider->has_ask_in ? read_ask_in(provider, document, out, t) : 0;
}
