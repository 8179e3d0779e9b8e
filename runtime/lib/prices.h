/*
 * The price page (abi/prices.h): how it is read, by anybody at any moment, and published, by its
 * one owner. Pure but for the page: no call, no clock of its own, no floor.
 *
 * A reader looks at prices_generation, one load, and reads the page when it is another than the
 * last that it saw. A read tries PRICES_TRIES times to find the page between two writes and then
 * gives up: it never waits for a writer, which may have stopped half-way for good. What is believed
 * of a page is checked: a price that is negative or no finite number, or of no use of knobs.h, does
 * not count as known.
 */
#ifndef LIB_PRICES_H
#define LIB_PRICES_H

#include "runtime/abi/prices.h"
#include <stdint.h>

#define PRICES_TRIES 100 /* of about 40 ns; a write takes less than one of them */

/* What one publication said. */
struct prices_view {
    uint64_t generation; /* 0: nothing was read yet */
    uint64_t published_tsc;
    uint32_t count; /* price[] in use */
    uint32_t
        disbelieved; /* prices of the page that do not stand in price[], or without their next */
    struct nom_price price[NOM_USES_MAX];
    char source[sizeof((struct nom_prices *)0)->source]; /* NUL-terminated */
};

/* Times that something was published, so far; 0: never. */
static inline uint64_t prices_generation(const struct nom_prices *page) {
    return __atomic_load_n(&page->generation, __ATOMIC_RELAXED);
}

/* 0 and fills out; or -EAGAIN where the page was being written all the time, -ENODATA where nobody
 * has published, -EPROTO where it is of another version: out is then as it was. */
int prices_read(const struct nom_prices *page, struct prices_view *out);

/* The prices at that moment, as adapt_set_price takes them: by place in NOM_USES, id - 1; one that
 * has been announced counts from its time on. Those that are not known stay as they are. */
void prices_at(const struct prices_view *view, uint64_t now_tsc, double price_usd[NOM_USES_MAX]);
/* When prices_at next gives another price without a new publication; UINT64_MAX: not. */
uint64_t prices_next_tsc(const struct prices_view *view, uint64_t now_tsc);
/* Seconds since the provider last confirmed it; 0 where that lies in the future. */
double prices_age_s(const struct nom_price *price, uint64_t now_tsc, uint64_t tsc_hz);

/* For the page's owner: everything at once, and a new generation. 0; or -EINVAL, and nothing is
 * published, where there are more than NOM_USES_MAX, or a known or announced price is negative or
 * no finite number, or of no use. source is cut off to its room. The caller notifies
 * (plat_prices_notify). */
int prices_publish(struct nom_prices *page, const struct nom_price *prices, uint32_t count,
                   const char *source, uint64_t now_tsc);

#endif
