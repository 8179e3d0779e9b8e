/*
 * Whose database it is, and which version. application_id marks a file as ours, user_version is
 * the number of migration steps it has seen. A file is touched only if it is ours or empty.
 *
 *   empty --(all steps)--> current        older of ours --(missing steps)--> current
 *   newer of ours, foreign, not SQLite: refused unchanged
 *
 * All missing steps are one transaction, begun with the write lock and checked again under it, so
 * that of several processes that open at once one migrates and a crash leaves the old version.
 */
#include "store/internal.h"

int store_schema_version(struct store *store, const struct store_schema *schema, int *version) {
    /* One statement, so that all three are of the same moment. */
    static const char sql[] = "SELECT (SELECT count(*) FROM sqlite_schema), application_id,"
                              " user_version FROM pragma_application_id, pragma_user_version";
    sqlite3_stmt *statement = NULL;
    int result = store_prepare(store, sql, &statement);
    if (result != 0)
        return result;
    if (sqlite3_step(statement) != SQLITE_ROW) {
        result = store_fail_sqlite(store, "read");
        sqlite3_finalize(statement);
        return result;
    }
    bool vacant = sqlite3_column_int64(statement, 0) == 0;
    int application = sqlite3_column_int(statement, 1);
    *version = sqlite3_column_int(statement, 2);
    sqlite3_finalize(statement);

    if (application == 0 && *version == 0 && vacant)
        return 0;
    if (application != STORE_APPLICATION_ID)
        return store_fail(store, STORE_ENOTDB, "a database of another program");
    if (*version < 1)
        return store_fail(store, STORE_EDATA, "schema %d makes no sense", *version);
    if (*version > schema->version)
        return store_fail(store, STORE_ENEWER,
                          "written by a newer nomctl (schema %d, this one knows %d)", *version,
                          schema->version);
    return 0;
}

/* A column's definition. A default makes the same text good for CREATE and for ALTER. */
static void append_column(sqlite3_str *sql, const struct store_field *field) {
    sqlite3_str_appendf(sql, "\"%w\" ", field->column);
    switch (field->kind) {
    case STORE_TEXT:
        sqlite3_str_appendall(sql, "TEXT NOT NULL DEFAULT ''");
        break;
    case STORE_REAL:
        sqlite3_str_appendall(sql, "REAL DEFAULT 0.0");
        break;
    case STORE_STATUS:
        sqlite3_str_appendf(sql,
                            "TEXT NOT NULL DEFAULT 'failed'"
                            " CHECK (\"%w\" IN ('ok', 'failed', 'noisy', 'aborted'))",
                            field->column);
        break;
    case STORE_BOOL:
    case STORE_U32:
    case STORE_I32:
    case STORE_I64:
    case STORE_U64:
        sqlite3_str_appendall(sql, "INTEGER NOT NULL DEFAULT 0");
        break;
    }
}

static void append_step(sqlite3_str *sql, const struct store_schema *schema, int version) {
    for (size_t t = 0; t < schema->table_count; t++) {
        const struct store_table *table = schema->tables[t];
        bool fresh = table->since == version;
        if (fresh)
            sqlite3_str_appendf(sql, "CREATE TABLE \"%w\" (%s", table->name, table->keys);
        for (size_t i = 0; i < table->count; i++) {
            if (table->fields[i].since != version)
                continue;
            if (fresh)
                sqlite3_str_appendall(sql, ", ");
            else
                sqlite3_str_appendf(sql, "ALTER TABLE \"%w\" ADD COLUMN ", table->name);
            append_column(sql, &table->fields[i]);
            if (!fresh)
                sqlite3_str_appendall(sql, ";");
        }
        if (fresh)
            sqlite3_str_appendall(sql, ") STRICT;");
    }
    sqlite3_str_appendall(sql, schema->scripts[version - 1]);
}

static int migrate_locked(struct store *store, const struct store_schema *schema) {
    int version = 0;
    int result = store_schema_version(store, schema, &version);
    if (result != 0 || version == schema->version)
        return result;
    sqlite3_str *text = sqlite3_str_new(store->db);
    for (int v = version + 1; v <= schema->version; v++)
        append_step(text, schema, v);
    sqlite3_str_appendf(text, "PRAGMA application_id = %d; PRAGMA user_version = %d",
                        STORE_APPLICATION_ID, schema->version);
    char *sql = sqlite3_str_finish(text);
    if (!sql)
        return store_fail(store, STORE_ENOMEM, "out of memory");
    result = store_exec(store, sql, "bring the schema up to date");
    sqlite3_free(sql);
    return result;
}

int store_schema_migrate(struct store *store, const struct store_schema *schema) {
    int version = 0;
    int result = store_schema_version(store, schema, &version);
    if (result != 0 || version == schema->version)
        return result;
    result = store_begin(store);
    return result != 0 ? result : store_finish(store, migrate_locked(store, schema));
}
