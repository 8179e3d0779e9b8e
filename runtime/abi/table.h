/*
 * Table file (spec T5): the operating points of one app on one target, as measured, for a running
 * app to choose from. Little-endian; doubles are IEEE 754; a fixed header, then row_count rows.
 *
 * The table holds measurements and the utility to apply by default; the chooser holds the
 * economics. A row carries a vector of knobs and a vector of uses of priced resources, each named
 * by the ids in the header (knobs.h), so that later knobs and prices need no new format: a reader
 * that meets an id it does not know refuses the file.
 *
 * Valid: magic and version ours; the sizes agree with each other and with the file's length; the
 * CRC-32 (IEEE 802.3, of the whole file with crc32 = 0) matches; counts in range and row_count > 0;
 * ids known and each once; every number finite and not negative (delta_usd_per_gbit may be
 * +infinity); a utility of a known kind; text fields printable ASCII, then NUL to their end; rows
 * in order of connections, the least 1 or more; knobs within the limits of knobs.h; reserved
 * fields, unknown flags, and what stands past knob_count and use_count 0.
 */
#ifndef NOM_ABI_TABLE_H
#define NOM_ABI_TABLE_H

#include "knobs.h"
#include "utility.h"
#include <stdint.h>

#define NOM_TABLE_MAGIC      0x454c4241544d4f4eULL /* "NOMTABLE" */
#define NOM_TABLE_VERSION    1u
#define NOM_TABLE_ROWS_MAX   1024u
#define NOM_TABLE_NAME_BYTES 32u

struct nom_table_header {
    uint64_t magic;
    uint32_t version;
    uint32_t header_bytes; /* sizeof(struct nom_table_header) */
    uint32_t file_bytes;
    uint32_t crc32;
    uint32_t row_bytes; /* sizeof(struct nom_table_row) */
    uint32_t row_count;
    uint32_t knob_count, use_count;
    uint32_t knob_id[NOM_KNOBS_MAX]; /* enum nom_knob_id, the first knob_count of them; rest 0 */
    uint32_t use_id[NOM_USES_MAX];   /* enum nom_use_id */
    int64_t built_unix_s;
    int64_t session_id;                /* the store's profile session it was built from */
    char app[NOM_TABLE_NAME_BYTES];    /* "nhttpd" */
    char target[NOM_TABLE_NAME_BYTES]; /* "nom" */
    char accel[NOM_TABLE_NAME_BYTES];  /* "kvm", "tcg" */
    char app_build_id[64];             /* of the app that was measured, hexadecimal */
    struct nom_utility utility;        /* to apply unless told otherwise */
};
_Static_assert(sizeof(struct nom_table_header) == 40 + 32 + 16 + 16 + 96 + 64 + 56,
               "layout of struct nom_table_header");

#define NOM_ROW_ON_FRONTIER 1u

struct nom_table_row {
    double connections; /* load level at which it was measured */
    double knob[NOM_KNOBS_MAX];
    double use[NOM_USES_MAX];
    double throughput_ops;    /* replies a second */
    double useful_gbit_per_s; /* bits of replies that users pay for */
    double latency_mean_us, jitter_us;
    double latency_p50_us, latency_p90_us, latency_p99_us, latency_p999_us;
    double cv;        /* coefficient of variation of throughput over the repeats */
    uint32_t samples; /* trials behind this row */
    uint32_t flags;   /* NOM_ROW_ON_FRONTIER */
};
_Static_assert(sizeof(struct nom_table_row) == 8 * (1 + 8 + 4 + 9) + 8,
               "layout of struct nom_table_row");

#endif
