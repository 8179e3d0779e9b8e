/*
 * Trials and phases. A trial is one transaction over up to four tables (trial, trial_statistics,
 * trial_histogram, trial_log): it is there with all its parts, or not at all. Run ids are never
 * used twice, not even after a deletion, for reports name them.
 */
#include "store/internal.h"
#include <stdlib.h>
#include <string.h>

/* One value beside a trial's id: a blob, or text. */
static int insert_part(struct store *store, const char *sql, int64_t trial_id, const void *value,
                       size_t bytes, bool is_text) {
    sqlite3_stmt *statement = NULL;
    int result = store_prepare(store, sql, &statement);
    if (result != 0)
        return result;
    sqlite3_bind_int64(statement, 1, trial_id);
    int code = is_text ? sqlite3_bind_text64(statement, 2, value, bytes, SQLITE_STATIC, SQLITE_UTF8)
                       : sqlite3_bind_blob64(statement, 2, value, bytes, SQLITE_STATIC);
    if (code != SQLITE_OK || sqlite3_step(statement) != SQLITE_DONE)
        result = store_fail_sqlite(store, "write");
    sqlite3_finalize(statement);
    return result;
}

int store_trial_add(struct store *store, int64_t session_id, const struct trial *trial,
                    int64_t *trial_id) {
    const struct trial_result *r = &trial->result;
    size_t packed_bytes = 0;
    void *packed = r->latency ? hist_pack(r->latency, &packed_bytes) : NULL;
    if (r->latency && !packed)
        return store_fail(store, STORE_ENOMEM, "out of memory");

    int64_t id = 0;
    int result = store_begin(store);
    if (result == 0) {
        result = store_row_insert(store, &store_table_trial, &session_id, trial, &id);
        if (result == 0 && r->has_statistics)
            result = store_row_insert(store, &store_table_statistics, &id, &r->statistics, NULL);
        if (result == 0 && packed)
            result = insert_part(store, "INSERT INTO trial_histogram VALUES (?, ?)", id, packed,
                                 packed_bytes, false);
        if (result == 0 && r->serial_log)
            result = insert_part(store, "INSERT INTO trial_log VALUES (?, ?)", id, r->serial_log,
                                 strlen(r->serial_log), true);
        result = store_finish(store, result);
    }
    free(packed);
    if (result == 0)
        *trial_id = id;
    return result;
}

/* Columns of a trial's row: id, statistics' id, the trial's fields, the statistics' fields, and
 * with histograms the blob and the log. */
static sqlite3_str *select_trials(struct store *store, bool with_histograms) {
    sqlite3_str *text = sqlite3_str_new(store->db);
    sqlite3_str_appendall(text, "SELECT t.id, c.trial_id");
    store_row_columns(text, &store_table_trial, "t");
    store_row_columns(text, &store_table_statistics, "c");
    if (with_histograms)
        sqlite3_str_appendall(text, ", h.latency_packed, l.serial_log");
    sqlite3_str_appendall(text,
                          " FROM trial AS t LEFT JOIN trial_statistics AS c ON c.trial_id = t.id");
    if (with_histograms)
        sqlite3_str_appendall(text, " LEFT JOIN trial_histogram AS h ON h.trial_id = t.id"
                                    " LEFT JOIN trial_log AS l ON l.trial_id = t.id");
    sqlite3_str_appendall(text, " WHERE t.session_id = ? ORDER BY t.id");
    return text;
}

static int read_parts(struct store *store, sqlite3_stmt *statement, int column,
                      struct trial_result *r) {
    if (sqlite3_column_type(statement, column) != SQLITE_NULL) {
        const void *blob = sqlite3_column_blob(statement, column);
        r->latency = malloc(sizeof(*r->latency));
        if (!r->latency)
            return store_fail(store, STORE_ENOMEM, "out of memory");
        if (!blob ||
            hist_unpack(r->latency, blob, (size_t)sqlite3_column_bytes(statement, column)) != 0)
            return store_fail(store, STORE_EDATA, "run %lld: its histogram makes no sense",
                              (long long)sqlite3_column_int64(statement, 0));
    }
    if (sqlite3_column_type(statement, column + 1) != SQLITE_NULL) {
        const char *log = (const char *)sqlite3_column_text(statement, column + 1);
        r->serial_log = log ? strdup(log) : NULL;
        if (!r->serial_log)
            return store_fail(store, STORE_ENOMEM, "out of memory");
    }
    return 0;
}

static int read_trial(struct store *store, sqlite3_stmt *statement, bool with_histograms,
                      struct trial *trial) {
    const int first = 2;
    const int second = first + (int)store_table_trial.count;
    const int third = second + (int)store_table_statistics.count;
    int result = store_row_read(store, statement, first, &store_table_trial, trial);
    trial->result.has_statistics = sqlite3_column_type(statement, 1) != SQLITE_NULL;
    if (result == 0 && trial->result.has_statistics)
        result = store_row_read(store, statement, second, &store_table_statistics,
                                &trial->result.statistics);
    if (result == 0 && with_histograms)
        result = read_parts(store, statement, third, &trial->result);
    return result;
}

int store_trials(struct store *store, int64_t session_id, int with_histograms,
                 int (*each)(void *context, int64_t trial_id, const struct trial *trial),
                 void *context) {
    sqlite3_stmt *statement = NULL;
    int result = store_prepare_text(store, select_trials(store, with_histograms), &statement);
    if (result != 0)
        return result;
    sqlite3_bind_int64(statement, 1, session_id);
    while (result == 0) {
        int code = sqlite3_step(statement);
        if (code == SQLITE_DONE)
            break;
        if (code != SQLITE_ROW) {
            result = store_fail_sqlite(store, "read");
            break;
        }
        struct trial trial;
        memset(&trial, 0, sizeof(trial));
        result = read_trial(store, statement, with_histograms, &trial);
        if (result == 0)
            result = each(context, sqlite3_column_int64(statement, 0), &trial);
        trial_clear(&trial);
    }
    sqlite3_finalize(statement);
    return result;
}

int store_phase_add(struct store *store, const struct store_phase *phase) {
    int result = store_begin(store);
    if (result != 0)
        return result;
    return store_finish(store,
                        store_row_insert(store, &store_table_phase, &phase->trial_id, phase, NULL));
}
