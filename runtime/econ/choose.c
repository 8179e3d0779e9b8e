/*
 * The choice of a row. Revenue is worked out when the table or the utility changes; what remains at
 * a choice is profit_i = R_i - sum_k B_ik P_k, linear in the prices, and its greatest value over
 * the rows of one load level.
 *
 * Invariants of a choice set: levels ascend strictly; level l owns rows first[l] to first[l + 1] -
 * 1, so a choice reads no row of another level.
 */
#include "runtime/econ/econ.h"

void econ_choice_set_init(struct econ_choice_set *set, const struct nom_table_header *h,
                          const struct nom_table_row *rows, const struct nom_utility *u,
                          econ_normal_tail_fn tail) {
    set->rows = h->row_count;
    set->uses = h->use_count;
    set->levels = 0;
    econ_revenue(u, rows, h->row_count, tail, set->revenue_usd_per_s);
    for (uint32_t i = 0; i < h->row_count; i++) {
        for (uint32_t k = 0; k < h->use_count; k++)
            set->use[k][i] = rows[i].use[k];
        if (set->levels == 0 || set->level[set->levels - 1] != rows[i].connections) {
            set->level[set->levels] = rows[i].connections;
            set->first[set->levels++] = i;
        }
    }
    set->first[set->levels] = h->row_count;
}

double econ_profit(const struct econ_choice_set *set, size_t row, const double *price_usd) {
    double profit = set->revenue_usd_per_s[row];

    for (size_t k = 0; k < set->uses; k++)
        profit -= set->use[k][row] * price_usd[k];
    return profit;
}

/* The last level not above x; 0 if all are above. */
static size_t level_at(const struct econ_choice_set *set, double x) {
    size_t low = 0, high = set->levels;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (set->level[middle] <= x)
            low = middle;
        else
            high = middle;
    }
    return low;
}

size_t econ_choose(const struct econ_choice_set *set, double connections, const double *price_usd,
                   double *profit_usd_per_s) {
    size_t best = ECON_NO_ROW;
    double most = 0.0;

    *profit_usd_per_s = 0.0;
    if (set->levels == 0)
        return ECON_NO_ROW;
    size_t level = level_at(set, connections);
    if (set->level[level] != connections)
        return ECON_NO_ROW;
    size_t end = set->first[level + 1];
    for (size_t i = set->first[level]; i < end; i++) {
        double profit = econ_profit(set, i, price_usd);
        if (profit > most) {
            most = profit;
            best = i;
        }
    }
    *profit_usd_per_s = most;
    return best;
}

double econ_load_level(const struct econ_choice_set *set, double estimate) {
    if (set->levels == 0)
        return 0.0;
    if (!(estimate > 1.0))
        estimate = 1.0;
    size_t below = level_at(set, estimate);
    if (below + 1 == set->levels)
        return set->level[below];
    double low = set->level[below], high = set->level[below + 1];
    /* estimate / low <= high / estimate, without a division. */
    return estimate * estimate <= low * high ? low : high;
}
