/*
 * The store's error line: one line, the file's path first, then what is wrong with it; and the
 * translation of what SQLite says into enum store_error.
 */
#include "store/internal.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int store_fail(struct store *store, enum store_error error, const char *format, ...) {
    int used = snprintf(store->error, sizeof(store->error), "%.700s: ", store->path);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(store->error + used, sizeof(store->error) - (size_t)used, format, arguments);
    va_end(arguments);
    for (char *c = store->error; *c; c++) {
        if (*c == '\n' || *c == '\r')
            *c = ' ';
    }
    return -(int)error;
}

int store_fail_sqlite(struct store *store, const char *what) {
    int code = sqlite3_extended_errcode(store->db);
    int system = sqlite3_system_errno(store->db);
    const char *detail = sqlite3_errmsg(store->db);

    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return store_fail(store, STORE_EBUSY, "cannot %s: another process holds its lock", what);
    case SQLITE_FULL:
        return store_fail(store, STORE_EIO, "cannot %s: no space left on the disk", what);
    case SQLITE_IOERR:
        return store_fail(store, STORE_EIO, "cannot %s: %s%s%s", what, detail, system ? ": " : "",
                          system ? strerror(system) : "");
    case SQLITE_NOTADB:
        return store_fail(store, STORE_ENOTDB, "not a database");
    case SQLITE_CORRUPT:
        return store_fail(store, STORE_EDATA, "cannot %s: the database is damaged (%s)", what,
                          detail);
    case SQLITE_CONSTRAINT:
        if (code == SQLITE_CONSTRAINT_FOREIGNKEY)
            return store_fail(store, STORE_ENOENT, "cannot %s: no such session or trial", what);
        return store_fail(store, STORE_EDATA, "cannot %s: %s", what, detail);
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return store_fail(store, STORE_EOPEN, "cannot %s: %s", what,
                          system && system != ENOENT ? strerror(system) : detail);
    case SQLITE_NOMEM:
        return store_fail(store, STORE_ENOMEM, "cannot %s: out of memory", what);
    default:
        return store_fail(store, STORE_EDATA, "cannot %s: %s", what, detail);
    }
}

const char *store_error_text(const struct store *store) {
    return store ? store->error : "out of memory";
}
