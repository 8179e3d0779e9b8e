/* What the fuzzers of tables and of control messages (which carry tables) share. */
#ifndef TESTS_FUZZ_TABLE_PARTS_H
#define TESTS_FUZZ_TABLE_PARTS_H

#include "runtime/lib/adapt.h"
#include "tests/fuzz/fuzz.h"
#include <math.h>

/* Gives bytes[n] what no mutation finds: magic, version, sizes that fit n, the checksum. At any
 * alignment. */
static inline void fuzz_table_mend(unsigned char *bytes, size_t n) {
    static struct {
        struct nom_table_header header;
        struct nom_table_row rows[NOM_TABLE_ROWS_MAX];
    } table;
    if (n < sizeof table.header || n > sizeof table)
        return;
    memcpy(&table, bytes, n);
    econ_table_seal(&table.header, table.rows, (n - sizeof table.header) / sizeof table.rows[0]);
    memcpy(bytes, &table, sizeof table.header);
}

/* The row that an adapting app has chosen is the best of its level by plain arithmetic, and what it
 * reports is a number. */
static inline void fuzz_table_check_choice(const struct adapt *a) {
    double price_usd[NOM_USES_MAX] = {0}, best = 0.0;
    bool found = false, level_exists = false;
    FUZZ_CHECK(a->header.row_count >= 1 && a->header.row_count <= NOM_TABLE_ROWS_MAX);
    FUZZ_CHECK(a->row < a->header.row_count);
    FUZZ_CHECK(!isnan(a->profit_usd_per_s) && a->profit_usd_per_s >= 0.0);
    FUZZ_CHECK(memchr(a->header.app, '\0', sizeof a->header.app) != NULL);
    FUZZ_CHECK(strcmp(a->header.app, a->app) == 0);
    for (uint32_t k = 0; k < a->header.use_count; k++)
        price_usd[k] = a->price_usd[a->header.use_id[k] - 1];
    for (uint32_t i = 0; i < a->header.row_count; i++) {
        if (a->rows[i].connections != a->level)
            continue;
        level_exists = true;
        double profit = econ_profit(&a->set, i, price_usd);
        if (profit > best) {
            best = profit;
            found = true;
        }
    }
    FUZZ_CHECK(level_exists && found == a->now.serving);
    FUZZ_CHECK(a->profit_usd_per_s == best);
    if (found)
        FUZZ_CHECK(a->rows[a->row].connections == a->level &&
                   econ_profit(&a->set, a->row, price_usd) == best);
}

#endif
