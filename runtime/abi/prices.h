/*
 * The price page: the part of the bulletin board that prices stand on (spec K5, P1). One app, the
 * owner of the resource NOM_RESOURCE_PRICES, writes it; all read it, without a lock or a call. It
 * is a page of its own so that publishing takes a few stores and no call, and so that whoever
 * publishes can write prices and nothing else.
 *
 * Writer: makes sequence odd, writes, adds 1 to generation, makes sequence even, notifies
 * (NOM_NOTIFY_PRICES). Reader: lib/prices.h; it never waits for a writer, and believes no price
 * that is negative or not a finite number.
 *
 * All times are ticks of the TSC, on every floor.
 */
#ifndef NOM_ABI_PRICES_H
#define NOM_ABI_PRICES_H

#include "knobs.h"
#include <stdint.h>

#define NOM_PRICES_MAGIC   0x7365636972706d6eULL /* "nmprices" */
#define NOM_PRICES_VERSION 1u

enum nom_price_flags {
    NOM_PRICE_KNOWN = 1u, /* price_usd is the provider's */
    NOM_PRICE_STALE =
        2u,              /* it is the last good one: the provider is late, down or talks nonsense */
    NOM_PRICE_NEXT = 4u, /* next_usd from next_tsc on, as the provider has announced */
};

struct nom_price {
    uint32_t use_id; /* enum nom_use_id */
    uint32_t flags;
    double price_usd; /* in the unit of knobs.h: $/Gbit, $/s */
    double next_usd;
    uint64_t fetched_tsc; /* when the provider last confirmed it: its age */
    uint64_t changed_tsc; /* when it last became another */
    uint64_t next_tsc;
};
_Static_assert(sizeof(struct nom_price) == 48, "layout of struct nom_price");

struct nom_prices {
    uint64_t magic; /* 0: nobody has published yet */
    uint32_t version;
    uint32_t sequence;      /* odd while it is written */
    uint64_t generation;    /* times that something was published */
    uint64_t published_tsc; /* when the last of them began */
    uint32_t count;         /* prices[] in use */
    uint32_t reserved;
    struct nom_price prices[NOM_USES_MAX];
    char source[64]; /* where they come from, for people: "rest http://...", "static";
                        NUL-terminated */
};
_Static_assert(sizeof(struct nom_prices) == 40 + 48 * NOM_USES_MAX + 64, "layout of nom_prices");

#endif
