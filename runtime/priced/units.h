/*
 * Units of price: what a provider counts in, to what the board has (abi/knobs.h: $/Gbit, $/s). Only
 * units of this table are believed, and each belongs to one use; the currency is another matter
 * (answer.h).
 */
#ifndef PRICED_UNITS_H
#define PRICED_UNITS_H

#include "runtime/abi/knobs.h"
#include <stddef.h>
#include <stdint.h>

struct priced_unit {
    const char *name; /* "usd_per_gb" */
    uint32_t use_id;
    double factor; /* board's price = the provider's * factor */
};

/* NULL if there is none of that name for that use; all of them by index, NULL past the last. */
const struct priced_unit *priced_unit(uint32_t use_id, const char *name);
const struct priced_unit *priced_unit_at(size_t index);
/* The board's own unit of a use that exists. */
const struct priced_unit *priced_unit_of_board(uint32_t use_id);

/* By name, "gbit_out_per_s": its id, 0 if there is none. And back; "?" of what is no use. */
uint32_t priced_use(const char *name);
const char *priced_use_name(uint32_t use_id);
const char *priced_use_price_unit(uint32_t use_id); /* "$/Gbit" */

/* A whole decimal number, "-1.5e3", as JSON and CSV have it: no blanks, no "inf", "nan" or hex, and
 * finite. 0 or -1. */
int priced_number(const char *text, double *out);

#endif
