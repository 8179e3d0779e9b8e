/*
 * Table files: sealing and checking. econ_table_check takes any bytes from anyone: it trusts no
 * length before it is compared with the bytes at hand, and no content before the checksum. What it
 * accepts is valid in every respect that abi/table.h names, so that no reader checks again.
 */
#include "runtime/econ/econ.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Where a complaint goes. */
struct why {
    char *text;
    size_t bytes;
};

__attribute__((format(printf, 2, 3))) static int refuse(const struct why *why, const char *format,
                                                        ...) {
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(why->text, why->bytes, format, arguments);
    va_end(arguments);
    return -1;
}

struct knob_limits {
    const char *name;
    int whole; /* a choice among whole numbers */
    double least, greatest;
};

/* NULL for an id that is not ours. */
static const struct knob_limits *knob_find(uint32_t id) {
#define LIMITS(ID, number, name, unit, least, greatest, initial, help)                             \
    case number: {                                                                                 \
        static const struct knob_limits limits = {name, sizeof(unit) == 1, least, greatest};       \
        return &limits;                                                                            \
    }
    switch (id) {
        NOM_KNOBS(LIMITS)
    default:
        return NULL;
    }
#undef LIMITS
}

static const char *use_name(uint32_t id) {
#define NAME(ID, number, name, unit, price_unit, help)                                             \
    case number:                                                                                   \
        return name;
    switch (id) {
        NOM_USES(NAME)
    default:
        return NULL;
    }
#undef NAME
}

/* A number's fault, or NULL. */
static const char *fault(double x) {
    if (isnan(x))
        return "is not a number";
    if (isinf(x))
        return "is infinite";
    if (x < 0.0)
        return "is negative";
    return NULL;
}

/* CRC of the whole file with its own field taken as 0. */
static uint32_t checksum(const struct nom_table_header *h, const void *rest, size_t rest_bytes) {
    static const uint8_t zero[sizeof h->crc32];
    const uint8_t *bytes = (const uint8_t *)h;
    size_t at = offsetof(struct nom_table_header, crc32);
    size_t after = at + sizeof zero;

    uint32_t crc = econ_crc32(0, bytes, at);
    crc = econ_crc32(crc, zero, sizeof zero);
    crc = econ_crc32(crc, bytes + after, sizeof *h - after);
    return econ_crc32(crc, rest, rest_bytes);
}

void econ_table_seal(struct nom_table_header *h, const struct nom_table_row *rows, size_t n) {
    h->magic = NOM_TABLE_MAGIC;
    h->version = NOM_TABLE_VERSION;
    h->header_bytes = sizeof *h;
    h->row_bytes = sizeof *rows;
    h->row_count = (uint32_t)n;
    h->file_bytes = (uint32_t)(sizeof *h + n * sizeof *rows);
    h->crc32 = checksum(h, rows, n * sizeof *rows);
}

/* Sizes: after this, header and rows may be read. */
static int check_frame(const struct nom_table_header *h, size_t n, const struct why *why) {
    if (n < sizeof *h)
        return refuse(why, "cut short: %zu bytes, a table's header alone has %zu", n, sizeof *h);
    if (h->magic != NOM_TABLE_MAGIC)
        return refuse(why, "not a nom table: it does not begin with NOMTABLE");
    if (h->version != NOM_TABLE_VERSION)
        return refuse(why, "header: version %u, this program reads %u", h->version,
                      NOM_TABLE_VERSION);
    if (h->header_bytes != sizeof *h)
        return refuse(why, "header: header_bytes is %u, not %zu", h->header_bytes, sizeof *h);
    if (h->row_bytes != sizeof(struct nom_table_row))
        return refuse(why, "header: row_bytes is %u, not %zu", h->row_bytes,
                      sizeof(struct nom_table_row));
    if (h->row_count == 0 || h->row_count > NOM_TABLE_ROWS_MAX)
        return refuse(why, "header: row_count is %u, not 1 to %u", h->row_count,
                      NOM_TABLE_ROWS_MAX);
    size_t bytes = sizeof *h + h->row_count * sizeof(struct nom_table_row);
    if (h->file_bytes != bytes)
        return refuse(why, "header: file_bytes is %u, not %zu as for %u rows", h->file_bytes, bytes,
                      h->row_count);
    if (n != bytes)
        return refuse(why, "%s: %zu bytes, the header says %zu",
                      n < bytes ? "cut short" : "too long", n, bytes);
    return 0;
}

/* The knob or use ids of a header: known, each once, and 0 past their count. */
static int check_ids(const char *what, const uint32_t *id, uint32_t count, uint32_t room,
                     int (*known)(uint32_t), const struct why *why) {
    if (count > room)
        return refuse(why, "header: %s_count is %u, above %u", what, count, room);
    for (uint32_t i = 0; i < count; i++) {
        if (!known(id[i]))
            return refuse(why, "header: %s_id[%u] is %u, which this program does not know", what, i,
                          id[i]);
        for (uint32_t j = 0; j < i; j++)
            if (id[j] == id[i])
                return refuse(why, "header: %s_id[%u] repeats id %u", what, i, id[i]);
    }
    for (uint32_t i = count; i < room; i++)
        if (id[i] != 0)
            return refuse(why, "header: %s_id[%u] is %u, past the last, where 0 belongs", what, i,
                          id[i]);
    return 0;
}

static int knob_known(uint32_t id) {
    return knob_find(id) != NULL;
}

static int use_known(uint32_t id) {
    return use_name(id) != NULL;
}

static int check_text(const char *name, const char *text, size_t room, const struct why *why) {
    size_t length = strnlen(text, room);

    if (length == room)
        return refuse(why, "header: %s has no end", name);
    for (size_t i = 0; i < length; i++)
        if (text[i] < ' ' || text[i] > '~')
            return refuse(why, "header: %s has byte 0x%02x, not printable ASCII", name,
                          (unsigned)(unsigned char)text[i]);
    for (size_t i = length; i < room; i++)
        if (text[i] != 0)
            return refuse(why, "header: %s has bytes past its end", name);
    return 0;
}

static int check_header(const struct nom_table_header *h, const struct why *why) {
    const char *wrong;

    if (check_ids("knob", h->knob_id, h->knob_count, NOM_KNOBS_MAX, knob_known, why) != 0 ||
        check_ids("use", h->use_id, h->use_count, NOM_USES_MAX, use_known, why) != 0)
        return -1;
    if (h->built_unix_s < 0)
        return refuse(why, "header: built_unix_s is negative");
    if (h->session_id < 0)
        return refuse(why, "header: session_id is negative");
    if (check_text("app", h->app, sizeof h->app, why) != 0 ||
        check_text("target", h->target, sizeof h->target, why) != 0 ||
        check_text("accel", h->accel, sizeof h->accel, why) != 0 ||
        check_text("app_build_id", h->app_build_id, sizeof h->app_build_id, why) != 0)
        return -1;
    if (econ_utility_check(&h->utility, &wrong) != 0)
        return refuse(why, "header: %s", wrong);
    return 0;
}

static int check_vectors(const struct nom_table_header *h, const struct nom_table_row *row,
                         uint32_t at, const struct why *why) {
    const char *wrong;

    for (uint32_t k = 0; k < h->knob_count; k++) {
        const struct knob_limits *knob = knob_find(h->knob_id[k]);
        double x = row->knob[k];
        if ((wrong = fault(x)) != NULL)
            return refuse(why, "row %u: knob %s %s", at, knob->name, wrong);
        if (x < knob->least || x > knob->greatest)
            return refuse(why, "row %u: knob %s is %g, not %g to %g", at, knob->name, x,
                          knob->least, knob->greatest);
        if (knob->whole && x != floor(x))
            return refuse(why, "row %u: knob %s is %g, not a whole number", at, knob->name, x);
    }
    for (uint32_t k = h->knob_count; k < NOM_KNOBS_MAX; k++)
        if (!(row->knob[k] == 0.0))
            return refuse(why, "row %u: knob[%u] is not 0, past the last knob", at, k);
    for (uint32_t k = 0; k < h->use_count; k++)
        if ((wrong = fault(row->use[k])) != NULL)
            return refuse(why, "row %u: use %s %s", at, use_name(h->use_id[k]), wrong);
    for (uint32_t k = h->use_count; k < NOM_USES_MAX; k++)
        if (!(row->use[k] == 0.0))
            return refuse(why, "row %u: use[%u] is not 0, past the last use", at, k);
    return 0;
}

static int check_row(const struct nom_table_header *h, const struct nom_table_row *rows,
                     uint32_t at, const struct why *why) {
    const struct nom_table_row *row = &rows[at];
    const char *wrong;
    const struct {
        const char *name;
        double value;
    } number[] = {
        {"connections", row->connections},
        {"throughput_ops", row->throughput_ops},
        {"useful_gbit_per_s", row->useful_gbit_per_s},
        {"latency_mean_us", row->latency_mean_us},
        {"jitter_us", row->jitter_us},
        {"latency_p50_us", row->latency_p50_us},
        {"latency_p90_us", row->latency_p90_us},
        {"latency_p99_us", row->latency_p99_us},
        {"latency_p999_us", row->latency_p999_us},
        {"cv", row->cv},
    };

    for (size_t i = 0; i < sizeof number / sizeof number[0]; i++)
        if ((wrong = fault(number[i].value)) != NULL)
            return refuse(why, "row %u: %s %s", at, number[i].name, wrong);
    if (row->connections < 1.0)
        return refuse(why, "row %u: connections is %g, below 1", at, row->connections);
    if (at > 0 && row->connections < rows[at - 1].connections)
        return refuse(why, "row %u: connections is %g, out of order after %g", at, row->connections,
                      rows[at - 1].connections);
    if ((row->flags & ~NOM_ROW_ON_FRONTIER) != 0)
        return refuse(why, "row %u: flags is 0x%x, of which this program knows 0x%x", at,
                      row->flags, NOM_ROW_ON_FRONTIER);
    return check_vectors(h, row, at, why);
}

int econ_table_check(const void *bytes, size_t n, const struct nom_table_header **h,
                     const struct nom_table_row **rows, char *why, size_t why_bytes) {
    const struct why complaint = {why, why_bytes};
    const struct nom_table_header *header = bytes;

    if ((uintptr_t)bytes % _Alignof(struct nom_table_header) != 0)
        return refuse(&complaint, "the table's bytes are not 8-byte aligned in memory");
    if (check_frame(header, n, &complaint) != 0)
        return -1;
    const struct nom_table_row *row = (const struct nom_table_row *)(header + 1);
    uint32_t crc = checksum(header, row, n - sizeof *header);
    if (header->crc32 != crc)
        return refuse(&complaint,
                      "checksum wrong: the file was damaged or changed after it was made");
    if (check_header(header, &complaint) != 0)
        return -1;
    for (uint32_t i = 0; i < header->row_count; i++)
        if (check_row(header, row, i, &complaint) != 0)
            return -1;
    *h = header;
    *rows = row;
    return 0;
}
