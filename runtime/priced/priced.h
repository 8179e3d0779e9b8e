/*
 * The price daemon's judgement: pure, fed with times and answers. It says when to ask, what of an
 * answer is believed, and what to publish. It keeps these promises:
 *
 * 1. Once a price was known, one is known for good: the last good one. It is a finite number within
 *    the bounds, never 0 unless the bounds allow that, never negative.
 * 2. A poll that fails marks every price stale, at once, and changes nothing else of it; the next
 *    good answer that names it clears the mark.
 * 3. An answer is taken whole or not at all: one price out of bounds refuses all of it.
 * 4. After k failures in a row the next question comes retry_us * 2^(k - 1) later, retry_most_us at
 *    most, jitter apart; after an answer, poll_us later, or when the answer says. It never asks
 *    twice at once.
 * 5. Of each kind of trouble one line is to be logged, and no other within log_us.
 *
 * States:  WAITING --priced_ask--> ASKED --priced_answered / priced_failed--> WAITING
 *
 * A change of more than max_factor, up or down, is refused until it has been said `confirm` times
 * in a row (each within max_factor of the one before): a glitch is kept out, and a new price is not
 * kept out for good.
 */
#ifndef PRICED_PRICED_H
#define PRICED_PRICED_H

#include "runtime/priced/answer.h"

struct priced_settings {
    uint64_t poll_us; /* 0: never asks by itself (answers come by priced_answered alone) */
    uint64_t retry_us, retry_most_us;
    double jitter; /* 0 to 0.5, of each wait */
    uint64_t seed; /* of the jitter */
    uint64_t log_us;
    double least_usd[NOM_USES_MAX], greatest_usd[NOM_USES_MAX]; /* by use id - 1; 0 <= least */
    double max_factor;                                          /* over 1; 0: any change */
    uint32_t confirm;                                           /* 0: never */
};

struct priced_price {
    uint32_t use_id;
    bool stale, has_next;
    double price_usd, next_usd;
    uint64_t fetched_us; /* when the provider last confirmed it */
    uint64_t changed_us; /* when it last became another */
    uint64_t next_us;
};

struct priced {
    struct priced_settings settings;
    uint32_t count; /* prices known */
    struct priced_price price[NOM_USES_MAX];
    bool asked;
    uint64_t ask_us;   /* when to ask next */
    uint32_t failures; /* in a row */
    uint64_t failing_since_us;
    bool said_failing;            /* a line was logged of this row */
    struct priced_answer doubted; /* the last answer refused for its change alone */
    uint32_t doubts;              /* in a row */
    uint64_t random;
    struct {
        uint64_t logged_us;
        uint32_t unlogged;
        bool ever;
    } log[PRICED_FAILURES];
};

/* What a caller has to do after an event. */
struct priced_outcome {
    bool publish; /* the prices are to be published: a time or a mark has changed */
    bool notify;  /* and apps told: a price, a mark or an announced price has changed */
    char line[2 * PRICED_TEXT_BYTES]; /* to be logged; "": nothing */
};

void priced_init(struct priced *p, const struct priced_settings *settings, uint64_t now_us);

/* Whether to ask the provider now; true once, until it is answered or has failed. */
bool priced_ask(struct priced *p, uint64_t now_us);
/* When priced_ask is next true, UINT64_MAX while asked. */
uint64_t priced_ask_us(const struct priced *p);

/* An answer came; or none, for that reason. */
struct priced_outcome priced_answered(struct priced *p, uint64_t now_us,
                                      const struct priced_answer *answer);
struct priced_outcome priced_failed(struct priced *p, uint64_t now_us,
                                    const struct priced_trouble *trouble);

#endif
