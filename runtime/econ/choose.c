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

struct found {
    double profit; /* 0 while nothing is found */
    size_t row;
};

static inline void consider(struct found *best, double profit, size_t row) {
    if (profit > best->profit) {
        best->profit = profit;
        best->row = row;
    }
}

/* The rows are searched in LANES parts side by side, since each comparison with the best so far
 * waits for the one before it. More than two parts run out of registers. */
enum { LANES = 2 };

size_t econ_choose(const struct econ_choice_set *set, double connections, const double *price_usd,
                   double *profit_usd_per_s) {
    struct found best[LANES];

    *profit_usd_per_s = 0.0;
    if (set->levels == 0)
        return ECON_NO_ROW;
    size_t level = level_at(set, connections);
    if (set->level[level] != connections)
        return ECON_NO_ROW;
    size_t from = set->first[level], end = set->first[level + 1];
    size_t part = (end - from) / LANES;
    for (size_t l = 0; l < LANES; l++)
        best[l] = (struct found){0.0, ECON_NO_ROW};
    for (size_t i = from; i < from + part; i++) {
        double profit[LANES];
        for (size_t l = 0; l < LANES; l++)
            profit[l] = set->revenue_usd_per_s[i + l * part];
        for (size_t k = 0; k < set->uses; k++)
            for (size_t l = 0; l < LANES; l++)
                profit[l] -= set->use[k][i + l * part] * price_usd[k];
        for (size_t l = 0; l < LANES; l++)
            consider(&best[l], profit[l], i + l * part);
    }
    for (size_t l = 1; l < LANES; l++)
        consider(&best[0], best[l].profit, best[l].row);
    for (size_t i = from + LANES * part; i < end; i++)
        consider(&best[0], econ_profit(set, i, price_usd), i);
    *profit_usd_per_s = best[0].profit;
    return best[0].row;
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
