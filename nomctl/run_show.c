/* A run's phases, for a person and as JSON. */
#include "nomctl/run.h"
#include <math.h>

static const char *kick_name(const struct nom_statistics *s) {
    return s->kick == NOM_KICK_STRICT ? "strict" : "natural";
}

static void show_app(const struct run *run, size_t number, uint32_t app) {
    const struct phase *p = &run->phases[number];
    const struct phase_app *a = &p->apps[app];
    const struct trial_result *r = &a->trial.result;
    const struct nom_statistics *s = &r->statistics;
    char delay[32], noticed[32] = "", name[16] = "";
    if (s->serving)
        snprintf(delay, sizeof delay, "%.4g", s->delay_us);
    else
        snprintf(delay, sizeof delay, "off");
    if (!isnan(a->noticed_us))
        snprintf(noticed, sizeof noticed, "%.0f", a->noticed_us / 1000);
    if (run->app_count > 1)
        snprintf(name, sizeof name, "%5u", app + 1);
    printf("  %4.4gs %5.4gs%s %8.4g %6s %-8s %7s %-8s %10.0f %9.1f %9.1f %12.6g\n", p->start_s,
           p->seconds, name, p->price_usd_per_gbit, noticed, p->load.name, delay,
           s->serving ? out_kick(s->delay_us, s->kick) : "", r->throughput_ops, r->latency_mean_us,
           r->jitter_us, a->profit_usd_per_s);
}

void run_show_phase(const struct run *run, size_t number) {
    if (number == 0)
        printf("  %5s %6s%s %8s %6s %-8s %7s %-8s %10s %9s %9s %12s\n", "from", "for",
               run->app_count > 1 ? "  app" : "", "$/Gbit", "in ms", "load", "W us", "", "ops/s",
               "mean us", "jitter us", "profit $/s");
    for (uint32_t i = 0; i < run->app_count; i++)
        show_app(run, number, i);
    fflush(stdout);
}

static json_t *phase(const struct phase *p, size_t number, uint32_t app) {
    const struct phase_app *a = &p->apps[app];
    const struct trial_result *r = &a->trial.result;
    const struct nom_statistics *s = &r->statistics;
    return json_pack(
        "{s:I, s:I, s:o, s:o, s:o, s:o, s:s, s:I, s:o, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, "
        "s:o, s:I, s:I, s:I, s:b, s:I, s:I, s:o}",
        "phase", (json_int_t)number, "app_number", (json_int_t)app + 1, "start_s",
        json_double(p->start_s), "seconds", json_double(r->seconds), "price_usd_per_gbit",
        json_double(p->price_usd_per_gbit), "price_noticed_us", json_double(a->noticed_us), "load",
        p->load.name, "connections", (json_int_t)p->load.connections, "delay_us",
        json_double(s->delay_us), "kick", kick_name(s), "serving", s->serving != 0,
        "throughput_ops", json_double(r->throughput_ops), "latency_mean_us",
        json_double(r->latency_mean_us), "latency_p50_us", json_double(r->latency_p50_us),
        "latency_p99_us", json_double(r->latency_p99_us), "jitter_us", json_double(r->jitter_us),
        "useful_gbit_per_s", json_double(r->useful_gbit_per_s), "gbit_out_per_s",
        json_double(r->gbit_out_per_s), "replies", (json_int_t)r->replies, "refused",
        (json_int_t)r->refused, "errors", (json_int_t)r->errors, "noisy", r->status == TRIAL_NOISY,
        "table_built_unix_s", (json_int_t)s->table_built_unix_s, "run_id", (json_int_t)a->run_id,
        "profit_usd_per_s", json_double(a->profit_usd_per_s));
}

/* Phase by phase, app by app; only phases that are whole. */
static json_t *phases(const struct run *run) {
    json_t *array = json_array();
    for (size_t i = 0; i < run->count * run->app_count; i++) {
        size_t number = i / run->app_count;
        if (!run->phases[number].apps[run->app_count - 1].measured)
            break;
        json_array_append_new(array,
                              phase(&run->phases[number], number, (uint32_t)(i % run->app_count)));
    }
    return array;
}

static json_t *table(const struct run_app *app) {
    if (!app->table.bytes)
        return json_null();
    return json_pack("{s:s, s:I, s:I, s:I}", "from", app->table_from, "session",
                     (json_int_t)app->table.header->session_id, "built_unix_s",
                     (json_int_t)app->table.header->built_unix_s, "rows",
                     (json_int_t)app->table.header->row_count);
}

static json_t *apps(const struct run *run) {
    json_t *array = json_array();
    for (uint32_t i = 0; i < run->app_count; i++)
        json_array_append_new(
            array, json_pack("{s:I, s:o, s:o, s:o}", "app_number", (json_int_t)i + 1, "utility",
                             json_utility(&run->apps[i].utility), "table", table(&run->apps[i]),
                             "profit_usd", json_double(run->apps[i].profit_usd)));
    return array;
}

static json_t *unsupported(const struct run *run) {
    json_t *array = json_array();
    for (size_t i = 0; i < run->unsupported_count; i++)
        json_array_append_new(array, json_pack("{s:s, s:I}", "call", run->unsupported[i].name,
                                               "count", (json_int_t)run->unsupported[i].count));
    return array;
}

/* Of a ported program alone: ours make no such calls. */
static void show_unsupported(const struct run *run) {
    if (!app_find(run->session.app)->ported)
        return;
    if (run->unsupported_count == 0)
        puts("every system call it made is supported");
    for (size_t i = 0; i < run->unsupported_count; i++)
        printf("%s%s (%llu)%s",
               i ? ", " : "asked for and not supported: ", run->unsupported[i].name,
               (unsigned long long)run->unsupported[i].count,
               i + 1 == run->unsupported_count ? "\n" : "");
}

int run_show(const struct run *run, const struct trial_settings *s, bool json, bool interrupted) {
    double profit_usd = 0;
    for (uint32_t i = 0; i < run->app_count; i++)
        profit_usd += run->apps[i].profit_usd;
    if (json)
        return json_emit(json_pack(
            "{s:i, s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:I, s:o, s:o, s:o, s:b, s:o, s:o, s:o}",
            "schema", NOMCTL_JSON_SCHEMA, "session", (json_int_t)run->session.id, "app", s->app,
            "target", s->target, "accel", s->accel, "accel_reason", run->session.accel_reason,
            "network", s->network, "client", s->client, "traffic", json_traffic(&s->traffic),
            "vcpus", (json_int_t)s->vcpus, "apps", apps(run), "utility",
            json_utility(&run->apps[0].utility), "table", table(&run->apps[0]), "interrupted",
            interrupted, "phases", phases(run), "not_supported", unsupported(run), "profit_usd",
            json_double(profit_usd)));
    char utility[256] = "";
    for (uint32_t i = 0; i < run->app_count; i++) {
        tuner_utility_format(&run->apps[i].utility, utility, sizeof utility);
        if (run->app_count > 1)
            printf("app %u: profit %.6g $, by utility %s\n", i + 1, run->apps[i].profit_usd,
                   utility);
    }
    if (run->app_count > 1)
        printf("profit %.6g $ in all (session %lld)\n", profit_usd, (long long)run->session.id);
    else
        printf("profit %.6g $ in all, by utility %s (session %lld)\n", profit_usd, utility,
               (long long)run->session.id);
    show_unsupported(run);
    return NOMCTL_OK;
}
