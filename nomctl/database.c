/* The database on the command line: where it is, what its errors mean, and a session summed up. */
#include "nomctl/nomctl.h"
#include "runtime/econ/econ.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int database_fail(const struct store *store, int error) {
    int code = error == -STORE_ENOTDB || error == -STORE_ENEWER ? NOMCTL_USAGE : NOMCTL_FAILED;
    return out_fail(code, "%s", store_error_text(store));
}

/* --db, or nom/nom.db where XDG says that data belongs. */
static int database_path(const struct common *common, char path[PATH_MAX]) {
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    int n;
    if (common->db)
        n = snprintf(path, PATH_MAX, "%s", common->db);
    else if (data && data[0] == '/')
        n = snprintf(path, PATH_MAX, "%s/nom/nom.db", data);
    else if (home && home[0])
        n = snprintf(path, PATH_MAX, "%s/.local/share/nom/nom.db", home);
    else
        return out_fail(NOMCTL_USAGE,
                        "no place for the database: give --db, or set XDG_DATA_HOME or HOME");
    if (n <= 0 || n >= PATH_MAX)
        return out_fail(NOMCTL_USAGE, "--db: %s", n <= 0 ? "an empty name" : "name too long");
    return NOMCTL_OK;
}

int database_open(const struct common *common, enum store_mode mode, struct store **store) {
    char path[PATH_MAX];
    int code = database_path(common, path);
    if (code)
        return code;
    *store = NULL;
    int error = store_open(path, mode, store);
    if (!error)
        return NOMCTL_OK;
    code = *store ? database_fail(*store, error) : out_fail(NOMCTL_FAILED, "out of memory");
    store_close(*store);
    return code;
}

int database_session(struct store *store, int64_t id, const char *app, const char *target,
                     const char *accel, struct store_session *session) {
    int error = id ? store_session_get(store, id, session)
                   : store_session_latest(store, "profile", app, target, accel, session);
    /* A process has no accelerator that could be asked for. */
    const char *under = accel && strcmp(accel, "none") != 0 ? accel : NULL;
    if (error == -STORE_ENOENT && id)
        return out_fail(NOMCTL_USAGE, "the database has no session %lld", (long long)id);
    if (error == -STORE_ENOENT)
        return out_fail(NOMCTL_FAILED,
                        "the database has no profile of %s%s%s%s%s yet: run: nomctl profile "
                        "%s%s%s%s%s",
                        app, target ? " on " : "", target ? target : "", under ? " under " : "",
                        under ? under : "", app, target ? " --on " : "", target ? target : "",
                        under ? " --accel " : "", under ? under : "");
    if (error)
        return database_fail(store, error);
    if (strcmp(session->app, app) != 0)
        return out_fail(NOMCTL_USAGE, "session %lld is of %s, not of %s", (long long)id,
                        session->app, app);
    if (strcmp(session->command, "compare") == 0)
        return out_fail(NOMCTL_USAGE,
                        "session %lld compares floors; tables and reports are of a profile",
                        (long long)id);
    return NOMCTL_OK;
}

struct gathered {
    size_t room;
    struct session_trials *out;
};

/* Copies what sums are made of; the histogram and log stay the store's. */
static int gather(void *context, int64_t id, const struct trial *trial) {
    struct gathered *g = context;
    struct session_trials *out = g->out;
    if (out->count == g->room) {
        size_t room = g->room ? 2 * g->room : 256;
        struct trial *trials = realloc(out->trials, room * sizeof *trials);
        if (trials)
            out->trials = trials;
        int64_t *ids = realloc(out->ids, room * sizeof *ids);
        if (ids)
            out->ids = ids;
        if (!trials || !ids)
            return -STORE_ENOMEM;
        g->room = room;
    }
    out->trials[out->count] = *trial;
    out->trials[out->count].result.latency = NULL;
    out->trials[out->count].result.serial_log = NULL;
    out->ids[out->count++] = id;
    out->good += trial->result.status == TRIAL_OK;
    out->failed += trial->result.status == TRIAL_FAILED;
    out->noisy += trial->result.status == TRIAL_NOISY;
    return 0;
}

int database_trials(struct store *store, int64_t session_id, struct session_trials *out) {
    *out = (struct session_trials){0};
    struct gathered g = {.out = out};
    int error = store_trials(store, session_id, 0, gather, &g);
    if (!error)
        return NOMCTL_OK;
    database_trials_free(out);
    return error == -STORE_ENOMEM ? out_fail(NOMCTL_FAILED, "out of memory")
                                  : database_fail(store, error);
}

void database_trials_free(struct session_trials *t) {
    free(t->trials);
    free(t->ids);
    *t = (struct session_trials){0};
}

int database_points(struct store *store, int64_t session_id, struct session_points *out) {
    struct session_trials t;
    *out = (struct session_points){0};
    int code = database_trials(store, session_id, &t);
    if (code)
        return code;
    out->trials = t.count;
    out->good = t.good;
    out->failed = t.failed;
    out->noisy = t.noisy;
    for (size_t i = 0; i < t.count; i++)
        if (t.trials[i].result.status == TRIAL_OK) {
            memcpy(out->app_build_id, t.trials[i].settings.app_build_id, sizeof out->app_build_id);
            out->traffic = t.trials[i].settings.traffic;
        }
    if (tuner_points(t.trials, t.ids, t.count, &out->points, &out->count))
        code = out_fail(NOMCTL_FAILED, "out of memory");
    database_trials_free(&t);
    return code;
}

int database_table(struct store *store, const struct store_session *session,
                   const struct nom_utility *utility, struct table_file *file,
                   struct trial_traffic *traffic) {
    struct session_points points;
    char why[WHY_BYTES];
    int code = database_points(store, session->id, &points);
    if (code)
        return code;
    if (traffic)
        *traffic = points.traffic;
    struct tuner_table_info info = {
        .session_id = session->id, .built_unix_s = time(NULL), .utility = *utility};
    snprintf(info.app, sizeof info.app, "%s", session->app);
    snprintf(info.target, sizeof info.target, "%s", session->target);
    snprintf(info.accel, sizeof info.accel, "%s", session->accel);
    snprintf(info.app_build_id, sizeof info.app_build_id, "%s", points.app_build_id);
    if (tuner_prefer_natural(points.points, &points.count))
        code = out_fail(NOMCTL_FAILED, "out of memory");
    else if (points.count == 0)
        code = out_fail(NOMCTL_FAILED, "session %lld has no good trial to build a table from",
                        (long long)session->id);
    else if (tuner_table(&info, points.points, points.count, &file->bytes, &file->size))
        code = out_fail(NOMCTL_FAILED, "session %lld: %zu points do not fit a table",
                        (long long)session->id, points.count);
    else if (econ_table_check(file->bytes, file->size, &file->header, &file->rows, why,
                              sizeof why)) {
        free(file->bytes);
        code = out_fail(NOMCTL_FAILED, "the table built from session %lld is unsound: %s",
                        (long long)session->id, why);
    }
    free(points.points);
    return code;
}
