/*
 * From operating points to a table file. What is built is checked as a reader will check it, so
 * that no table leaves here that an app would refuse.
 */
#include "runtime/econ/econ.h"
#include "tuner/tuner.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Places of the knobs and uses in a row. */
enum { KNOB_DELAY, KNOB_KICK, KNOB_POLL, KNOBS };
enum { USE_GBIT_OUT, USE_CPU, USES };

/* Text up to its end, zeros after it: `to` is zeroed and has the room of `from`. */
static void copy_text(char *to, const char *from, size_t room) {
    memcpy(to, from, strnlen(from, room));
}

static struct nom_table_header header(const struct tuner_table_info *info) {
    struct nom_table_header h = {
        .knob_count = KNOBS,
        .use_count = USES,
        .knob_id = {[KNOB_DELAY] = NOM_KNOB_DELAY_US,
                    [KNOB_KICK] = NOM_KNOB_KICK,
                    [KNOB_POLL] = NOM_KNOB_POLL_US},
        .use_id = {[USE_GBIT_OUT] = NOM_USE_GBIT_OUT_PER_S, [USE_CPU] = NOM_USE_CPU_S_PER_S},
        .built_unix_s = info->built_unix_s,
        .session_id = info->session_id,
        .utility = info->utility,
    };

    copy_text(h.app, info->app, sizeof h.app);
    copy_text(h.target, info->target, sizeof h.target);
    copy_text(h.accel, info->accel, sizeof h.accel);
    copy_text(h.app_build_id, info->app_build_id, sizeof h.app_build_id);
    return h;
}

static struct nom_table_row row(const struct tuner_point *p) {
    /* The wire carries at least what the client received: a floor where it was not counted. */
    double wire =
        p->gbit_out_per_s > p->useful_gbit_per_s ? p->gbit_out_per_s : p->useful_gbit_per_s;

    return (struct nom_table_row){
        .connections = p->connections,
        .knob = {[KNOB_DELAY] = p->delay_us, [KNOB_KICK] = p->kick, [KNOB_POLL] = p->poll_us},
        .use = {[USE_GBIT_OUT] = wire, [USE_CPU] = p->cpu_s_per_s},
        .throughput_ops = p->throughput_ops,
        .useful_gbit_per_s = p->useful_gbit_per_s,
        .latency_mean_us = p->latency_mean_us,
        .jitter_us = p->jitter_us,
        .latency_p50_us = p->latency_p50_us,
        .latency_p90_us = p->latency_p90_us,
        .latency_p99_us = p->latency_p99_us,
        .latency_p999_us = p->latency_p999_us,
        .cv = p->cv,
        .samples = p->repeats,
        .flags = p->on_frontier ? NOM_ROW_ON_FRONTIER : 0,
    };
}

int tuner_table(const struct tuner_table_info *info, const struct tuner_point *points, size_t count,
                void **file, size_t *bytes) {
    const struct nom_table_header *checked;
    const struct nom_table_row *checked_rows;
    char why[1];

    if (count == 0 || count > NOM_TABLE_ROWS_MAX)
        return -EINVAL;
    size_t size = sizeof(struct nom_table_header) + count * sizeof(struct nom_table_row);
    struct nom_table_header *h = calloc(1, size);
    if (!h)
        return -ENOMEM;
    struct nom_table_row *rows = (struct nom_table_row *)(h + 1);
    *h = header(info);
    for (size_t i = 0; i < count; i++)
        rows[i] = row(&points[i]);
    econ_table_seal(h, rows, count);
    if (econ_table_check(h, size, &checked, &checked_rows, why, sizeof why) != 0) {
        free(h);
        return -EINVAL;
    }
    *file = h;
    *bytes = size;
    return 0;
}
