/*
 * Utility functions' parameters (paper, equations 1 to 4), as they travel in tables and control
 * messages. T in Gbit/s of useful throughput, times in seconds, money in dollars (spec U4a).
 */
#ifndef NOM_ABI_UTILITY_H
#define NOM_ABI_UTILITY_H

#include <stdint.h>

enum nom_utility_kind {
    NOM_UTILITY_SIMPLE = 1,  /* T (alpha - P) if L <= L0, else 0 revenue          (eq. 1) */
    NOM_UTILITY_PENALTY = 2, /* T (alpha (1 - min(1, X N(L0, L, sigma))) - P)     (eq. 2) */
    NOM_UTILITY_REFUND = 3,  /* T (max(0, alpha - beta L) - P)                    (eq. 3) */
    NOM_UTILITY_BONUS = 4,   /* T (alpha + min(gamma / L, delta) - P)             (eq. 4) */
};

struct nom_utility {
    uint32_t kind; /* enum nom_utility_kind */
    uint32_t reserved;
    double alpha_usd_per_gbit;
    double l0_s;                 /* latency objective: simple, penalty */
    double penalty_x;            /* X: penalty */
    double beta_usd_per_gbit_s;  /* refund */
    double gamma_usd_s_per_gbit; /* bonus */
    double delta_usd_per_gbit;   /* bonus: its cap; +infinity for none */
};
_Static_assert(sizeof(struct nom_utility) == 56, "layout of struct nom_utility");

#endif
