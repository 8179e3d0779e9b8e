/*
 * Which member of which struct stands in which column, and since when. The one place that names
 * them. A column has its member's name, unless that would be ambiguous in SQL or say no unit.
 */
#include "store/internal.h"

#define AS(since, kind, column, type, member)                                                      \
    { since, STORE_##kind, column, offsetof(type, member), sizeof(((type *)0)->member) }
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define SESSION(since, kind, member) AS(since, kind, #member, struct store_session, member)
static const struct store_field session_fields[] = {
    SESSION(1, I64, started_unix_us), SESSION(1, I64, ended_unix_us),
    SESSION(1, TEXT, command),        SESSION(1, TEXT, app),
    SESSION(1, TEXT, target),         SESSION(1, TEXT, accel),
    SESSION(1, TEXT, arguments),      SESSION(1, TEXT, accel_reason),
    SESSION(1, TEXT, machine),        SESSION(1, U64, seed),
};

#define SETTING_AS(since, kind, column, member)                                                    \
    AS(since, kind, column, struct trial, settings.member)
#define SETTING(since, kind, member)           SETTING_AS(since, kind, #member, member)
#define RESULT_AS(since, kind, column, member) AS(since, kind, column, struct trial, result.member)
#define RESULT(since, kind, member)            RESULT_AS(since, kind, #member, member)
static const struct store_field trial_fields[] = {
    SETTING(1, TEXT, app),
    SETTING(1, TEXT, target),
    SETTING(1, TEXT, accel),
    SETTING(1, TEXT, network),
    SETTING(1, TEXT, client),
    SETTING(1, TEXT, load),
    SETTING(1, U32, connections),
    SETTING(1, REAL, delay_us),
    SETTING(1, U32, kick),
    SETTING(4, REAL, poll_us),
    SETTING_AS(1, REAL, "asked_seconds", seconds),
    SETTING(1, REAL, warmup_seconds),
    SETTING(1, U64, seed),
    SETTING_AS(1, U32, "place_in_order", order),
    SETTING(1, U32, repeat),
    SETTING(1, I32, vcpu_core),
    SETTING(1, I32, io_core),
    SETTING(1, I32, client_core),
    SETTING(1, BOOL, spinner),
    SETTING(3, I32, rps_core),
    SETTING(3, BOOL, user_namespace),
    SETTING(2, I32, session_nice),
    SETTING(1, U32, vcpus),
    SETTING(1, U32, memory_mib),
    SETTING_AS(5, TEXT, "protocol", traffic.protocol),
    SETTING_AS(1, TEXT, "path", traffic.path),
    SETTING_AS(5, REAL, "get_ratio", traffic.get_ratio),
    SETTING_AS(5, U32, "keys", traffic.keys),
    SETTING_AS(5, U32, "key_bytes", traffic.key_bytes),
    SETTING_AS(5, U32, "value_bytes", traffic.value_bytes),
    SETTING_AS(5, U32, "pipeline", traffic.pipeline),
    SETTING_AS(5, U32, "message_bytes", traffic.message_bytes),
    SETTING_AS(5, BOOL, "bidirectional", traffic.bidirectional),
    SETTING(1, TEXT, app_build_id),
    SETTING(1, TEXT, kernel_build_id),
    SETTING(1, BOOL, debug_build),
    SETTING(3, TEXT, guest_kernel),
    SETTING(1, TEXT, qemu_version),
    SETTING(1, TEXT, cpu_model),
    SETTING(1, TEXT, host_kernel),

    RESULT(1, STATUS, status),
    RESULT(1, TEXT, error),
    RESULT(1, I64, started_unix_us),
    RESULT_AS(1, REAL, "measured_seconds", seconds),
    RESULT(1, U64, replies),
    RESULT(1, U64, refused),
    RESULT(1, U64, errors),
    RESULT(1, REAL, throughput_ops),
    RESULT(1, REAL, useful_gbit_per_s),
    RESULT(1, REAL, gbit_out_per_s),
    RESULT(1, REAL, latency_mean_us),
    RESULT(1, REAL, jitter_us),
    RESULT(1, REAL, latency_p50_us),
    RESULT(1, REAL, latency_p90_us),
    RESULT(1, REAL, latency_p99_us),
    RESULT(1, REAL, latency_p999_us),
    RESULT(1, REAL, guest_cpu_s_per_s),
    RESULT(1, REAL, vcpu_cpu_s_per_s),
    RESULT(1, REAL, client_cpu_s_per_s),
    RESULT_AS(1, REAL, "host_other_cpu_cores", host_other_cpu),
};

#define STATISTIC_AS(since, kind, column, member)                                                  \
    AS(since, kind, column, struct nom_statistics, member)
#define STATISTIC(since, kind, member) STATISTIC_AS(since, kind, #member, member)
static const struct store_field statistics_fields[] = {
    STATISTIC(1, U64, uptime_us),
    STATISTIC_AS(1, U64, "system_calls", kernel.system_calls),
    STATISTIC_AS(1, U64, "timer_interrupts", kernel.timer_interrupts),
    STATISTIC_AS(1, U64, "device_interrupts", kernel.device_interrupts),
    STATISTIC_AS(1, U64, "exceptions", kernel.exceptions),
    STATISTIC_AS(1, U64, "rx_packets", net.rx_packets),
    STATISTIC_AS(1, U64, "rx_bytes", net.rx_bytes),
    STATISTIC_AS(1, U64, "rx_batches", net.rx_batches),
    STATISTIC_AS(1, U64, "rx_dropped", net.rx_dropped),
    STATISTIC_AS(1, U64, "tx_packets", net.tx_packets),
    STATISTIC_AS(1, U64, "tx_bytes", net.tx_bytes),
    STATISTIC_AS(1, U64, "tx_batches", net.tx_batches),
    STATISTIC_AS(1, U64, "tx_dropped", net.tx_dropped),
    STATISTIC_AS(1, U64, "kicks", net.kicks),
    STATISTIC_AS(1, U64, "rx_hold_max_ns", net.rx_hold_max_ns),
    STATISTIC_AS(1, U64, "tx_hold_max_ns", net.tx_hold_max_ns),
    STATISTIC_AS(1, U64, "poll_gap_max_ns", net.poll_gap_max_ns),
    STATISTIC_AS(1, U64, "device_errors", net.device_errors),
    STATISTIC(1, U64, requests),
    STATISTIC_AS(1, U64, "requests_refused", refused),
    STATISTIC(1, U64, connections_open),
    STATISTIC(1, U64, connections_total),
    STATISTIC(1, REAL, load_connections),
    STATISTIC_AS(1, REAL, "delay_in_force_us", delay_us),
    STATISTIC_AS(1, U32, "kick_in_force", kick),
    STATISTIC(1, U32, adapting),
    STATISTIC(1, U32, serving),
    STATISTIC_AS(1, U32, "table_row", row),
    STATISTIC(1, U64, choices),
    STATISTIC(1, U64, changes),
    STATISTIC_AS(1, REAL, "price_gbit_out_usd_per_gbit", price_usd[NOM_USE_GBIT_OUT_PER_S - 1]),
    STATISTIC_AS(1, REAL, "price_cpu_usd_per_s", price_usd[NOM_USE_CPU_S_PER_S - 1]),
    STATISTIC(1, REAL, profit_usd_per_s),
    STATISTIC(1, I64, table_built_unix_s),
    STATISTIC(4, U64, prices_generation),
    STATISTIC(4, U64, price_latency_last_ns),
    STATISTIC(4, U64, price_latency_max_ns),
    STATISTIC(4, U64, price_latencies),
    STATISTIC(4, U64, price_decided_last_ns),
    STATISTIC(4, U64, sleeps),
    STATISTIC_AS(4, REAL, "poll_in_force_us", poll_us),
    STATISTIC(4, U64, memory_bytes),
    STATISTIC(4, U64, memory_free_bytes),
};

#define PHASE_AS(since, kind, column, member) AS(since, kind, column, struct store_phase, member)
#define PHASE(since, kind, member)            PHASE_AS(since, kind, #member, member)
static const struct store_field phase_fields[] = {
    PHASE(1, U32, phase),
    PHASE(4, U32, app_number),
    PHASE(1, REAL, price_usd_per_gbit),
    PHASE(4, REAL, price_noticed_us),
    PHASE(1, REAL, profit_usd_per_s),
    PHASE_AS(1, U32, "utility_kind", utility.kind),
    PHASE_AS(1, REAL, "alpha_usd_per_gbit", utility.alpha_usd_per_gbit),
    PHASE_AS(1, REAL, "l0_s", utility.l0_s),
    PHASE_AS(1, REAL, "penalty_x", utility.penalty_x),
    PHASE_AS(1, REAL, "beta_usd_per_gbit_s", utility.beta_usd_per_gbit_s),
    PHASE_AS(1, REAL, "gamma_usd_s_per_gbit", utility.gamma_usd_s_per_gbit),
    PHASE_AS(1, REAL, "delta_usd_per_gbit", utility.delta_usd_per_gbit),
};

/* A struct that has grown fails here: list its new member above, then correct the size. */
_Static_assert(sizeof(struct store_session) == 1696, "session_fields names every member");
_Static_assert(sizeof(struct trial_settings) == 1136, "trial_fields names every setting");
_Static_assert(sizeof(struct trial_result) == 776, "trial_fields names every result");
_Static_assert(sizeof(struct nom_statistics) == 344, "statistics_fields names every member");
_Static_assert(sizeof(struct nom_utility) == 56, "phase_fields names every parameter");
#define COUNT_USE(ID, id, name, unit, price_unit, help) +1
_Static_assert(0 NOM_USES(COUNT_USE) == 2, "statistics_fields has a price of every use");

const struct store_table store_table_session = {
    .since = 1,
    .name = "session",
    .keys = "id INTEGER PRIMARY KEY AUTOINCREMENT",
    .key = "id",
    .fields = session_fields,
    .count = COUNT(session_fields),
};
const struct store_table store_table_trial = {
    .since = 1,
    .name = "trial",
    .keys = "id INTEGER PRIMARY KEY AUTOINCREMENT,"
            " session_id INTEGER NOT NULL REFERENCES session (id) ON DELETE CASCADE",
    .key = "session_id",
    .fields = trial_fields,
    .count = COUNT(trial_fields),
};
const struct store_table store_table_statistics = {
    .since = 1,
    .name = "trial_statistics",
    .keys = "trial_id INTEGER PRIMARY KEY REFERENCES trial (id) ON DELETE CASCADE",
    .key = "trial_id",
    .fields = statistics_fields,
    .count = COUNT(statistics_fields),
};
const struct store_table store_table_phase = {
    .since = 1,
    .name = "phase",
    .keys = "trial_id INTEGER PRIMARY KEY REFERENCES trial (id) ON DELETE CASCADE",
    .key = "trial_id",
    .fields = phase_fields,
    .count = COUNT(phase_fields),
};

static const struct store_table *const tables[] = {
    &store_table_session,
    &store_table_trial,
    &store_table_statistics,
    &store_table_phase,
};

static const char *const scripts[] = {
    /* 1 */
    "CREATE INDEX trial_by_session ON trial (session_id);"
    "CREATE TABLE trial_histogram ("
    " trial_id INTEGER PRIMARY KEY REFERENCES trial (id) ON DELETE CASCADE,"
    " latency_packed BLOB NOT NULL) STRICT;"
    "CREATE TABLE trial_log ("
    " trial_id INTEGER PRIMARY KEY REFERENCES trial (id) ON DELETE CASCADE,"
    " serial_log TEXT NOT NULL) STRICT;",
    /* 2 */
    "",
    /* 3: before it nothing had a veth */
    "UPDATE trial SET rps_core = -1;",
    /* 4: before it the app always polled so long, and a run had one app */
    "UPDATE trial SET poll_us = 100000.0;"
    "UPDATE trial_statistics SET poll_in_force_us = 100000.0;"
    "UPDATE phase SET app_number = 1;",
    /* 5: before it every load was HTTP */
    "UPDATE trial SET protocol = 'http';",
};

const struct store_schema store_schema = {
    .tables = tables,
    .table_count = COUNT(tables),
    .scripts = scripts,
    .version = COUNT(scripts),
};
