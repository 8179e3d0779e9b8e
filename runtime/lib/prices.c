/*
 * A sequence lock. What it protects is copied in words, each of them atomic, so that a copy of a
 * page that is being written is wrong but defined, and is thrown away.
 */
#include "runtime/lib/prices.h"
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef uint64_t __attribute__((may_alias)) word;

/* What the lock protects beside generation, which is written last: whoever sees a new one finds the
 * page whole, and an owner that stopped half-way costs no reader anything. */
#define FIRST offsetof(struct nom_prices, published_tsc)
#define WORDS ((sizeof(struct nom_prices) - FIRST) / sizeof(word))
_Static_assert(FIRST % sizeof(word) == 0 && sizeof(struct nom_prices) % sizeof(word) == 0,
               "the page is copied in whole words");

static void copy_out(const struct nom_prices *page, struct nom_prices *copy) {
    const word *from = (const word *)((const char *)page + FIRST);
    word *to = (word *)((char *)copy + FIRST);
    for (size_t i = 0; i < WORDS; i++)
        to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}

static void copy_in(struct nom_prices *page, const struct nom_prices *copy) {
    const word *from = (const word *)((const char *)copy + FIRST);
    word *to = (word *)((char *)page + FIRST);
    for (size_t i = 0; i < WORDS; i++)
        __atomic_store_n(&to[i], from[i], __ATOMIC_RELAXED);
}

static int read_page(const struct nom_prices *page, struct nom_prices *copy) {
    for (int i = 0; i < PRICES_TRIES; i++) {
        uint32_t before = __atomic_load_n(&page->sequence, __ATOMIC_ACQUIRE);
        copy_out(page, copy);
        copy->generation = prices_generation(page);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (before % 2 == 0 && __atomic_load_n(&page->sequence, __ATOMIC_RELAXED) == before)
            return 0;
    }
    return -EAGAIN;
}

#define USE_KNOWN(ID, id, name, unit, price_unit, help) || use_id == id
static bool is_use(uint32_t use_id) {
    return false NOM_USES(USE_KNOWN);
}

static bool is_price(double usd) {
    return isfinite(usd) && usd >= 0.0;
}

/* All that it claims can be believed. */
static bool is_sound(const struct nom_price *p) {
    return is_use(p->use_id) && (!(p->flags & NOM_PRICE_KNOWN) || is_price(p->price_usd)) &&
           (!(p->flags & NOM_PRICE_NEXT) || is_price(p->next_usd));
}

int prices_read(const struct nom_prices *page, struct prices_view *out) {
    struct nom_prices copy;
    if (__atomic_load_n(&page->magic, __ATOMIC_ACQUIRE) != NOM_PRICES_MAGIC)
        return -ENODATA;
    if (__atomic_load_n(&page->version, __ATOMIC_RELAXED) != NOM_PRICES_VERSION)
        return -EPROTO;
    int error = read_page(page, &copy);
    if (error)
        return error;
    struct prices_view view = {.generation = copy.generation, .published_tsc = copy.published_tsc};
    for (uint32_t i = 0; i < copy.count && i < NOM_USES_MAX; i++) {
        struct nom_price price = copy.prices[i];
        bool sound = is_sound(&price);
        if (!is_price(price.next_usd))
            price.flags &= ~(uint32_t)NOM_PRICE_NEXT;
        if (!sound)
            view.disbelieved++;
        if (is_use(price.use_id) && (!(price.flags & NOM_PRICE_KNOWN) || is_price(price.price_usd)))
            view.price[view.count++] = price;
    }
    memcpy(view.source, copy.source, sizeof view.source - 1);
    *out = view;
    return 0;
}

static bool has_next(const struct nom_price *p) {
    return (p->flags & NOM_PRICE_NEXT) != 0;
}

void prices_at(const struct prices_view *view, uint64_t now_tsc, double price_usd[NOM_USES_MAX]) {
    for (uint32_t i = 0; i < view->count; i++) {
        const struct nom_price *p = &view->price[i];
        if (has_next(p) && now_tsc >= p->next_tsc)
            price_usd[p->use_id - 1] = p->next_usd;
        else if (p->flags & NOM_PRICE_KNOWN)
            price_usd[p->use_id - 1] = p->price_usd;
    }
}

uint64_t prices_next_tsc(const struct prices_view *view, uint64_t now_tsc) {
    uint64_t next_tsc = UINT64_MAX;
    for (uint32_t i = 0; i < view->count; i++) {
        const struct nom_price *p = &view->price[i];
        if (has_next(p) && p->next_tsc > now_tsc && p->next_tsc < next_tsc)
            next_tsc = p->next_tsc;
    }
    return next_tsc;
}

double prices_age_s(const struct nom_price *price, uint64_t now_tsc, uint64_t tsc_hz) {
    return now_tsc > price->fetched_tsc ? (double)(now_tsc - price->fetched_tsc) / (double)tsc_hz
                                        : 0.0;
}

int prices_publish(struct nom_prices *page, const struct nom_price *prices, uint32_t count,
                   const char *source, uint64_t now_tsc) {
    struct nom_prices copy = {.published_tsc = now_tsc, .count = count};
    if (count > NOM_USES_MAX)
        return -EINVAL;
    for (uint32_t i = 0; i < count; i++) {
        if (!is_sound(&prices[i]))
            return -EINVAL;
        copy.prices[i] = prices[i];
    }
    memcpy(copy.source, source, strnlen(source, sizeof copy.source - 1));
    /* An owner before this one may have stopped half-way: odd already. */
    uint32_t odd = page->sequence | 1u;
    __atomic_store_n(&page->sequence, odd, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    copy_in(page, &copy);
    __atomic_store_n(&page->generation, page->generation + 1, __ATOMIC_RELEASE);
    __atomic_store_n(&page->version, NOM_PRICES_VERSION, __ATOMIC_RELAXED);
    __atomic_store_n(&page->sequence, odd + 1, __ATOMIC_RELEASE);
    __atomic_store_n(&page->magic, NOM_PRICES_MAGIC, __ATOMIC_RELEASE);
    return 0;
}
