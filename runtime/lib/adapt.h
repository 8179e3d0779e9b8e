/*
 * The adapting app: watches price and load, picks the table's row with the highest profit, and
 * says which W to use, or to send nothing new where every row loses. Pure but for its struct: time
 * comes in as an argument, the decision goes out; the app applies it.
 *
 * Load is the number of connections in progress, sampled at every tick and smoothed (exponential,
 * time constant ADAPT_LOAD_TAU_US). The load level changes only when the estimate has been nearer
 * to another level, by a margin, for ADAPT_LEVEL_HOLD_US: so it does not flap. A change of price,
 * table or utility acts at once.
 *
 * States: FIXED (no table: W as set) --adapt_load_table--> ADAPTING --adapt_fix--> FIXED.
 */
#ifndef LIB_ADAPT_H
#define LIB_ADAPT_H

#include "runtime/abi/control.h"
#include "runtime/econ/econ.h"
#include <stdbool.h>
#include <stdint.h>

#define ADAPT_LOAD_TAU_US   50000u
#define ADAPT_LEVEL_HOLD_US 100000u

struct adapt_decision {
    double delay_us;
    enum nom_kick kick;
    double poll_us;
    bool serving; /* false: answer 503, send nothing new */
};

struct adapt {
    bool adapting;
    char app[NOM_TABLE_NAME_BYTES];
    struct nom_table_header header;
    struct nom_table_row rows[NOM_TABLE_ROWS_MAX];
    struct econ_choice_set set;
    struct nom_utility utility;
    double poll_us;                 /* where the table does not say */
    double price_usd[NOM_USES_MAX]; /* by use id - 1 */
    double load;                    /* smoothed estimate */
    double level;                   /* load level in force */
    double candidate;               /* level the estimate points to, and since when */
    uint64_t candidate_since_us;
    uint64_t last_tick_us;
    bool load_known;
    size_t row;
    double profit_usd_per_s;
    uint64_t choices, changes;
    struct adapt_decision now;
};

/* app: the name that a table must carry. Starts FIXED with the given W, and the initial value of
 * other knobs. */
void adapt_init(struct adapt *a, const char *app, double delay_us, enum nom_kick kick);
/* The knob poll_us, in force wherever no table says otherwise. Right after adapt_init. */
void adapt_set_poll(struct adapt *a, double poll_us);

/* Each returns true if the decision (a->now) changed. */
bool adapt_tick(struct adapt *a, uint64_t now_us, uint32_t connections_in_progress);
bool adapt_set_price(struct adapt *a, const double price_usd[NOM_USES_MAX]);
bool adapt_fix(struct adapt *a, double delay_us, enum nom_kick kick);

/* 0 or an enum nom_control_error with why; a bad table or utility changes nothing. bytes must be
 * 8-byte aligned. *changed as above. */
int adapt_load_table(struct adapt *a, const void *bytes, size_t n, bool *changed, char *why,
                     size_t why_bytes);
int adapt_set_utility(struct adapt *a, const struct nom_utility *u, bool *changed, char *why,
                      size_t why_bytes);

/* Fills the adaptive part of the statistics. */
void adapt_statistics(const struct adapt *a, struct nom_statistics *out);

#endif
