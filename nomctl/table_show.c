/* nomctl table show: a table file for a person, and what it would choose at some prices. */
#include "nomctl/nomctl.h"
#include "runtime/econ/econ.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const double prices_usd_per_gbit[] = {0, 1, 2, 5, 10, 15, 20};
#define PRICES (sizeof prices_usd_per_gbit / sizeof prices_usd_per_gbit[0])

static int set(void *context, int key, unsigned index, const char *value) {
    const char **file = context;
    (void)key;
    (void)index;
    *file = value;
    return NOMCTL_OK;
}

const struct command table_show_command = {
    .name = "table show",
    .summary = "print a table file, and the rows it chooses at some prices",
    .arguments = "FILE",
    .notes = "Example:\n  nomctl table show nhttpd.table",
    .arguments_least = 1,
    .arguments_most = 1,
    .has_json = true,
    .set = set,
};

size_t table_choose(const struct nom_table_header *h, const struct nom_table_row *rows,
                    const struct nom_utility *u, double connections, double price_usd_per_gbit,
                    double *level, double *profit_usd_per_s) {
    static struct econ_choice_set choices; /* 50 KiB */
    double price[NOM_USES_MAX] = {0};
    for (uint32_t k = 0; k < h->use_count; k++)
        if (h->use_id[k] == NOM_USE_GBIT_OUT_PER_S)
            price[k] = price_usd_per_gbit;
    econ_choice_set_init(&choices, h, rows, u, tuner_normal_tail);
    *level = econ_load_level(&choices, connections);
    return econ_choose(&choices, *level, price, profit_usd_per_s);
}

static void print_rows(const struct nom_table_header *h, const struct nom_table_row *rows) {
    printf("\n  %3s %6s %7s %-8s %10s %9s %9s %9s %9s %3s\n", "row", "conns", "W us", "", "ops/s",
           "mean us", "jitter us", "p99 us", "Gbit/s", "n");
    for (uint32_t i = 0; i < h->row_count; i++) {
        const struct nom_table_row *r = &rows[i];
        double delay_us = table_knob(h, r, NOM_KNOB_DELAY_US);
        printf("%c %3u %6.0f %7.4g %-8s %10.0f %9.1f %9.1f %9.1f %9.4f %3u\n",
               r->flags & NOM_ROW_ON_FRONTIER ? '*' : ' ', i, r->connections, delay_us,
               out_kick(delay_us, (uint32_t)table_knob(h, r, NOM_KNOB_KICK)), r->throughput_ops,
               r->latency_mean_us, r->jitter_us, r->latency_p99_us,
               table_use(h, r, NOM_USE_GBIT_OUT_PER_S), r->samples);
    }
}

static void print_choices(const struct nom_table_header *h, const struct nom_table_row *rows,
                          double connections) {
    printf("\nchosen at %.0f connection%s\n  %10s  %s\n", connections, connections == 1 ? "" : "s",
           "$/Gbit", "");
    for (size_t i = 0; i < PRICES; i++) {
        double level, profit;
        size_t row = table_choose(h, rows, &h->utility, connections, prices_usd_per_gbit[i], &level,
                                  &profit);
        if (row == ECON_NO_ROW) {
            printf("  %10g  send nothing: every row loses\n", prices_usd_per_gbit[i]);
            continue;
        }
        double delay_us = table_knob(h, &rows[row], NOM_KNOB_DELAY_US);
        const char *kick = out_kick(delay_us, (uint32_t)table_knob(h, &rows[row], NOM_KNOB_KICK));
        printf("  %10g  row %zu, W = %g us%s%s, profit %.4g $/s\n", prices_usd_per_gbit[i], row,
               delay_us, kick[0] ? " " : "", kick, profit);
    }
}

static void print_table(const char *path, const struct nom_table_header *h,
                        const struct nom_table_row *rows) {
    char utility[256], built[32] = "?", on[FLOOR_TEXT_BYTES];
    time_t when = (time_t)h->built_unix_s;
    struct tm tm;
    tuner_utility_format(&h->utility, utility, sizeof utility);
    if (gmtime_r(&when, &tm))
        strftime(built, sizeof built, "%Y-%m-%d %H:%M:%S UTC", &tm);
    printf("%s: %s on %s, session %lld, built %s\nutility %s\n", path, h->app,
           floor_text(h->target, h->accel, on), (long long)h->session_id, built, utility);
    print_rows(h, rows);
    for (uint32_t i = 0; i < h->row_count; i++) {
        bool seen = false;
        for (uint32_t j = 0; j < i; j++)
            seen = seen || rows[j].connections == rows[i].connections;
        if (!seen)
            print_choices(h, rows, rows[i].connections);
    }
}

int table_show_main(int argc, char **argv) {
    const char *path = NULL;
    struct common common;
    struct table_file file;
    int code = cli_parse(&table_show_command, argc, argv, &path, &common);
    if (code == CLI_RUN)
        code = table_file_read(path, &file);
    else
        return code;
    if (code)
        return code;
    if (common.json)
        code = json_emit(json_pack("{s:i, s:s, s:o}", "schema", NOMCTL_JSON_SCHEMA, "file", path,
                                   "table", json_table(file.header, file.rows)));
    else
        print_table(path, file.header, file.rows);
    free(file.bytes);
    return code;
}
