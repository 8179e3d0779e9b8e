/*
 * Control messages: one TCP port on the app's own stack; off unless the app is started with
 * --control-port. Each message is a header and a payload, little-endian; requests are answered in
 * order, each by one reply whose type is the request's | NOM_CONTROL_REPLY and whose tag is the
 * request's. A malformed request changes nothing and is answered with an error; after one whose
 * length cannot be trusted (magic, version or size wrong) the app closes the connection.
 *
 * There is no authentication yet: whoever reaches the port can change price, delay and table.
 */
#ifndef NOM_ABI_CONTROL_H
#define NOM_ABI_CONTROL_H

#include "board.h"
#include "table.h"
#include <stdint.h>

#define NOM_CONTROL_MAGIC   0x434d4f4eu /* "NOMC" */
#define NOM_CONTROL_VERSION 1u
#define NOM_CONTROL_REPLY   0x8000u
#define NOM_CONTROL_PAYLOAD_MAX                                                                    \
    (sizeof(struct nom_table_header) + NOM_TABLE_ROWS_MAX * sizeof(struct nom_table_row))

enum nom_control_type {
    NOM_CONTROL_STATISTICS = 1, /* no payload; reply: struct nom_control_status, nom_statistics */
    NOM_CONTROL_DELAY = 2,      /* struct nom_control_delay: fixes W, stops adapting */
    NOM_CONTROL_PRICE = 3,      /* struct nom_control_price */
    NOM_CONTROL_TABLE = 4,      /* a whole table file; starts adapting, by the table's utility */
    NOM_CONTROL_UTILITY = 5,    /* struct nom_utility; -> NOM_CONTROL_ENOTABLE if there is none */
};

struct nom_control_header {
    uint32_t magic;
    uint16_t version;
    uint16_t type;
    uint32_t payload_bytes;
    uint32_t tag; /* chosen by the client */
};
_Static_assert(sizeof(struct nom_control_header) == 16, "layout of struct nom_control_header");

enum nom_control_error {
    NOM_CONTROL_OK = 0,
    NOM_CONTROL_EFORMAT = 1,  /* magic, version, or payload size wrong */
    NOM_CONTROL_ETYPE = 2,    /* no such message */
    NOM_CONTROL_EVALUE = 3,   /* a value out of range or not a number */
    NOM_CONTROL_ETABLE = 4,   /* not a valid table, or of another app; text says why */
    NOM_CONTROL_ENOTABLE = 5, /* needs a table first */
};

/* First in every reply's payload; text says what was wrong, in words, NUL-terminated. */
struct nom_control_status {
    uint32_t error;
    uint32_t reserved;
    char text[120];
};
_Static_assert(sizeof(struct nom_control_status) == 128, "layout of struct nom_control_status");

struct nom_control_delay {
    double delay_us;
    uint32_t kick; /* enum nom_kick */
    uint32_t reserved;
};
_Static_assert(sizeof(struct nom_control_delay) == 16, "layout of struct nom_control_delay");

/* price[i] is of use id[i]; those not named are 0. */
struct nom_control_price {
    uint32_t count;
    uint32_t reserved;
    uint32_t use_id[NOM_USES_MAX];
    double price_usd[NOM_USES_MAX]; /* in the unit of knobs.h: $/Gbit, $/s */
};
_Static_assert(sizeof(struct nom_control_price) == 56, "layout of struct nom_control_price");

/* What batch and driver did (spec N3: measured, not assumed). */
struct nom_net_counters {
    uint64_t rx_packets, rx_bytes, rx_batches, rx_dropped;
    uint64_t tx_packets, tx_bytes, tx_batches, tx_dropped;
    uint64_t kicks;                          /* times the device was notified */
    uint64_t rx_hold_max_ns, tx_hold_max_ns; /* longest a packet waited in the driver, since the
                                                delay was last set */
    uint64_t poll_gap_max_ns; /* longest time between two polls, since then: a hold may exceed
                                 W by this much */
    uint64_t device_errors;   /* rings or lengths that made no sense */
};
_Static_assert(sizeof(struct nom_net_counters) == 13 * 8, "layout of struct nom_net_counters");

struct nom_statistics {
    uint64_t uptime_us;
    struct nom_kernel_counters kernel;
    struct nom_net_counters net;
    uint64_t requests;         /* answered */
    uint64_t refused;          /* answered 503 because every row loses */
    uint64_t connections_open; /* now */
    uint64_t connections_total;
    double load_connections; /* smoothed estimate that the chooser uses */
    double delay_us;         /* in force */
    uint32_t kick;
    uint32_t adapting;              /* 1 if a table is loaded and W follows it */
    uint32_t serving;               /* 0 while every row loses money */
    uint32_t row;                   /* of the table, if adapting */
    uint64_t choices;               /* times the chooser ran */
    uint64_t changes;               /* times it changed W, kick or serving */
    double price_usd[NOM_USES_MAX]; /* by place in NOM_USES: id - 1 */
    double profit_usd_per_s;        /* of the row in force, as the table expects it */
    int64_t table_built_unix_s;     /* 0 if none */
    uint64_t prices_generation;     /* of the price page, as last taken over; 0: none yet */
    /* From a publication of prices to the first packet sent under the W that it brought. */
    uint64_t price_latency_last_ns, price_latency_max_ns;
    uint64_t price_latencies;                 /* how many were measured */
    uint64_t sleeps;                          /* times the app waited instead of polling */
    double poll_us;                           /* in force */
    uint64_t memory_bytes, memory_free_bytes; /* of the machine, as the board has them */
    uint64_t price_decided_last_ns; /* of price_latency_last_ns, until the new W was in force */
};
_Static_assert(sizeof(struct nom_statistics) ==
                   8 + 32 + 104 + 4 * 8 + 16 + 16 + 16 + 8 * NOM_USES_MAX + 16 + 9 * 8,
               "layout of struct nom_statistics");

#endif
