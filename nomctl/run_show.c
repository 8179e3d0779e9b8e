/* A run's phases, for a person and as JSON. */
#include "nomctl/run.h"

static const char *kick_name(const struct nom_statistics *s) {
    return s->kick == NOM_KICK_STRICT ? "strict" : "natural";
}

void run_show_phase(const struct phase *p, size_t number) {
    const struct trial_result *r = &p->trial.result;
    const struct nom_statistics *s = &r->statistics;
    char delay[32];
    if (s->serving)
        snprintf(delay, sizeof delay, "%.4g", s->delay_us);
    else
        snprintf(delay, sizeof delay, "off");
    if (number == 0)
        printf("  %5s %6s %8s %-8s %7s %-8s %10s %9s %9s %12s\n", "from", "for", "$/Gbit", "load",
               "W us", "", "ops/s", "mean us", "jitter us", "profit $/s");
    printf("  %4.4gs %5.4gs %8.4g %-8s %7s %-8s %10.0f %9.1f %9.1f %12.6g\n", p->start_s,
           p->seconds, p->price_usd_per_gbit, p->load.name, delay,
           s->serving ? out_kick(s->delay_us, s->kick) : "", r->throughput_ops, r->latency_mean_us,
           r->jitter_us, p->profit_usd_per_s);
    fflush(stdout);
}

static json_t *phase(const struct phase *p, size_t number) {
    const struct trial_result *r = &p->trial.result;
    const struct nom_statistics *s = &r->statistics;
    return json_pack(
        "{s:I, s:o, s:o, s:o, s:s, s:I, s:o, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, "
        "s:I, "
        "s:I, s:b, s:I, s:I}",
        "phase", (json_int_t)number, "start_s", json_double(p->start_s), "seconds",
        json_double(r->seconds), "price_usd_per_gbit", json_double(p->price_usd_per_gbit), "load",
        p->load.name, "connections", (json_int_t)p->load.connections, "delay_us",
        json_double(s->delay_us), "kick", kick_name(s), "serving", s->serving != 0,
        "throughput_ops", json_double(r->throughput_ops), "latency_mean_us",
        json_double(r->latency_mean_us), "latency_p50_us", json_double(r->latency_p50_us),
        "latency_p99_us", json_double(r->latency_p99_us), "jitter_us", json_double(r->jitter_us),
        "useful_gbit_per_s", json_double(r->useful_gbit_per_s), "gbit_out_per_s",
        json_double(r->gbit_out_per_s), "replies", (json_int_t)r->replies, "refused",
        (json_int_t)r->refused, "errors", (json_int_t)r->errors, "noisy", r->status == TRIAL_NOISY,
        "table_built_unix_s", (json_int_t)s->table_built_unix_s, "run_id", (json_int_t)p->run_id);
}

static json_t *phases(const struct run *run) {
    json_t *array = json_array();
    for (size_t i = 0; array && i < run->count && run->phases[i].measured; i++) {
        json_t *item = phase(&run->phases[i], i);
        if (item)
            json_object_set_new(item, "profit_usd_per_s",
                                json_double(run->phases[i].profit_usd_per_s));
        if (json_array_append_new(array, item) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *table(const struct run *run) {
    if (!run->table.bytes)
        return json_null();
    return json_pack("{s:s, s:I, s:I, s:I}", "from", run->table_from, "session",
                     (json_int_t)run->table.header->session_id, "built_unix_s",
                     (json_int_t)run->table.header->built_unix_s, "rows",
                     (json_int_t)run->table.header->row_count);
}

int run_show(const struct run *run, const struct trial_settings *s, bool json, bool interrupted) {
    if (json)
        return json_emit(json_pack(
            "{s:i, s:I, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:b, s:o, s:o}", "schema",
            NOMCTL_JSON_SCHEMA, "session", (json_int_t)run->session.id, "app", s->app, "target",
            s->target, "accel", s->accel, "accel_reason", run->session.accel_reason, "network",
            s->network, "utility", json_utility(&run->utility), "table", table(run), "interrupted",
            interrupted, "phases", phases(run), "profit_usd", json_double(run->profit_usd)));
    char utility[256];
    tuner_utility_format(&run->utility, utility, sizeof utility);
    printf("profit %.6g $ in all, by utility %s (session %lld)\n", run->profit_usd, utility,
           (long long)run->session.id);
    return NOMCTL_OK;
}
