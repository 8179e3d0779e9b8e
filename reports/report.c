/*
 * One report: read the session, sum up its trials, draw, write. Nothing is written before all of
 * it is made; index.html comes last, so that what it stands beside is there.
 */
#include "reports/internal.h"
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int collect_one(void *context, int64_t trial_id, const struct trial *trial) {
    struct report_data *data = context;
    if (data->count == data->room) {
        size_t room = data->room ? 2 * data->room : 64;
        struct trial *trials = reallocarray(data->trials, room, sizeof(*trials));
        if (trials)
            data->trials = trials;
        int64_t *ids = reallocarray(data->ids, room, sizeof(*ids));
        if (ids)
            data->ids = ids;
        if (!trials || !ids)
            return 1;
        data->room = room;
    }
    data->trials[data->count] = *trial;
    data->trials[data->count].result.serial_log = NULL;
    data->trials[data->count].result.latency = NULL;
    data->ids[data->count++] = trial_id;
    return 0;
}

static int collect(struct store *store, int64_t session_id, struct report_data *data, char *why,
                   size_t why_bytes) {
    int result = store_session_get(store, session_id, &data->session);
    if (result == 0)
        result = store_trials(store, session_id, 0, collect_one, data);
    if (result < 0)
        return report_fail(why, why_bytes, REPORT_ESTORE, "%s", store_error_text(store));
    if (result > 0 ||
        tuner_points(data->trials, data->ids, data->count, &data->points, &data->point_count) != 0)
        return report_fail(why, why_bytes, REPORT_ENOMEM, "out of memory");
    if (data->point_count == 0) {
        const char *error = data->count ? data->trials[data->count - 1].result.error : "";
        return report_fail(why, why_bytes, REPORT_EDATA,
                           "session %" PRId64 " has no good trial (of %zu)%s%s", session_id,
                           data->count, error[0] ? "; the last one: " : "", error);
    }
    return 0;
}

static void name_load(struct report_load *load) {
    const struct tuner_point *p = load->points;
    char number[16];
    size_t used = 0;

    snprintf(number, sizeof(number), "%" PRIu32, p->connections);
    int named = p->load[0] && strcmp(p->load, number) != 0;
    snprintf(load->label, sizeof(load->label), "%s connection%s%s%s%s", number,
             p->connections == 1 ? "" : "s", named ? " (" : "", named ? p->load : "",
             named ? ")" : "");
    for (const char *c = p->load; named && *c && used < TRIAL_NAME_BYTES; c++)
        load->file[used++] = isalnum((unsigned char)*c) ? *c : '_';
    snprintf(load->file + used, sizeof(load->file) - used, "%s%s", used ? "-" : "", number);
}

/* Splits the points, sorted by connections, into loads. loads has room for each point. */
static int split(const struct report_data *data, struct report_load *loads, size_t *count) {
    *count = 0;
    for (size_t from = 0, to; from < data->point_count; from = to) {
        const struct tuner_point *p = data->points;
        for (to = from + 1; to < data->point_count && p[to].connections == p[from].connections;)
            to++;
        struct report_load *load = &loads[(*count)++];
        *load = (struct report_load){
            .data = data, .points = p + from, .far = data->far + from, .count = to - from};
        name_load(load);
        if (tuner_far(load->points, load->count, data->far + from) != 0)
            return -REPORT_ENOMEM;
    }
    return 0;
}

static int write_picture(int directory, const char *dir, const struct report_picture *picture,
                         char *why, size_t why_bytes) {
    char name[REPORT_NAME_BYTES + 8];
    snprintf(name, sizeof(name), "%s.svg", picture->name);
    int result =
        report_file(directory, dir, name, picture->svg, picture->svg_bytes, why, why_bytes);
    snprintf(name, sizeof(name), "%s.png", picture->name);
    if (result == 0)
        result =
            report_file(directory, dir, name, picture->png, picture->png_bytes, why, why_bytes);
    return result;
}

static int make(const struct report_data *data, struct report_load *loads, size_t count,
                const char *dir, char *why, size_t why_bytes) {
    /* First, for a directory that cannot be written should be told before the work. */
    int directory = report_directory(dir, why, why_bytes);
    int result = directory < 0 ? directory : 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        result = report_figure_delay(&loads[i], why, why_bytes);
        if (result == 0)
            result = report_figure_plane(&loads[i], why, why_bytes);
    }
    size_t bytes = 0;
    char *page = result == 0 ? report_html(data, loads, count, &bytes) : NULL;
    if (result == 0 && !page)
        result = report_fail(why, why_bytes, REPORT_ENOMEM, "out of memory");
    for (size_t i = 0; i < count && result == 0; i++) {
        result = write_picture(directory, dir, &loads[i].delay, why, why_bytes);
        if (result == 0)
            result = write_picture(directory, dir, &loads[i].plane, why, why_bytes);
    }
    if (result == 0)
        result = report_file(directory, dir, "index.html", page, bytes, why, why_bytes);
    free(page);
    if (directory >= 0)
        close(directory);
    return result;
}

int report_write(struct store *store, int64_t session_id, const char *dir, char **index_path,
                 char *why, size_t why_bytes) {
    struct report_data data = {0};
    struct report_load *loads = NULL;
    size_t count = 0;

    *index_path = NULL;
    int result = collect(store, session_id, &data, why, why_bytes);
    if (result == 0) {
        loads = calloc(data.point_count, sizeof(*loads));
        data.far = calloc(data.point_count, sizeof(*data.far));
        if (!loads || !data.far || asprintf(index_path, "%s/index.html", dir) < 0) {
            *index_path = NULL;
            result = report_fail(why, why_bytes, REPORT_ENOMEM, "out of memory");
        }
    }
    if (result == 0 && split(&data, loads, &count) != 0)
        result = report_fail(why, why_bytes, REPORT_ENOMEM, "out of memory");
    if (result == 0)
        result = make(&data, loads, count, dir, why, why_bytes);
    if (result != 0) {
        free(*index_path);
        *index_path = NULL;
    }
    for (size_t i = 0; i < count; i++) {
        free(loads[i].delay.svg);
        free(loads[i].delay.png);
        free(loads[i].plane.svg);
        free(loads[i].plane.png);
    }
    free(loads);
    free(data.far);
    free(data.points);
    free(data.trials);
    free(data.ids);
    return result;
}
