/*
 * Table files: any bytes are checked; what is accepted is held against abi/table.h by a reading of
 * its own, then chosen from at any prices and loads, under every kind of utility, and built again
 * by the tuner. The bytes before the table are a utility in words for the tuner's parser.
 *
 * First byte: how many bytes of words follow. Decision bit 0: the table's frame and checksum are
 * mended first, since no mutation finds them.
 */
#include "runtime/lib/adapt.h"
#include "runtime/lib/normal.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_table_parts.h"
#include "tuner/tuner.h"

static double decide_amount(struct fuzz_input *in) {
    double x = 0.0;
    unsigned char bytes[sizeof x];
    switch (fuzz_decide(in) % 4) {
    case 0:
        return 0.0;
    case 1:
        return fuzz_decide(in) / 16.0;
    default:
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = fuzz_decide(in);
        memcpy(&x, bytes, sizeof x);
        return isfinite(x) ? fabs(x) : 1e308;
    }
}

static bool amount(double x) {
    return isfinite(x) && x >= 0.0;
}

static void check_text(const char *text, size_t room) {
    size_t n = strnlen(text, room);
    FUZZ_CHECK(n < room);
    for (size_t i = 0; i < room; i++)
        FUZZ_CHECK(i < n ? text[i] >= ' ' && text[i] <= '~' : text[i] == '\0');
}

/* An accepted table is all that abi/table.h promises to readers. */
static void check_accepted(const struct nom_table_header *h, const struct nom_table_row *rows,
                           size_t n) {
    FUZZ_CHECK(h->row_count >= 1 && h->row_count <= NOM_TABLE_ROWS_MAX);
    FUZZ_CHECK(n == sizeof *h + h->row_count * sizeof *rows && h->file_bytes == n);
    FUZZ_CHECK(h->knob_count <= NOM_KNOBS_MAX && h->use_count <= NOM_USES_MAX);
    check_text(h->app, sizeof h->app);
    check_text(h->target, sizeof h->target);
    check_text(h->accel, sizeof h->accel);
    check_text(h->app_build_id, sizeof h->app_build_id);
    FUZZ_CHECK(h->utility.kind >= NOM_UTILITY_SIMPLE && h->utility.kind <= NOM_UTILITY_BONUS);
    for (uint32_t k = 0; k < h->use_count; k++)
        FUZZ_CHECK(h->use_id[k] >= 1 && h->use_id[k] <= NOM_USES_MAX);
    for (uint32_t i = 0; i < h->row_count; i++) {
        const struct nom_table_row *r = &rows[i];
        FUZZ_CHECK(r->connections >= 1.0 && (i == 0 || r->connections >= r[-1].connections));
        for (uint32_t k = 0; k < NOM_KNOBS_MAX; k++)
            FUZZ_CHECK(k < h->knob_count ? amount(r->knob[k]) : r->knob[k] == 0.0);
        for (uint32_t k = 0; k < NOM_USES_MAX; k++)
            FUZZ_CHECK(k < h->use_count ? amount(r->use[k]) : r->use[k] == 0.0);
        FUZZ_CHECK(amount(r->connections) && amount(r->throughput_ops) &&
                   amount(r->useful_gbit_per_s) && amount(r->latency_mean_us) &&
                   amount(r->jitter_us) && amount(r->latency_p999_us) && amount(r->cv));
    }
}

static void choose(struct adapt *a, const struct nom_table_header *h, size_t n,
                   struct fuzz_input *in) {
    char why[120];
    bool changed;
    uint64_t now_us = 0;
    adapt_init(a, h->app, 0.0, NOM_KICK_NATURAL);
    FUZZ_CHECK(adapt_load_table(a, h, n, &changed, why, sizeof why) == NOM_CONTROL_OK);
    FUZZ_CHECK(a->now.delay_us >= 0.0 && a->now.delay_us <= NOM_DELAY_US_MAX);
    fuzz_table_check_choice(a);
    for (int turn = 0; turn < 8; turn++) {
        double price_usd[NOM_USES_MAX] = {decide_amount(in), decide_amount(in)};
        adapt_set_price(a, price_usd);
        fuzz_table_check_choice(a);
        now_us += 1000u * fuzz_decide(in);
        adapt_tick(a, now_us, (uint32_t)fuzz_decide(in) << fuzz_decide(in) % 25);
        fuzz_table_check_choice(a);
        struct nom_utility u = econ_utility_default(1 + turn % 4);
        u.alpha_usd_per_gbit = decide_amount(in);
        u.l0_s = decide_amount(in);
        u.gamma_usd_s_per_gbit = decide_amount(in);
        FUZZ_CHECK(adapt_set_utility(a, &u, &changed, why, sizeof why) == NOM_CONTROL_OK);
        fuzz_table_check_choice(a);
        struct nom_statistics s = {0};
        adapt_statistics(a, &s);
        FUZZ_CHECK(s.row < h->row_count && !isnan(s.profit_usd_per_s) &&
                   !isnan(s.load_connections));
    }
    /* Another app's name is refused, and changes nothing. */
    static struct adapt other;
    adapt_init(&other, "other", 3.0, NOM_KICK_STRICT);
    if (strcmp(h->app, "other") != 0)
        FUZZ_CHECK(adapt_load_table(&other, h, n, &changed, why, sizeof why) ==
                       NOM_CONTROL_ETABLE &&
                   !changed && !other.adapting && other.now.delay_us == 3.0);
}

/* The tuner builds from points made of these rows a table that is accepted, or none. */
static void build(const struct nom_table_header *h, const struct nom_table_row *rows) {
    struct tuner_table_info info = {
        .built_unix_s = h->built_unix_s, .session_id = h->session_id, .utility = h->utility};
    struct tuner_point *points = calloc(h->row_count, sizeof *points);
    void *file;
    size_t bytes;
    FUZZ_CHECK(points != NULL);
    memcpy(info.app, h->app, sizeof info.app);
    memcpy(info.target, h->target, sizeof info.target);
    memcpy(info.accel, h->accel, sizeof info.accel);
    memcpy(info.app_build_id, h->app_build_id, sizeof info.app_build_id);
    for (uint32_t i = 0; i < h->row_count; i++) {
        const struct nom_table_row *r = &rows[i];
        points[i] = (struct tuner_point){
            .connections = r->connections < 1e9 ? (uint32_t)r->connections : 1000000000u,
            .delay_us = r->knob[0],
            .kick = r->knob[1] < 1e9 ? (uint32_t)r->knob[1] : 2,
            .throughput_ops = r->throughput_ops,
            .latency_mean_us = r->latency_mean_us,
            .jitter_us = r->jitter_us,
            .useful_gbit_per_s = r->useful_gbit_per_s,
            .gbit_out_per_s = r->use[0],
            .cpu_s_per_s = r->use[1],
            .repeats = r->samples,
        };
    }
    if (tuner_table(&info, points, h->row_count, &file, &bytes) == 0) {
        const struct nom_table_header *built;
        const struct nom_table_row *built_rows;
        char why[120];
        FUZZ_CHECK(econ_table_check(file, bytes, &built, &built_rows, why, sizeof why) == 0);
        FUZZ_CHECK(built->row_count == h->row_count && strcmp(built->app, h->app) == 0);
        free(file);
    }
    free(points);
}

/* A utility that was read from words is valid, and its own words read back as itself. */
static void words(const uint8_t *bytes, size_t n) {
    char *text = malloc(n + 1), again[160], third[160], why[120] = "";
    struct nom_utility u, same;
    const char *wrong;
    FUZZ_CHECK(text != NULL);
    memcpy(text, bytes, n);
    text[n] = '\0';
    if (tuner_utility_parse(text, &u, why, sizeof why) == 0) {
        FUZZ_CHECK(econ_utility_check(&u, &wrong) == 0);
        tuner_utility_format(&u, again, sizeof again);
        FUZZ_CHECK(tuner_utility_parse(again, &same, why, sizeof why) == 0);
        tuner_utility_format(&same, third, sizeof third);
        FUZZ_CHECK(strcmp(again, third) == 0);
    } else {
        FUZZ_CHECK(why[0] != '\0' && memchr(why, '\0', sizeof why) != NULL);
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct adapt adapt;
    struct fuzz_input in = fuzz_input(data, size);
    const struct nom_table_header *h;
    const struct nom_table_row *rows;
    char why[120];
    if (in.size == 0)
        return 0;
    size_t n = in.bytes[0] < in.size - 1 ? in.bytes[0] : in.size - 1;
    words(in.bytes + 1, n);
    size_t bytes = in.size - 1 - n;
    unsigned char *table = fuzz_copy(in.bytes + 1 + n, bytes);
    if (fuzz_decide(&in) & 1)
        fuzz_table_mend(table, bytes);
    memset(why, 'x', sizeof why);
    if (econ_table_check(table, bytes, &h, &rows, why, sizeof why) == 0) {
        check_accepted(h, rows, bytes);
        choose(&adapt, h, bytes, &in);
        build(h, rows);
    } else {
        FUZZ_CHECK(why[0] != '\0' && memchr(why, '\0', sizeof why) != NULL);
    }
    free(table);
    return 0;
}
