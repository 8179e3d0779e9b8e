/*
 * Invariants: while ADAPTING, header and rows are a table that econ_table_check accepted, of this
 * app, and set was made from them and `utility`; `now` is the decision for `level` at the prices
 * in force. Nothing is changed before all that could be refused was checked.
 *
 * `load` follows the ticks in either state, so a table that comes under load is used rightly at
 * once. Where every row loses, W stays as it was and serving is false; the load is followed on,
 * since refused clients still ask, and any change of price, level, table or utility chooses anew.
 */
#include "runtime/lib/adapt.h"
#include "runtime/lib/normal.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* How much nearer, by ratio, the estimate must be to another level than to the one in force. */
#define LEVEL_MARGIN 1.1

#define KNOB_INITIAL(ID, id, name, unit, least, greatest, initial, help) [id] = initial,
static const double knob_initial[] = {NOM_KNOBS(KNOB_INITIAL)};

/* otherwise: where the table does not hold the knob. */
static double knob(const struct adapt *a, size_t row, enum nom_knob_id id, double otherwise) {
    for (uint32_t i = 0; i < a->header.knob_count; i++)
        if (a->header.knob_id[i] == id)
            return a->rows[row].knob[i];
    return otherwise;
}

static bool decide(struct adapt *a, struct adapt_decision d) {
    if (d.delay_us == a->now.delay_us && d.kick == a->now.kick && d.poll_us == a->now.poll_us &&
        d.serving == a->now.serving)
        return false;
    a->now = d;
    a->changes++;
    return true;
}

static bool choose(struct adapt *a) {
    double price_usd[NOM_USES_MAX];
    for (uint32_t i = 0; i < a->header.use_count; i++)
        price_usd[i] = a->price_usd[a->header.use_id[i] - 1];
    size_t row = econ_choose(&a->set, a->level, price_usd, &a->profit_usd_per_s);
    a->choices++;
    struct adapt_decision d = a->now;
    d.serving = row != ECON_NO_ROW;
    if (!d.serving)
        return decide(a, d);
    a->row = row;
    d.delay_us = knob(a, row, NOM_KNOB_DELAY_US, knob_initial[NOM_KNOB_DELAY_US]);
    d.kick = knob(a, row, NOM_KNOB_KICK, knob_initial[NOM_KNOB_KICK]) != 0.0 ? NOM_KICK_STRICT
                                                                             : NOM_KICK_NATURAL;
    d.poll_us = knob(a, row, NOM_KNOB_POLL_US, a->poll_us);
    return decide(a, d);
}

void adapt_init(struct adapt *a, const char *app, double delay_us, enum nom_kick kick) {
    memset(a, 0, sizeof *a);
    snprintf(a->app, sizeof a->app, "%s", app);
    a->now = (struct adapt_decision){.delay_us = delay_us, .kick = kick, .serving = true};
    adapt_set_poll(a, knob_initial[NOM_KNOB_POLL_US]);
}

void adapt_set_poll(struct adapt *a, double poll_us) {
    a->poll_us = a->now.poll_us = poll_us;
}

/* Distance of a level from the estimate, as a ratio of at least 1. */
static double distance(double level, double estimate) {
    estimate = estimate > 1.0 ? estimate : 1.0;
    return level > estimate ? level / estimate : estimate / level;
}

static bool level_elsewhere(const struct adapt *a, double level) {
    return level != a->level &&
           distance(level, a->load) * LEVEL_MARGIN < distance(a->level, a->load);
}

bool adapt_tick(struct adapt *a, uint64_t now_us, uint32_t connections_in_progress) {
    double sample = connections_in_progress;
    if (a->load_known) {
        /* First order: exact enough for steps much shorter than the time constant, and stable and
         * without overshoot for any. */
        double step_us = now_us > a->last_tick_us ? (double)(now_us - a->last_tick_us) : 0.0;
        a->load += (sample - a->load) * step_us / (step_us + ADAPT_LOAD_TAU_US);
    } else {
        a->load = sample;
        a->load_known = true;
    }
    a->last_tick_us = now_us;
    if (!a->adapting)
        return false;
    double level = econ_load_level(&a->set, a->load);
    if (!level_elsewhere(a, level)) {
        a->candidate = a->level;
        return false;
    }
    if (level != a->candidate) {
        a->candidate = level;
        a->candidate_since_us = now_us;
    }
    if (now_us - a->candidate_since_us < ADAPT_LEVEL_HOLD_US)
        return false;
    a->level = level;
    return choose(a);
}

bool adapt_set_price(struct adapt *a, const double price_usd[NOM_USES_MAX]) {
    memcpy(a->price_usd, price_usd, sizeof a->price_usd);
    return a->adapting && choose(a);
}

bool adapt_fix(struct adapt *a, double delay_us, enum nom_kick kick) {
    a->adapting = false;
    return decide(a, (struct adapt_decision){delay_us, kick, a->poll_us, true});
}

/* The table or the utility is new: works out the revenues. */
static void prepare(struct adapt *a, const struct nom_utility *u) {
    a->utility = *u;
    econ_choice_set_init(&a->set, &a->header, a->rows, &a->utility, nom_normal_tail);
}

int adapt_load_table(struct adapt *a, const void *bytes, size_t n, bool *changed, char *why,
                     size_t why_bytes) {
    const struct nom_table_header *header;
    const struct nom_table_row *rows;
    *changed = false;
    if (econ_table_check(bytes, n, &header, &rows, why, why_bytes) != 0)
        return NOM_CONTROL_ETABLE;
    if (strcmp(header->app, a->app) != 0) {
        snprintf(why, why_bytes, "the table is of %s, this is %s", header->app, a->app);
        return NOM_CONTROL_ETABLE;
    }
    a->header = *header;
    memcpy(a->rows, rows, header->row_count * sizeof *rows);
    a->adapting = true;
    prepare(a, &a->header.utility);
    a->level = a->candidate = econ_load_level(&a->set, a->load);
    *changed = choose(a);
    return NOM_CONTROL_OK;
}

int adapt_set_utility(struct adapt *a, const struct nom_utility *u, bool *changed, char *why,
                      size_t why_bytes) {
    const char *wrong;
    *changed = false;
    if (!a->adapting) {
        snprintf(why, why_bytes, "a utility needs a table, and none is loaded");
        return NOM_CONTROL_ENOTABLE;
    }
    if (econ_utility_check(u, &wrong) != 0) {
        snprintf(why, why_bytes, "%s", wrong);
        return NOM_CONTROL_EVALUE;
    }
    prepare(a, u);
    *changed = choose(a);
    return NOM_CONTROL_OK;
}

void adapt_statistics(const struct adapt *a, struct nom_statistics *out) {
    out->load_connections = a->load;
    out->delay_us = a->now.delay_us;
    out->kick = a->now.kick;
    out->poll_us = a->now.poll_us;
    out->adapting = a->adapting;
    out->serving = a->now.serving;
    out->row = a->adapting ? (uint32_t)a->row : 0;
    out->choices = a->choices;
    out->changes = a->changes;
    memcpy(out->price_usd, a->price_usd, sizeof out->price_usd);
    out->profit_usd_per_s = a->adapting ? a->profit_usd_per_s : 0.0;
    out->table_built_unix_s = a->adapting ? a->header.built_unix_s : 0;
}
