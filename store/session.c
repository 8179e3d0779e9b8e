/*
 * Sessions: one invocation of a measuring command. A session is there before its first trial, so
 * that a crash leaves its finished trials with all that says how they came about.
 */
#include "store/internal.h"
#include <string.h>
#include <time.h>

static int64_t now_unix_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int store_session_begin(struct store *store, struct store_session *session) {
    if (session->started_unix_us == 0)
        session->started_unix_us = now_unix_us();
    int result = store_begin(store);
    if (result != 0)
        return result;
    int64_t id = 0;
    result = store_row_insert(store, &store_table_session, NULL, session, &id);
    result = store_finish(store, result);
    if (result == 0)
        session->id = id;
    return result;
}

int store_session_end(struct store *store, int64_t session_id) {
    sqlite3_stmt *statement = NULL;
    int result =
        store_prepare(store, "UPDATE session SET ended_unix_us = ? WHERE id = ?", &statement);
    if (result != 0)
        return result;
    sqlite3_bind_int64(statement, 1, now_unix_us());
    sqlite3_bind_int64(statement, 2, session_id);
    if (sqlite3_step(statement) != SQLITE_DONE)
        result = store_fail_sqlite(store, "write");
    else if (sqlite3_changes(store->db) == 0)
        result = store_fail(store, STORE_ENOENT, "no session %lld", (long long)session_id);
    sqlite3_finalize(statement);
    return result;
}

/* The first session that `condition` finds: SQL that follows the list of columns, with ?1... bound
 * by `bind`, each text or NULL, or the id if there is none. 0, STORE_ENOENT without text, or
 * another error. */
static int find(struct store *store, const char *condition, const char *const *texts, int count,
                int64_t id, struct store_session *out) {
    sqlite3_str *text = sqlite3_str_new(store->db);
    sqlite3_str_appendall(text, "SELECT s.id");
    store_row_columns(text, &store_table_session, "s");
    sqlite3_str_appendf(text, " FROM session AS s WHERE %s", condition);
    sqlite3_stmt *statement = NULL;
    int result = store_prepare_text(store, text, &statement);
    if (result != 0)
        return result;
    for (int i = 0; i < count; i++)
        sqlite3_bind_text(statement, i + 1, texts[i], -1, SQLITE_STATIC);
    if (count == 0)
        sqlite3_bind_int64(statement, 1, id);
    switch (sqlite3_step(statement)) {
    case SQLITE_ROW:
        memset(out, 0, sizeof(*out));
        out->id = sqlite3_column_int64(statement, 0);
        result = store_row_read(store, statement, 1, &store_table_session, out);
        break;
    case SQLITE_DONE:
        result = -STORE_ENOENT;
        break;
    default:
        result = store_fail_sqlite(store, "read");
    }
    sqlite3_finalize(statement);
    return result;
}

int store_session_get(struct store *store, int64_t session_id, struct store_session *out) {
    int result = find(store, "s.id = ?1", NULL, 0, session_id, out);
    if (result == -STORE_ENOENT)
        store_fail(store, STORE_ENOENT, "no session %lld", (long long)session_id);
    return result;
}

int store_session_latest(struct store *store, const char *command, const char *app,
                         const char *target, const char *accel, struct store_session *out) {
    static const char condition[] =
        "(?1 IS NULL OR s.command = ?1) AND (?2 IS NULL OR s.app = ?2)"
        " AND (?3 IS NULL OR s.target = ?3) AND (?4 IS NULL OR s.accel = ?4)"
        " AND EXISTS (SELECT 1 FROM trial AS t WHERE t.session_id = s.id AND t.status = 'ok')"
        " ORDER BY s.id DESC LIMIT 1";
    const char *const texts[] = {command, app, target, accel};
    int result = find(store, condition, texts, 4, 0, out);
    if (result == -STORE_ENOENT)
        store_fail(store, STORE_ENOENT, "no session%s%s%s%s%s%s%s%s with a good trial",
                   command ? " of " : "", command ? command : "", app ? " " : "", app ? app : "",
                   target ? " on " : "", target ? target : "", accel ? " with " : "",
                   accel ? accel : "");
    return result;
}
