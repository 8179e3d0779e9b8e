/*
 * Opening and closing. States of a connection:
 *
 *   closed --store_open--> checked (whose file, which schema) --> ready --store_close--> closed
 *                             \--> failed: every later call is the caller's mistake; error text
 * only
 *
 * A foreign file is never written to: journal mode and schema change only after the check. Writers
 * use WAL, so readers go on while a trial is added, and synchronous = NORMAL: a killed process
 * loses only its transaction under way, a power cut at most the last few, neither harms the file.
 */
#include "store/internal.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* mkdir -p of the path's folder; what it makes is the user's own, as XDG asks for. */
static int make_parents(struct store *store) {
    char *folder = strdup(store->path);
    if (!folder)
        return store_fail(store, STORE_ENOMEM, "out of memory");
    int result = 0;
    for (char *slash = strchr(folder + 1, '/'); slash && result == 0;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(folder, 0700) != 0 && errno != EEXIST)
            result = store_fail(store, STORE_EOPEN, "cannot make the folder %.200s: %s", folder,
                                strerror(errno));
        *slash = '/';
    }
    free(folder);
    return result;
}

/* A database in WAL mode cannot be read in a folder where its index cannot be made. With no log
 * beside it, it can be read as it is: who could change it would need the folder too. */
static bool frozen(const char *path) {
    bool result = false;
    char *wal = NULL, *folder = strdup(path);
    if (folder && asprintf(&wal, "%s-wal", path) > 0) {
        *strrchr(folder, '/') = '\0';
        result = access(folder[0] ? folder : "/", W_OK) != 0 && access(wal, F_OK) != 0;
        free(wal);
    }
    free(folder);
    return result;
}

static int open_frozen(struct store *store) {
    sqlite3_str *text = sqlite3_str_new(NULL);
    sqlite3_str_appendall(text, "file:");
    for (const char *c = store->path; *c; c++) {
        if (strchr("?#%", *c))
            sqlite3_str_appendf(text, "%%%02x", (unsigned char)*c);
        else
            sqlite3_str_appendchar(text, 1, *c);
    }
    sqlite3_str_appendall(text, "?immutable=1");
    char *uri = sqlite3_str_finish(text);
    if (!uri)
        return store_fail(store, STORE_ENOMEM, "out of memory");
    int code = sqlite3_open_v2(uri, &store->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
    sqlite3_free(uri);
    return code == SQLITE_OK ? 0 : store_fail_sqlite(store, "read");
}

static int open_file(struct store *store, enum store_mode mode) {
    struct stat st;
    int result = mode == STORE_WRITE ? make_parents(store) : 0;
    if (result != 0)
        return result;
    if (stat(store->path, &st) != 0) {
        if (errno == ENOENT && mode == STORE_READ)
            return store_fail(store, STORE_EOPEN, "no such file: nothing has been measured yet");
        if (errno != ENOENT)
            return store_fail(store, STORE_EOPEN, "cannot be opened: %s", strerror(errno));
    } else if (!S_ISREG(st.st_mode)) {
        return store_fail(store, STORE_EOPEN,
                          S_ISDIR(st.st_mode) ? "is a directory" : "is not a regular file");
    }
    if (mode == STORE_READ && frozen(store->path))
        return open_frozen(store);
    int flags = SQLITE_OPEN_READWRITE | (mode == STORE_WRITE ? SQLITE_OPEN_CREATE : 0);
    if (sqlite3_open_v2(store->path, &store->db, flags, NULL) != SQLITE_OK)
        return store->db ? store_fail_sqlite(store, mode == STORE_WRITE ? "open or create" : "open")
                         : store_fail(store, STORE_ENOMEM, "out of memory");
    return 0;
}

/* The change to WAL needs the file alone for a moment, and SQLite does not wait for that. */
static int set_wal(struct store *store) {
    const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
    int result = 0;
    for (int waited_ms = 0; waited_ms <= STORE_BUSY_MS; waited_ms += 20) {
        result = store_exec(store, "PRAGMA journal_mode = WAL", "write");
        if (result != -STORE_EBUSY)
            break;
        nanosleep(&pause, NULL);
    }
    return result;
}

static int prepare_connection(struct store *store, enum store_mode mode) {
    sqlite3_extended_result_codes(store->db, 1);
    sqlite3_busy_timeout(store->db, STORE_BUSY_MS);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    int version = 0;
    int result = store_schema_version(store, &store_schema, &version);
    if (result != 0)
        return result;
    if (mode == STORE_READ) {
        if (version == 0)
            return store_fail(store, STORE_EOPEN, "empty: nothing has been measured yet");
        if (version < store_schema.version && sqlite3_db_readonly(store->db, "main") == 1)
            return store_fail(store, STORE_EOPEN,
                              "written by an older nomctl (schema %d, this one reads %d), and"
                              " cannot be brought up to date: it is read-only",
                              version, store_schema.version);
        result = store_schema_migrate(store, &store_schema);
        if (result != 0)
            return result;
        return store_exec(store, "PRAGMA query_only = ON", "read");
    }
    if (sqlite3_db_readonly(store->db, "main") == 1)
        return store_fail(store, STORE_EOPEN, "cannot be written: Permission denied");
    result = set_wal(store);
    if (result == 0)
        result =
            store_exec(store, "PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON", "write");
    return result != 0 ? result : store_schema_migrate(store, &store_schema);
}

int store_open(const char *path, enum store_mode mode, struct store **out) {
    struct store *store = calloc(1, sizeof(*store));
    *out = NULL;
    if (!store)
        return -STORE_ENOMEM;
    /* SQLite gives ":memory:" and the empty name meanings of their own; a path has none. */
    if (asprintf(&store->path, "%s%s", path[0] == '/' ? "" : "./", path) < 0) {
        free(store);
        return -STORE_ENOMEM;
    }
    *out = store;
    int result = open_file(store, mode);
    return result != 0 ? result : prepare_connection(store, mode);
}

void store_close(struct store *store) {
    if (!store)
        return;
    sqlite3_close(store->db);
    free(store->path);
    free(store);
}
