/*
 * What a provider's answer says, whichever way it came: prices in the board's units, already
 * converted, not yet judged (priced.h does that). Times are relative to the moment of the answer,
 * for a guest has no calendar.
 */
#ifndef PRICED_ANSWER_H
#define PRICED_ANSWER_H

#include "runtime/abi/knobs.h"
#include "runtime/priced/limits.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct priced_quote {
    uint32_t use_id;
    double price_usd; /* in the board's unit of that use */
    bool has_next;
    double next_usd;
    double next_in_s; /* from now: when it becomes the price */
};

struct priced_answer {
    uint32_t count;
    struct priced_quote quote[NOM_USES_MAX]; /* each of another use */
    double ask_in_s; /* from now: when the provider wants to be asked again; 0: it does not say */
};

/* Why there is no answer: failures of one kind are logged together. */
enum priced_failure {
    PRICED_UNREACHED = 0, /* no connection, or it broke */
    PRICED_LATE,          /* a time-out */
    PRICED_STATUS,        /* an HTTP status other than 200 */
    PRICED_TOO_LARGE,
    PRICED_NONSENSE, /* no HTTP, no JSON, no price where it should be */
    PRICED_CURRENCY,
    PRICED_BOUNDS, /* a price that cannot be */
    PRICED_FAILURES
};

struct priced_trouble {
    enum priced_failure failure;
    char text[PRICED_TEXT_BYTES]; /* one line, names what was wrong */
};

/* Fills t (printf-like; characters that no terminal should see become '?'); returns -1. */
int priced_trouble(struct priced_trouble *t, enum priced_failure failure, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
