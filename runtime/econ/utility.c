/*
 * Utility functions: what users pay for one Gbit at a given latency and jitter (paper, equations
 * 1 to 4, without the price). Seconds, Gbit and dollars throughout; microseconds are turned into
 * seconds once, in econ_revenue.
 *
 * Invariant: for a utility that econ_utility_check accepts and finite times of 0 or more, the value
 * is a number, never negative.
 */
#include "runtime/econ/econ.h"
#include <math.h>

#define US_PER_S 1e6

/* No reply is quicker: keeps gamma / L finite where a latency was recorded as 0. */
#define LATENCY_LEAST_S 1e-9

struct nom_utility econ_utility_default(enum nom_utility_kind kind) {
    return (struct nom_utility){
        .kind = kind,
        .alpha_usd_per_gbit = 20.0,
        .l0_s = 750e-6,
        .penalty_x = 100.0,
        .beta_usd_per_gbit_s = 10.0,
        .gamma_usd_s_per_gbit = 0.01,
        .delta_usd_per_gbit = INFINITY,
    };
}

static int is_amount(double x) {
    return isfinite(x) && x >= 0.0;
}

int econ_utility_check(const struct nom_utility *u, const char **why) {
    const char *wrong = NULL;

    if (u->kind < NOM_UTILITY_SIMPLE || u->kind > NOM_UTILITY_BONUS)
        wrong = "utility: unknown kind";
    else if (u->reserved != 0)
        wrong = "utility: reserved field is not 0";
    else if (!is_amount(u->alpha_usd_per_gbit))
        wrong = "utility: alpha is negative or not finite";
    else if (!is_amount(u->l0_s))
        wrong = "utility: l0 is negative or not finite";
    else if (!is_amount(u->penalty_x))
        wrong = "utility: x is negative or not finite";
    else if (!is_amount(u->beta_usd_per_gbit_s))
        wrong = "utility: beta is negative or not finite";
    else if (!is_amount(u->gamma_usd_s_per_gbit))
        wrong = "utility: gamma is negative or not finite";
    else if (!(u->delta_usd_per_gbit >= 0.0))
        wrong = "utility: delta is negative or not a number";
    if (!wrong)
        return 0;
    *why = wrong;
    return -1;
}

/* N(L0, L, sigma): probability that a reply takes longer than L0. */
static double miss_probability(double l0_s, double latency_s, double jitter_s,
                               econ_normal_tail_fn tail) {
    if (jitter_s > 0.0)
        return tail((l0_s - latency_s) / jitter_s);
    return latency_s > l0_s ? 1.0 : 0.0;
}

double econ_value_usd_per_gbit(const struct nom_utility *u, double latency_s, double jitter_s,
                               econ_normal_tail_fn tail) {
    double alpha = u->alpha_usd_per_gbit;

    switch (u->kind) {
    case NOM_UTILITY_SIMPLE:
        return latency_s <= u->l0_s ? alpha : 0.0;
    case NOM_UTILITY_PENALTY: {
        double share = u->penalty_x * miss_probability(u->l0_s, latency_s, jitter_s, tail);
        return share < 1.0 ? alpha * (1.0 - share) : 0.0;
    }
    case NOM_UTILITY_REFUND: {
        double value = alpha - u->beta_usd_per_gbit_s * latency_s;
        return value > 0.0 ? value : 0.0;
    }
    case NOM_UTILITY_BONUS: {
        double latency = latency_s > LATENCY_LEAST_S ? latency_s : LATENCY_LEAST_S;
        double bonus = u->gamma_usd_s_per_gbit / latency;
        return alpha + (bonus < u->delta_usd_per_gbit ? bonus : u->delta_usd_per_gbit);
    }
    default:
        return 0.0;
    }
}

void econ_revenue(const struct nom_utility *u, const struct nom_table_row *rows, size_t n,
                  econ_normal_tail_fn tail, double *revenue_usd_per_s) {
    for (size_t i = 0; i < n; i++) {
        double useful = rows[i].useful_gbit_per_s;
        double value = econ_value_usd_per_gbit(u, rows[i].latency_mean_us / US_PER_S,
                                               rows[i].jitter_us / US_PER_S, tail);
        /* A row that delivered nothing earns nothing, also where the value has no bound. */
        revenue_usd_per_s[i] = useful > 0.0 ? useful * value : 0.0;
    }
}
