/*
 * The parts of the JSON documents (docs/json.md): one place for each key, so that commands that
 * show the same thing name it the same. A builder gives NULL when memory ran out; NULL inside a
 * larger document makes that NULL too, so that json_emit alone reports it.
 */
#include "nomctl/nomctl.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS 10 /* significant, of every number that is not whole */

json_t *json_double(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static const char *kick_name(uint32_t kick) {
    return kick == NOM_KICK_STRICT ? "strict" : "natural";
}

json_t *json_ids(const int64_t *id, size_t count) {
    json_t *ids = json_array();
    for (size_t i = 0; ids && i < count; i++)
        if (json_array_append_new(ids, json_integer(id[i])) != 0) {
            json_decref(ids);
            return NULL;
        }
    return ids;
}

static json_t *point(const struct tuner_point *p) {
    return json_pack(
        "{s:s, s:I, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, "
        "s:o, "
        "s:b, s:o}",
        "load", p->load, "connections", (json_int_t)p->connections, "delay_us",
        json_double(p->delay_us), "kick", kick_name(p->kick), "throughput_ops",
        json_double(p->throughput_ops), "throughput_low_ops", json_double(p->throughput_low),
        "throughput_high_ops", json_double(p->throughput_high), "latency_mean_us",
        json_double(p->latency_mean_us), "latency_p50_us", json_double(p->latency_p50_us),
        "latency_p90_us", json_double(p->latency_p90_us), "latency_p99_us",
        json_double(p->latency_p99_us), "latency_p999_us", json_double(p->latency_p999_us),
        "jitter_us", json_double(p->jitter_us), "gbit_out_per_s", json_double(p->gbit_out_per_s),
        "useful_gbit_per_s", json_double(p->useful_gbit_per_s), "cpu_s_per_s",
        json_double(p->cpu_s_per_s), "repeats", (json_int_t)p->repeats, "cv", json_double(p->cv),
        "on_frontier", p->on_frontier, "run_ids", json_ids(p->run_id, p->run_count));
}

static json_t *append(json_t *array, json_t *item) {
    if (array && json_array_append_new(array, item) != 0) {
        json_decref(array);
        return NULL;
    }
    return array;
}

json_t *json_points(const struct tuner_point *points, size_t count) {
    json_t *array = json_array();
    for (size_t i = 0; array && i < count; i++)
        array = append(array, point(&points[i]));
    return array;
}

json_t *json_utility(const struct nom_utility *u) {
    char text[256];
    tuner_utility_format(u, text, sizeof text);
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "text", text, "alpha_usd_per_gbit",
                     json_double(u->alpha_usd_per_gbit), "l0_us", json_double(u->l0_s * 1e6),
                     "penalty_x", json_double(u->penalty_x), "beta_usd_per_gbit_s",
                     json_double(u->beta_usd_per_gbit_s), "gamma_usd_s_per_gbit",
                     json_double(u->gamma_usd_s_per_gbit), "delta_usd_per_gbit",
                     json_double(u->delta_usd_per_gbit));
}

#define KNOB_INITIAL(ID, id, name, unit, least, greatest, initial, help) [id] = initial,

/* A knob that an older table does not hold had its initial value. */
double table_knob(const struct nom_table_header *h, const struct nom_table_row *row, uint32_t id) {
    static const double knob_initial[] = {NOM_KNOBS(KNOB_INITIAL)};
    for (uint32_t k = 0; k < h->knob_count; k++)
        if (h->knob_id[k] == id)
            return row->knob[k];
    return knob_initial[id];
}

double table_use(const struct nom_table_header *h, const struct nom_table_row *row, uint32_t id) {
    for (uint32_t k = 0; k < h->use_count; k++)
        if (h->use_id[k] == id)
            return row->use[k];
    return 0;
}

json_t *json_table_row(const struct nom_table_header *h, const struct nom_table_row *row,
                       size_t index) {
    return json_pack(
        "{s:I, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:b}",
        "row", (json_int_t)index, "connections", json_double(row->connections), "delay_us",
        json_double(table_knob(h, row, NOM_KNOB_DELAY_US)), "kick",
        kick_name((uint32_t)table_knob(h, row, NOM_KNOB_KICK)), "poll_us",
        json_double(table_knob(h, row, NOM_KNOB_POLL_US)), "throughput_ops",
        json_double(row->throughput_ops), "useful_gbit_per_s", json_double(row->useful_gbit_per_s),
        "gbit_out_per_s", json_double(table_use(h, row, NOM_USE_GBIT_OUT_PER_S)), "cpu_s_per_s",
        json_double(table_use(h, row, NOM_USE_CPU_S_PER_S)), "latency_mean_us",
        json_double(row->latency_mean_us), "jitter_us", json_double(row->jitter_us),
        "latency_p50_us", json_double(row->latency_p50_us), "latency_p90_us",
        json_double(row->latency_p90_us), "latency_p99_us", json_double(row->latency_p99_us), "cv",
        json_double(row->cv), "samples", (json_int_t)row->samples, "on_frontier",
        (row->flags & NOM_ROW_ON_FRONTIER) != 0);
}

json_t *json_table(const struct nom_table_header *h, const struct nom_table_row *rows) {
    json_t *array = json_array();
    for (uint32_t i = 0; array && i < h->row_count; i++)
        array = append(array, json_table_row(h, &rows[i], i));
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:o, s:o}", "app", h->app, "target", h->target,
                     "accel", h->accel, "app_build_id", h->app_build_id, "session",
                     (json_int_t)h->session_id, "built_unix_s", (json_int_t)h->built_unix_s,
                     "utility", json_utility(&h->utility), "rows", array);
}

/* null: the protocol has no such setting. */
static json_t *setting(bool has, double value) {
    return has ? json_double(value) : json_null();
}

static json_t *count(bool has, uint32_t value) {
    return has ? json_integer(value) : json_null();
}

json_t *json_traffic(const struct trial_traffic *t) {
    bool netpipe = strcmp(t->protocol, "netpipe") == 0;
    bool memcached = strncmp(t->protocol, "memcached-", 10) == 0;
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "protocol", t->protocol,
                     "path", netpipe || memcached ? json_null() : json_string(t->path), "get_ratio",
                     setting(memcached, t->get_ratio), "keys", count(memcached, t->keys),
                     "key_bytes", count(memcached, t->key_bytes), "value_bytes",
                     count(memcached, t->value_bytes), "pipeline", count(memcached, t->pipeline),
                     "message_bytes", count(netpipe, t->message_bytes), "bidirectional",
                     netpipe ? json_boolean(t->bidirectional) : json_null());
}

json_t *json_statistics(const struct nom_statistics *s) {
    return json_pack(
        "{s:o, s:s, s:b, s:b, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:I, s:I, s:o, s:I, "
        "s:I, "
        "s:I, s:I, s:I}",
        "delay_us", json_double(s->delay_us), "kick", kick_name(s->kick), "adapting",
        s->adapting != 0, "serving", s->serving != 0, "load_connections",
        json_double(s->load_connections), "connections_open", (json_int_t)s->connections_open,
        "requests", (json_int_t)s->requests, "refused", (json_int_t)s->refused, "changes",
        (json_int_t)s->changes, "table_built_unix_s", (json_int_t)s->table_built_unix_s,
        "uptime_us", (json_int_t)s->uptime_us, "price_usd_per_gbit",
        json_double(s->price_usd[NOM_USE_GBIT_OUT_PER_S - 1]), "profit_usd_per_s",
        json_double(s->profit_usd_per_s), "system_calls", (json_int_t)s->kernel.system_calls,
        "timer_interrupts", (json_int_t)s->kernel.timer_interrupts, "poll_us",
        json_double(s->poll_us), "sleeps", (json_int_t)s->sleeps, "prices_generation",
        (json_int_t)s->prices_generation, "price_latencies", (json_int_t)s->price_latencies,
        "price_latency_last_ns", (json_int_t)s->price_latency_last_ns, "price_latency_max_ns",
        (json_int_t)s->price_latency_max_ns);
}

int json_emit(json_t *document) {
    int rc =
        document ? json_dumpf(document, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(DIGITS)) : -1;
    bool made = document != NULL;
    json_decref(document);
    if (!made)
        return out_fail(NOMCTL_FAILED, "out of memory");
    if (rc != 0)
        return out_fail(NOMCTL_FAILED, "cannot write to standard output");
    putchar('\n');
    return NOMCTL_OK;
}
