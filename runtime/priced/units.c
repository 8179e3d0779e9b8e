/* Factors from SI (GB = 10^9 bytes) and binary (GiB = 2^30); a month has 30 days, as providers that
 * sell by the second count it. */
#include "runtime/priced/units.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BITS_PER_BYTE 8.0
#define GBIT          1e9

static const struct priced_unit units[] = {
    {"usd_per_gbit", NOM_USE_GBIT_OUT_PER_S, 1},
    {"usd_per_mbit", NOM_USE_GBIT_OUT_PER_S, 1e3},
    {"usd_per_mb", NOM_USE_GBIT_OUT_PER_S, GBIT / (1e6 * BITS_PER_BYTE)},
    {"usd_per_gb", NOM_USE_GBIT_OUT_PER_S, GBIT / (1e9 * BITS_PER_BYTE)},
    {"usd_per_gib", NOM_USE_GBIT_OUT_PER_S, GBIT / (1073741824.0 * BITS_PER_BYTE)},
    {"usd_per_tb", NOM_USE_GBIT_OUT_PER_S, GBIT / (1e12 * BITS_PER_BYTE)},
    {"usd_per_tib", NOM_USE_GBIT_OUT_PER_S, GBIT / (1099511627776.0 * BITS_PER_BYTE)},
    {"usd_per_s", NOM_USE_CPU_S_PER_S, 1},
    {"usd_per_min", NOM_USE_CPU_S_PER_S, 1 / 60.0},
    {"usd_per_hour", NOM_USE_CPU_S_PER_S, 1 / 3600.0},
    {"usd_per_day", NOM_USE_CPU_S_PER_S, 1 / 86400.0},
    {"usd_per_month", NOM_USE_CPU_S_PER_S, 1 / 2592000.0},
};

static const struct {
    uint32_t id;
    const char *name, *price_unit;
} uses[] = {
#define USE_NAME(ID, id, name, unit, price_unit, help) {id, name, price_unit},
    NOM_USES(USE_NAME)
#undef USE_NAME
};

const struct priced_unit *priced_unit_at(size_t index) {
    return index < sizeof units / sizeof *units ? &units[index] : NULL;
}

const struct priced_unit *priced_unit(uint32_t use_id, const char *name) {
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (units[i].use_id == use_id && strcmp(units[i].name, name) == 0)
            return &units[i];
    return NULL;
}

const struct priced_unit *priced_unit_of_board(uint32_t use_id) {
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (units[i].use_id == use_id && units[i].factor == 1)
            return &units[i];
    return NULL;
}

uint32_t priced_use(const char *name) {
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++)
        if (strcmp(uses[i].name, name) == 0)
            return uses[i].id;
    return 0;
}

const char *priced_use_name(uint32_t use_id) {
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++)
        if (uses[i].id == use_id)
            return uses[i].name;
    return "?";
}

const char *priced_use_price_unit(uint32_t use_id) {
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++)
        if (uses[i].id == use_id)
            return uses[i].price_unit;
    return "?";
}

int priced_number(const char *text, double *out) {
    char *end;
    if (*text == '\0' || strspn(text, "0123456789+-.eE") != strlen(text))
        return -1;
    double value = strtod(text, &end);
    if (*end != '\0' || !isfinite(value))
        return -1;
    *out = value;
    return 0;
}
