/* A comparison for a person and as JSON: what each floor did, the ratios, and how to take them. */
#include "nomctl/compare.h"
#include <math.h>
#include <stdarg.h>
#include <string.h>

static void __attribute__((format(printf, 2, 3))) note(struct compare *c, const char *format, ...) {
    va_list values;
    va_start(values, format);
    vsnprintf(c->notes[c->note_count], sizeof c->notes[0], format, values);
    va_end(values);
    c->note_count++;
}

/* The floors of one kind, in words: "nom and linux". */
static size_t list(const struct compare *c, bool guests, char *text, size_t bytes) {
    size_t found = 0, used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < c->floor_count && used < bytes; i++)
        if (c->floors[i]->guest == guests)
            used += (size_t)snprintf(text + used, bytes - used, "%s%s", found++ ? " and " : "",
                                     c->floors[i]->name);
    return found;
}

void compare_note(struct compare *c) {
    char guests[128], processes[128];
    size_t guest_count = list(c, true, guests, sizeof guests);
    size_t process_count = list(c, false, processes, sizeof processes);
    bool ours = false, foreign = false;
    for (size_t i = 0; i < c->floor_count; i++) {
        ours = ours || (c->floors[i]->guest && c->floors[i]->adapts);
        foreign = foreign || (c->floors[i]->guest && !c->floors[i]->adapts);
    }
    if (strcmp(c->measure.settings.accel, "tcg") == 0 && ours && foreign)
        note(c,
             "%s ran under tcg, which translates all code and punishes privileged code most: a "
             "guest with a kernel of its own runs privileged code for every packet, nom does "
             "not; so these ratios flatter nom, and are for comparing nom with itself",
             guests);
    if (guest_count > 0 && process_count > 0)
        note(c,
             "%s ran in a virtual machine under %s, %s as a process of this host: a ratio between "
             "them compares a virtual machine with none",
             guests, c->measure.settings.accel, processes);
}

size_t compare_ratios(const struct compare *c) {
    struct tuner_ratio ratio;
    size_t made = 0;
    for (size_t l = 0; l < c->rounds->load_count; l++)
        for (size_t f = 1; f < c->floor_count; f++)
            made += tuner_ratio(c->trials.trials, c->trials.count, c->floors[0]->name,
                                c->floors[f]->name, c->rounds->loads[l].connections, &ratio) > 0;
    return made;
}

/* ---- text ---- */

static void print_floor(const struct profiler_floor *floor, const struct trial_settings *s) {
    printf("  %-8s %s", floor->name, floor->guest ? "guest under " : "process");
    printf("%s, network %s", floor->guest ? s->accel : "", s->network);
    if (!floor->guest && s->rps_core >= 0)
        printf(", replies received on core %d", (int)s->rps_core);
    if (floor->adapts)
        printf(", W = %g us%s", s->delay_us, s->delay_us > 0 ? "" : " natural");
    if (s->guest_kernel[0])
        printf(", kernel %s", s->guest_kernel);
    putchar('\n');
}

static void print_spread(const struct tuner_spread *s, int digits, int width) {
    char text[64] = "unknown";
    if (isfinite(s->median))
        snprintf(text, sizeof text, "%.*f (%.*f-%.*f)", digits, s->median, digits, s->low, digits,
                 s->high);
    printf(" %*s", width, text);
}

static void print_load(const struct compare *c, const struct load_level *load) {
    const struct session_trials *t = &c->trials;
    struct tuner_level level;
    struct tuner_ratio ratio;
    char name[2 * TRIAL_NAME_BYTES];
    printf("\nload %s (%u connection%s)\n", load->name, load->connections,
           load->connections == 1 ? "" : "s");
    printf("  %-14s %26s %26s %26s %3s\n", "", "ops/s", "mean us", "jitter us", "n");
    for (size_t f = 0; f < c->floor_count; f++) {
        printf("  %-14s", c->floors[f]->name);
        if (!tuner_level(t->trials, t->ids, t->count, c->floors[f]->name, load->connections,
                         &level)) {
            puts(" no good trial");
            continue;
        }
        print_spread(&level.throughput_ops, 0, 26);
        print_spread(&level.latency_mean_us, 1, 26);
        if (!(level.jitter_us.high > 0)) /* the client tells none */
            level.jitter_us.median = NAN;
        print_spread(&level.jitter_us, 1, 26);
        printf(" %3u\n", level.repeats);
    }
    for (size_t f = 1; f < c->floor_count; f++) {
        if (!tuner_ratio(t->trials, t->count, c->floors[0]->name, c->floors[f]->name,
                         load->connections, &ratio))
            continue;
        snprintf(name, sizeof name, "%s : %s", c->floors[0]->name, c->floors[f]->name);
        printf("  %-14s", name);
        print_spread(&ratio.throughput, 2, 26);
        print_spread(&ratio.latency, 2, 26);
        print_spread(&ratio.jitter, 2, 26);
        printf(" %3u\n", ratio.repeats);
    }
}

static int print(const struct compare *c) {
    const struct rounds *r = c->rounds;
    char traffic[TRIAL_TRAFFIC_TEXT_BYTES];
    printf("%s, %u repeats of %g s, client %s, seed %llu\n", c->session.app, r->repeats, r->seconds,
           c->settings[0].client, (unsigned long long)r->seed);
    printf("%s\n", trial_traffic_text(&c->settings[0].traffic, traffic));
    for (size_t f = 0; f < c->floor_count; f++)
        print_floor(c->floors[f], &c->settings[f]);
    for (size_t l = 0; l < r->load_count; l++)
        print_load(c, &r->loads[l]);
    puts("\nmedians (least-greatest of a repeat); a : b over 1 says that a is better: its "
         "throughput over b's,\nb's mean latency and jitter over its own");
    for (size_t i = 0; i < c->note_count; i++)
        printf("note: %s\n", c->notes[i]);
    printf("session %lld: %zu trials, %zu good, %zu noisy, %zu failed\n", (long long)c->session.id,
           c->trials.count, c->trials.good, c->trials.noisy, c->trials.failed);
    return NOMCTL_OK;
}

/* ---- JSON ---- */

/* One floor at one load, NULL if it has no good trial there. */
static json_t *json_level(const struct compare *c, size_t floor, const struct load_level *load) {
    struct tuner_level level;
    const struct trial_settings *s = &c->settings[floor];
    if (!tuner_level(c->trials.trials, c->trials.ids, c->trials.count, s->target, load->connections,
                     &level))
        return NULL;
    return json_pack(
        "{s:s, s:s, s:I, s:b, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
        "s:I, s:o}",
        "floor", s->target, "load", load->name, "connections", (json_int_t)load->connections,
        "guest", c->floors[floor]->guest, "accel", s->accel, "network", s->network, "rps_core",
        s->rps_core >= 0 ? json_integer(s->rps_core) : json_null(), "delay_us",
        c->floors[floor]->adapts ? json_double(s->delay_us) : json_null(), "throughput_ops",
        json_double(level.throughput_ops.median), "throughput_low_ops",
        json_double(level.throughput_ops.low), "throughput_high_ops",
        json_double(level.throughput_ops.high), "latency_mean_us",
        json_double(level.latency_mean_us.median), "latency_low_us",
        json_double(level.latency_mean_us.low), "latency_high_us",
        json_double(level.latency_mean_us.high), "jitter_us", json_double(level.jitter_us.median),
        "jitter_low_us", json_double(level.jitter_us.low), "jitter_high_us",
        json_double(level.jitter_us.high), "repeats", (json_int_t)level.repeats, "run_ids",
        json_ids(level.run_id, level.repeats));
}

/* The first floor against another at one load, NULL if they have no repeat in common. */
static json_t *json_ratio(const struct compare *c, size_t floor, const struct load_level *load) {
    struct tuner_ratio r;
    const char *a = c->floors[0]->name, *b = c->floors[floor]->name;
    if (!tuner_ratio(c->trials.trials, c->trials.count, a, b, load->connections, &r))
        return NULL;
    return json_pack("{s:s, s:I, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I}",
                     "load", load->name, "connections", (json_int_t)load->connections, "a", a, "b",
                     b, "throughput", json_double(r.throughput.median), "latency",
                     json_double(r.latency.median), "jitter", json_double(r.jitter.median), "low",
                     json_double(r.throughput.low), "high", json_double(r.throughput.high),
                     "latency_low", json_double(r.latency.low), "latency_high",
                     json_double(r.latency.high), "jitter_low", json_double(r.jitter.low),
                     "jitter_high", json_double(r.jitter.high), "repeats", (json_int_t)r.repeats);
}

/* What there is of one kind, over all loads and floors from the first one on. */
static json_t *json_each(const struct compare *c, size_t first,
                         json_t *(*one)(const struct compare *, size_t,
                                        const struct load_level *)) {
    json_t *array = json_array();
    for (size_t l = 0; array && l < c->rounds->load_count; l++)
        for (size_t f = first; f < c->floor_count; f++)
            json_array_append_new(array, one(c, f, &c->rounds->loads[l]));
    return array;
}

static json_t *json_notes(const struct compare *c) {
    json_t *array = json_array();
    for (size_t i = 0; array && i < c->note_count; i++)
        json_array_append_new(array, json_string(c->notes[i]));
    return array;
}

int compare_show(const struct compare *c, bool json, bool interrupted) {
    const struct rounds *r = c->rounds;
    const struct store_session *s = &c->session;
    if (!json)
        return print(c);
    return json_emit(json_pack(
        "{s:i, s:I, s:s, s:s, s:s, s:s, s:o, s:I, s:I, s:o, s:o, s:I, s:I, s:I, s:b, s:o, s:o, "
        "s:o}",
        "schema", NOMCTL_JSON_SCHEMA, "session", (json_int_t)s->id, "app", s->app, "accel",
        s->accel, "accel_reason", s->accel_reason, "client", c->settings[0].client, "traffic",
        json_traffic(&c->settings[0].traffic), "seed", (json_int_t)r->seed, "repeats",
        (json_int_t)r->repeats, "seconds", json_double(r->seconds), "warmup_seconds",
        json_double(r->warmup_seconds), "trials", (json_int_t)c->trials.count, "failed",
        (json_int_t)c->trials.failed, "noisy", (json_int_t)c->trials.noisy, "interrupted",
        interrupted, "notes", json_notes(c), "floors", json_each(c, 0, json_level), "ratios",
        json_each(c, 1, json_ratio)));
}
