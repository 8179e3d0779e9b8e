/*
 * Utilities as text: KIND, or KIND:KEY=VALUE,... with the keys of that kind, each at most once.
 * Numbers are decimal, with a point whatever the locale. One list of keys serves reading, writing
 * and complaints.
 */
#include "runtime/econ/econ.h"
#include "tuner/tuner.h"
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    enum nom_utility_kind kind;
    const char *name;
} kinds[] = {
    {NOM_UTILITY_SIMPLE, "simple"},
    {NOM_UTILITY_PENALTY, "penalty"},
    {NOM_UTILITY_REFUND, "refund"},
    {NOM_UTILITY_BONUS, "bonus"},
};
#define KINDS (sizeof kinds / sizeof kinds[0])

#define IN(kind) (1u << NOM_UTILITY_##kind)

struct key {
    const char *name;
    unsigned kinds;  /* IN(...) of those that have it */
    size_t offset;   /* of its double in struct nom_utility */
    double per_unit; /* the field times this is the text's number */
    int may_be_infinite;
};

static const struct key keys[] = {
    {"alpha", IN(SIMPLE) | IN(PENALTY) | IN(REFUND) | IN(BONUS),
     offsetof(struct nom_utility, alpha_usd_per_gbit), 1.0, 0},
    {"x", IN(PENALTY), offsetof(struct nom_utility, penalty_x), 1.0, 0},
    {"l0_us", IN(SIMPLE) | IN(PENALTY), offsetof(struct nom_utility, l0_s), 1e6, 0},
    {"beta", IN(REFUND), offsetof(struct nom_utility, beta_usd_per_gbit_s), 1.0, 0},
    {"gamma", IN(BONUS), offsetof(struct nom_utility, gamma_usd_s_per_gbit), 1.0, 0},
    {"delta", IN(BONUS), offsetof(struct nom_utility, delta_usd_per_gbit), 1.0, 1},
};
#define KEYS (sizeof keys / sizeof keys[0])

/* Text being written into a buffer of a given size; what does not fit is cut off. */
struct out {
    char *text;
    size_t bytes, used;
};

__attribute__((format(printf, 2, 3))) static void put(struct out *out, const char *format, ...) {
    va_list arguments;

    if (out->used >= out->bytes)
        return;
    va_start(arguments, format);
    int n = vsnprintf(out->text + out->used, out->bytes - out->used, format, arguments);
    va_end(arguments);
    if (n > 0)
        out->used += (size_t)n;
}

static void put_kinds(struct out *out) {
    for (size_t i = 0; i < KINDS; i++)
        put(out, "%s%s", i ? ", " : "", kinds[i].name);
}

static void put_keys(struct out *out, enum nom_utility_kind kind) {
    const char *separator = "";

    for (size_t i = 0; i < KEYS; i++) {
        if (!(keys[i].kinds & 1u << kind))
            continue;
        put(out, "%s%s", separator, keys[i].name);
        separator = ", ";
    }
}

static double *field(struct nom_utility *u, const struct key *key) {
    return (double *)(void *)((char *)u + key->offset);
}

/* A decimal number of 0 or more that fills text[n], or inf where that is allowed. */
static int parse_number(const char *text, size_t n, int may_be_infinite, double *value) {
    char copy[64], *end;

    if (n == 0 || n >= sizeof copy)
        return -1;
    memcpy(copy, text, n);
    copy[n] = 0;
    if (may_be_infinite && strcmp(copy, "inf") == 0) {
        *value = INFINITY;
        return 0;
    }
    if (strspn(copy, "0123456789.eE+-") != n)
        return -1;
    double x = strtod(copy, &end);
    if (end != copy + n || !isfinite(x) || signbit(x))
        return -1;
    *value = x;
    return 0;
}

/* One KEY=VALUE in text[n]; `seen` has a bit for each key that stood before. */
static int parse_pair(const char *kind_name, const char *text, size_t n, unsigned *seen,
                      struct nom_utility *u, struct out *why) {
    const char *equals = memchr(text, '=', n);
    size_t name_bytes = equals ? (size_t)(equals - text) : n;
    size_t i = 0;

    while (i < KEYS && !(keys[i].kinds & 1u << u->kind && strlen(keys[i].name) == name_bytes &&
                         memcmp(keys[i].name, text, name_bytes) == 0))
        i++;
    if (i == KEYS) {
        put(why, "utility %s: no key '%.*s'; its keys are ", kind_name, (int)name_bytes, text);
        put_keys(why, u->kind);
        return -1;
    }
    if (!equals) {
        put(why, "utility %s: %s has no value; write %s=NUMBER", kind_name, keys[i].name,
            keys[i].name);
        return -1;
    }
    if (*seen & 1u << i) {
        put(why, "utility %s: %s stands twice", kind_name, keys[i].name);
        return -1;
    }
    *seen |= 1u << i;
    double value;
    size_t value_bytes = n - name_bytes - 1;
    if (parse_number(equals + 1, value_bytes, keys[i].may_be_infinite, &value) != 0) {
        put(why, "utility %s: %s is '%.*s', not a number of 0 or more%s", kind_name, keys[i].name,
            (int)value_bytes, equals + 1, keys[i].may_be_infinite ? " or inf" : "");
        return -1;
    }
    *field(u, &keys[i]) = value / keys[i].per_unit;
    return 0;
}

static int parse(const char *text, struct nom_utility *u, struct out *why) {
    size_t name_bytes = strcspn(text, ":"), i = 0;

    while (i < KINDS &&
           !(strlen(kinds[i].name) == name_bytes && memcmp(kinds[i].name, text, name_bytes) == 0))
        i++;
    if (i == KINDS) {
        put(why, "utility: no kind '%.*s'; the kinds are ", (int)name_bytes, text);
        put_kinds(why);
        return -1;
    }
    struct nom_utility read = econ_utility_default(kinds[i].kind);
    const char *at = text + name_bytes;
    unsigned seen = 0;
    while (*at) { /* at the colon, or at a comma */
        size_t n = strcspn(at + 1, ",");
        if (parse_pair(kinds[i].name, at + 1, n, &seen, &read, why) != 0)
            return -1;
        at += 1 + n;
    }
    *u = read;
    return 0;
}

/* The shortest decimal of 6 digits or more that reads back as the same number; of 17, if none does.
 */
static void put_number(struct out *out, double value, double per_unit) {
    char text[32];

    if (isinf(value)) {
        put(out, "inf");
        return;
    }
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value * per_unit);
        if (strtod(text, NULL) / per_unit == value)
            break;
    }
    put(out, "%s", text);
}

static void format(const struct nom_utility *u, struct out *out) {
    struct nom_utility copy = *u;
    const char *separator = ":";
    size_t kind = 0;

    while (kind < KINDS && kinds[kind].kind != u->kind)
        kind++;
    if (kind == KINDS) {
        put(out, "unknown kind %u", u->kind);
        return;
    }
    put(out, "%s", kinds[kind].name);
    for (size_t i = 0; i < KEYS; i++) {
        if (!(keys[i].kinds & 1u << u->kind))
            continue;
        put(out, "%s%s=", separator, keys[i].name);
        put_number(out, *field(&copy, &keys[i]), keys[i].per_unit);
        separator = ",";
    }
}

/* Numbers as in the C locale while one of the two runs. */
struct plain {
    locale_t c, before;
};

static struct plain plain_begin(void) {
    struct plain plain = {newlocale(LC_ALL_MASK, "C", (locale_t)0), (locale_t)0};

    if (plain.c)
        plain.before = uselocale(plain.c);
    return plain;
}

static void plain_end(struct plain plain) {
    if (!plain.c)
        return;
    uselocale(plain.before);
    freelocale(plain.c);
}

int tuner_utility_parse(const char *text, struct nom_utility *u, char *why, size_t why_bytes) {
    struct out out = {why, why_bytes, 0};
    struct plain plain = plain_begin();
    int result = parse(text, u, &out);

    plain_end(plain);
    return result;
}

void tuner_utility_format(const struct nom_utility *u, char *buf, size_t bytes) {
    struct out out = {buf, bytes, 0};
    struct plain plain = plain_begin();

    format(u, &out);
    plain_end(plain);
}
