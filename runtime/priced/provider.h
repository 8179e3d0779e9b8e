/*
 * Where in a provider's document the prices stand: as configured, or as CloudSigma has them. Turns
 * the body of an answer into prices in the board's units. The currency must be the one configured:
 * one that differs, or is missing where a place for it is configured, refuses the answer.
 */
#ifndef PRICED_PROVIDER_H
#define PRICED_PROVIDER_H

#include "runtime/priced/json.h"
#include "runtime/priced/units.h"

/* One price of a document. */
struct priced_mapping {
    const struct priced_unit *unit; /* and by that the use */
    double scale;                   /* of the document's numbers, beside the unit; over 0 */
    struct priced_path price;
    bool has_currency, has_next, has_next_in;
    struct priced_path currency, next;
    struct priced_path next_in; /* seconds from now */
    double next_in_s;           /* where has_next, and not has_next_in */
};

struct priced_provider {
    bool cloudsigma;      /* mapping[0] then gives scale, price's use and next_in_s only */
    const char *resource; /* of CloudSigma: "tx" */
    char currency[PRICED_CURRENCY_BYTES];
    uint32_t mappings;
    struct priced_mapping mapping[NOM_USES_MAX];
    bool has_ask_in;
    struct priced_path ask_in; /* seconds from now */
};

/* 0 and the answer; -1 and the trouble. */
int priced_provider_read(const struct priced_provider *provider, const char *body, size_t bytes,
                         struct priced_answer *out, struct priced_trouble *t);

/* provider.h's other half: CloudSigma's /pricing/ document. For priced_provider_read. */
int priced_cloudsigma_read(const struct priced_provider *provider, const json_t *document,
                           struct priced_answer *out, struct priced_trouble *t);

#endif
