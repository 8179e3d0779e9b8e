/*
 * Economics: what an operating point earns, and which point earns most. Pure functions, shared by
 * running apps and host tools; no I/O, no allocation, no state.
 *
 * Profit of row i at prices P:  R_i - sum_k B_ik P_k   (dollars a second)
 *   R_i  revenue: useful throughput times what a user pays under the utility function, a function
 *        of the row's latency and jitter; computed once when the table or the utility changes.
 *   B_ik use of priced resource k. With one knob and one price this is the paper's T (v - P).
 * So a choice is one pass over the rows without a transcendental function (spec U7).
 */
#ifndef ECON_ECON_H
#define ECON_ECON_H

#include "runtime/abi/table.h"
#include "runtime/abi/utility.h"
#include <stddef.h>

/* Upper tail Q(z) of the standard normal distribution. Host tools pass GSL's, apps their own
 * (lib/normal.h), since GSL does not run there; a test holds the two together. */
typedef double (*econ_normal_tail_fn)(double z);

/* The paper's default values (section 6.4) for one kind: alpha 20 $/Gbit, beta 10 $/(Gbit s),
 * gamma 0.01 $ s/Gbit, delta infinite, X 100, L0 750 us. */
struct nom_utility econ_utility_default(enum nom_utility_kind kind);

/* 0, or -1 with *why set to a constant sentence: unknown kind, a value negative or not finite
 * (delta may be +infinity). */
int econ_utility_check(const struct nom_utility *u, const char **why);

/* What users pay for one Gbit at mean latency latency_s and standard deviation jitter_s, before
 * cost, $/Gbit: the bracket of equations 1 to 4 without P. jitter_s = 0 makes N a step: 1 if
 * L > L0, else 0. May be 0, never negative.
 *
 * Weakly decreasing in latency, always. Weakly decreasing in jitter (spec U5) for simple, refund
 * and bonus, which do not look at it, and for penalty where X >= 2 or L <= L0: beyond L0 more
 * spread means more replies in time, but there N > 1/2, and X N >= 1 leaves no revenue to change.
 * Only a penalty with X < 2 rewards jitter, and only past L0.
 *
 * A bonus takes a latency under 1 ns for 1 ns. tail must give 0 to 1, falling; tail(0) = 1/2. */
double econ_value_usd_per_gbit(const struct nom_utility *u, double latency_s, double jitter_s,
                               econ_normal_tail_fn tail);

/* R_i of each of n rows, $/s, into revenue[n]. */
void econ_revenue(const struct nom_utility *u, const struct nom_table_row *rows, size_t n,
                  econ_normal_tail_fn tail, double *revenue_usd_per_s);

#define ECON_NO_ROW ((size_t)-1)

/* A table made ready for choosing. Its rows stand in the table's order, which is by connections
 * (econ_table_check), so that the rows of one load level are neighbours. */
struct econ_choice_set {
    size_t rows;
    size_t uses;   /* header.use_count */
    size_t levels; /* load levels, ascending */
    double revenue_usd_per_s[NOM_TABLE_ROWS_MAX];
    double use[NOM_USES_MAX][NOM_TABLE_ROWS_MAX]; /* by use, then row; the first `uses` of them */
    double level[NOM_TABLE_ROWS_MAX];             /* connections of each level */
    uint16_t first[NOM_TABLE_ROWS_MAX + 1];       /* level l: rows first[l] to first[l + 1] - 1 */
};

/* Fills a choice set from a table already checked (econ_table_check). */
void econ_choice_set_init(struct econ_choice_set *set, const struct nom_table_header *h,
                          const struct nom_table_row *rows, const struct nom_utility *u,
                          econ_normal_tail_fn tail);

/* Profit of one row at price_usd[set->uses], in the order of the header's use ids; $/s. */
double econ_profit(const struct econ_choice_set *set, size_t row, const double *price_usd);

/* The row of highest profit among those measured at load level `connections` (a value that
 * econ_load_level returned), and its profit. ECON_NO_ROW where every row loses (profit <= 0 is
 * not worth sending for: U6), none has that level, or a price is not a number; *profit is then 0.
 * Ties: the first row. */
size_t econ_choose(const struct econ_choice_set *set, double connections, const double *price_usd,
                   double *profit_usd_per_s);

/* The load level of the table nearest to an estimated number of connections, by ratio (nearest
 * logarithm); an estimate below one connection counts as one. Ties: the lower. 0 if the set is
 * empty. */
double econ_load_level(const struct econ_choice_set *set, double estimate);

/* Table files (abi/table.h). */

/* Checks bytes[n] in full: 0 and sets *h and *rows to point into it, or -1 with why[why_bytes]
 * saying what is wrong and where (rows count from 0). bytes must be 8-byte aligned; any content
 * and length is safe. */
int econ_table_check(const void *bytes, size_t n, const struct nom_table_header **h,
                     const struct nom_table_row **rows, char *why, size_t why_bytes);

/* Fills magic, version, sizes and checksum of a header whose other fields are set, for the given
 * rows. file_bytes of it is the length to write: header, then rows. */
void econ_table_seal(struct nom_table_header *h, const struct nom_table_row *rows, size_t n);

/* CRC-32, IEEE 802.3 (reflected, 0xedb88320). crc = 0 to begin; feed on with the last result. */
uint32_t econ_crc32(uint32_t crc, const void *bytes, size_t n);

#endif
