/*
 * What the files of store/ share: the open database, its error line, and tables described by data.
 *
 * A table is a list of fields, each with its column, kind, place in a C struct and the schema
 * version that brought it. CREATE, ALTER, INSERT and SELECT are all made from that list, so a field
 * is named once. A field is never removed or changed; a new one gets the next schema version.
 */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include "store/store.h"
#include <sqlite3.h>
#include <stdbool.h>

#define STORE_APPLICATION_ID 0x6e6f6d31 /* "nom1" */
#define STORE_BUSY_MS        10000      /* patience with another process's write lock */

struct store {
    sqlite3 *db;
    char *path;
    char error[1024];
};

/* How a member of a C struct lies in a column. An unsigned 64-bit number is kept as the signed one
 * with the same bits; NULL in a REAL column is a NaN. */
enum store_kind {
    STORE_TEXT,   /* char[], NUL-terminated */
    STORE_BOOL,   /* bool: 0, 1 */
    STORE_U32,    /* uint32_t */
    STORE_I32,    /* int32_t */
    STORE_I64,    /* int64_t */
    STORE_U64,    /* uint64_t */
    STORE_REAL,   /* double */
    STORE_STATUS, /* enum trial_status: 'ok', 'failed', 'noisy', 'aborted' */
};

struct store_field {
    int since; /* schema version that brought it */
    enum store_kind kind;
    const char *column;
    size_t offset, bytes; /* of the member in its struct */
};

struct store_table {
    int since;
    const char *name;
    const char *keys; /* column definitions that stand before the fields, in SQL */
    const char *key;  /* which of them an INSERT gives, the rest come by themselves */
    const struct store_field *fields;
    size_t count;
};

/* A schema: its version is the number of scripts. Step v of a migration creates tables and adds
 * columns of version v, then runs scripts[v - 1] (indexes, moving data). */
struct store_schema {
    const struct store_table *const *tables;
    size_t table_count;
    const char *const *scripts;
    int version;
};

extern const struct store_schema store_schema;
extern const struct store_table store_table_session, store_table_trial, store_table_statistics,
    store_table_phase;

/* error.c: sets the error line, "PATH: ..."; each gives the negative error. */
int store_fail(struct store *store, enum store_error error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* From what SQLite said last; `what` names the attempt. */
int store_fail_sqlite(struct store *store, const char *what);

/* schema.c: *version is 0 for an empty file; an error if the file is foreign or too new. */
int store_schema_version(struct store *store, const struct store_schema *schema, int *version);
/* Brings an empty or older file up to date; all steps are one transaction. */
int store_schema_migrate(struct store *store, const struct store_schema *schema);

/* row.c */
int store_exec(struct store *store, const char *sql, const char *what);
int store_prepare(struct store *store, const char *sql, sqlite3_stmt **statement);
/* The same of a text that was put together, which it finishes and frees. */
int store_prepare_text(struct store *store, sqlite3_str *text, sqlite3_stmt **statement);
int store_begin(struct store *store); /* a write transaction */
/* Commits if result is 0, otherwise rolls back; gives the final result. */
int store_finish(struct store *store, int result);
/* key: NULL lets SQLite number the row. id may be NULL. */
int store_row_insert(struct store *store, const struct store_table *table, const int64_t *key,
                     const void *row, int64_t *id);
/* Appends `, alias."column"` for every field. */
void store_row_columns(sqlite3_str *sql, const struct store_table *table, const char *alias);
/* Fills row's members from the columns of a result row, from column `first` on. */
int store_row_read(struct store *store, sqlite3_stmt *statement, int first,
                   const struct store_table *table, void *row);

#endif
