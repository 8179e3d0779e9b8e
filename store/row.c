/*
 * Between C structs and rows, by the field lists of fields.c; and the small change of talking to
 * SQLite. Every number that comes back is checked to fit its member: a row that does not is
 * STORE_EDATA, never a silently different value.
 */
#include "store/internal.h"
#include <math.h>
#include <string.h>

static const char *const status_text[] = {
    [TRIAL_OK] = "ok",
    [TRIAL_FAILED] = "failed",
    [TRIAL_NOISY] = "noisy",
    [TRIAL_ABORTED] = "aborted",
};
#define STATUS_COUNT (sizeof(status_text) / sizeof(status_text[0]))

int store_exec(struct store *store, const char *sql, const char *what) {
    if (sqlite3_exec(store->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return store_fail_sqlite(store, what);
    return 0;
}

int store_prepare(struct store *store, const char *sql, sqlite3_stmt **statement) {
    if (sqlite3_prepare_v2(store->db, sql, -1, statement, NULL) != SQLITE_OK)
        return store_fail_sqlite(store, "read or write");
    return 0;
}

int store_prepare_text(struct store *store, sqlite3_str *text, sqlite3_stmt **statement) {
    char *sql = sqlite3_str_finish(text);
    if (!sql)
        return store_fail(store, STORE_ENOMEM, "out of memory");
    int result = store_prepare(store, sql, statement);
    sqlite3_free(sql);
    return result;
}

static void roll_back(struct store *store) {
    if (!sqlite3_get_autocommit(store->db))
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
}

int store_begin(struct store *store) {
    /* Even rolling back needs memory: one that failed is made up for here. */
    roll_back(store);
    return store_exec(store, "BEGIN IMMEDIATE", "write");
}

int store_finish(struct store *store, int result) {
    if (result == 0)
        result = store_exec(store, "COMMIT", "write");
    /* Some errors have ended the transaction already; the first error is the one to tell. */
    if (result != 0)
        roll_back(store);
    return result;
}

/* SQLite's own code. Text and numbers stay valid until the statement has run. */
static int bind_field(sqlite3_stmt *statement, int place, const struct store_field *field,
                      const char *member) {
    switch (field->kind) {
    case STORE_TEXT:
        return sqlite3_bind_text(statement, place, member, (int)strnlen(member, field->bytes),
                                 SQLITE_STATIC);
    case STORE_BOOL:
        return sqlite3_bind_int(statement, place, *(const bool *)member);
    case STORE_U32:
        return sqlite3_bind_int64(statement, place, *(const uint32_t *)(const void *)member);
    case STORE_I32:
        return sqlite3_bind_int(statement, place, *(const int32_t *)(const void *)member);
    case STORE_I64:
    case STORE_U64:
        return sqlite3_bind_int64(statement, place, *(const int64_t *)(const void *)member);
    case STORE_REAL:
        return sqlite3_bind_double(statement, place, *(const double *)(const void *)member);
    case STORE_STATUS: {
        unsigned status = *(const unsigned *)(const void *)member;
        const char *text = status < STATUS_COUNT ? status_text[status] : NULL;
        return sqlite3_bind_text(statement, place, text, -1, SQLITE_STATIC);
    }
    }
    return SQLITE_MISUSE;
}

/* false if the column's value does not fit the member. */
static bool read_field(sqlite3_stmt *statement, int column, const struct store_field *field,
                       char *member) {
    sqlite3_int64 number = sqlite3_column_int64(statement, column);
    const char *text;

    switch (field->kind) {
    case STORE_TEXT: {
        text = (const char *)sqlite3_column_text(statement, column);
        size_t bytes = (size_t)sqlite3_column_bytes(statement, column);
        if (!text || bytes >= field->bytes)
            return false;
        memcpy(member, text, bytes + 1);
        return true;
    }
    case STORE_BOOL:
        *(bool *)member = number != 0;
        return number == 0 || number == 1;
    case STORE_U32:
        *(uint32_t *)(void *)member = (uint32_t)number;
        return number >= 0 && number <= UINT32_MAX;
    case STORE_I32:
        *(int32_t *)(void *)member = (int32_t)number;
        return number >= INT32_MIN && number <= INT32_MAX;
    case STORE_I64:
    case STORE_U64:
        *(int64_t *)(void *)member = number;
        return true;
    case STORE_REAL:
        *(double *)(void *)member = sqlite3_column_type(statement, column) == SQLITE_NULL
                                        ? NAN
                                        : sqlite3_column_double(statement, column);
        return true;
    case STORE_STATUS:
        text = (const char *)sqlite3_column_text(statement, column);
        for (unsigned i = 0; text && i < STATUS_COUNT; i++) {
            if (strcmp(text, status_text[i]) == 0) {
                *(unsigned *)(void *)member = i;
                return true;
            }
        }
        return false;
    }
    return false;
}

int store_row_insert(struct store *store, const struct store_table *table, const int64_t *key,
                     const void *row, int64_t *id) {
    sqlite3_str *text = sqlite3_str_new(store->db);
    sqlite3_str_appendf(text, "INSERT INTO \"%w\" (\"%w\"", table->name, table->key);
    for (size_t i = 0; i < table->count; i++)
        sqlite3_str_appendf(text, ", \"%w\"", table->fields[i].column);
    sqlite3_str_appendall(text, ") VALUES (?");
    for (size_t i = 0; i < table->count; i++)
        sqlite3_str_appendall(text, ", ?");
    sqlite3_str_appendall(text, ")");
    sqlite3_stmt *statement = NULL;
    int result = store_prepare_text(store, text, &statement);
    if (result != 0)
        return result;
    int code = key ? sqlite3_bind_int64(statement, 1, *key) : sqlite3_bind_null(statement, 1);
    for (size_t i = 0; i < table->count && code == SQLITE_OK; i++)
        code = bind_field(statement, (int)i + 2, &table->fields[i],
                          (const char *)row + table->fields[i].offset);
    if (code != SQLITE_OK || sqlite3_step(statement) != SQLITE_DONE)
        result = store_fail_sqlite(store, "write");
    else if (id)
        *id = sqlite3_last_insert_rowid(store->db);
    sqlite3_finalize(statement);
    return result;
}

void store_row_columns(sqlite3_str *sql, const struct store_table *table, const char *alias) {
    for (size_t i = 0; i < table->count; i++)
        sqlite3_str_appendf(sql, ", %s.\"%w\"", alias, table->fields[i].column);
}

int store_row_read(struct store *store, sqlite3_stmt *statement, int first,
                   const struct store_table *table, void *row) {
    for (size_t i = 0; i < table->count; i++) {
        const struct store_field *field = &table->fields[i];
        if (!read_field(statement, first + (int)i, field, (char *)row + field->offset))
            return store_fail(store, STORE_EDATA,
                              "table %s, column %s: a value that makes no sense", table->name,
                              field->column);
    }
    return 0;
}
