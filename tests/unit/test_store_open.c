/*
 * Whose database is it? Every wrong path and every wrong file has its own error, its message names
 * the file, and the file stays as it was. And how a schema grows.
 */
#include "store/internal.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "scratch.h"

#define NOBODY 65534

/* Opens, expects `error` (0: none) and words in the message, closes. */
static void expect(const char *path, enum store_mode mode, int error, const char *words) {
    struct store *store = NULL;
    int result = store_open(path, mode, &store);
    if (result != -error || (words && !strstr(store_error_text(store), words)))
        fail_msg("%s: %d, %s; expected %d, %s", path, result, store_error_text(store), -error,
                 words ? words : "");
    const char *name = strrchr(path, '/');
    if (error && !strstr(store_error_text(store), name ? name : path))
        fail_msg("names no file: %s", store_error_text(store));
    store_close(store);
}

static void write_file(const char *path, const char *bytes, size_t count) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    fclose(file);
}

static char *read_file(const char *path, size_t *count) {
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *bytes = malloc(1 << 20);
    assert_non_null(bytes);
    *count = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    return bytes;
}

static void run_sql(const char *path, const char *sql) {
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
}

static void expect_unchanged(const char *path, int error, const char *words) {
    size_t before_bytes, after_bytes;
    char *before = read_file(path, &before_bytes);
    expect(path, STORE_WRITE, error, words);
    expect(path, STORE_READ, error, words);
    char *after = read_file(path, &after_bytes);
    assert_int_equal(before_bytes, after_bytes);
    assert_memory_equal(before, after, after_bytes);
    free(before);
    free(after);
    char beside[300];
    snprintf(beside, sizeof(beside), "%s-wal", path);
    assert_int_not_equal(access(beside, F_OK), 0);
}

static void missing_file_and_folders(void **state) {
    (void)state;
    expect(scratch_path("none.db"), STORE_READ, STORE_EOPEN, "nothing has been measured");
    assert_int_not_equal(access(scratch_path("none.db"), F_OK), 0);
    expect(scratch_path("x/y/z.db"), STORE_WRITE, 0, NULL);
    expect(scratch_path("x/y/z.db"), STORE_READ, 0, NULL);
}

static void not_a_regular_file(void **state) {
    (void)state;
    assert_int_equal(mkdir(scratch_path("folder.db"), 0700), 0);
    expect(scratch_path("folder.db"), STORE_WRITE, STORE_EOPEN, "is a directory");
    expect(scratch_path("folder.db"), STORE_READ, STORE_EOPEN, "is a directory");
    assert_int_equal(mkfifo(scratch_path("pipe.db"), 0600), 0);
    expect(scratch_path("pipe.db"), STORE_WRITE, STORE_EOPEN, "not a regular file");
    write_file(scratch_path("file"), "x", 1);
    expect(scratch_path("file/nom.db"), STORE_WRITE, STORE_EOPEN, "Not a directory");
    expect(scratch_path("file/nom.db"), STORE_READ, STORE_EOPEN, "Not a directory");
}

static void not_a_database(void **state) {
    (void)state;
    char text[5000];
    memset(text, 'x', sizeof(text));
    write_file(scratch_path("text.db"), text, sizeof(text));
    expect_unchanged(scratch_path("text.db"), STORE_ENOTDB, "not a database");
}

static void a_database_of_another_program(void **state) {
    (void)state;
    run_sql(scratch_path("foreign.db"), "CREATE TABLE song (title TEXT)");
    expect_unchanged(scratch_path("foreign.db"), STORE_ENOTDB, "another program");
    run_sql(scratch_path("marked.db"), "PRAGMA application_id = 1234");
    expect_unchanged(scratch_path("marked.db"), STORE_ENOTDB, "another program");
    run_sql(scratch_path("versioned.db"), "PRAGMA user_version = 1");
    expect_unchanged(scratch_path("versioned.db"), STORE_ENOTDB, "another program");
}

static void a_newer_schema(void **state) {
    (void)state;
    expect(scratch_path("nom.db"), STORE_WRITE, 0, NULL);
    run_sql(scratch_path("nom.db"), "PRAGMA user_version = 9");
    char words[80];
    snprintf(words, sizeof(words), "written by a newer nomctl (schema 9, this one knows %d)",
             store_schema.version);
    expect_unchanged(scratch_path("nom.db"), STORE_ENEWER, words);
}

static void an_empty_file_becomes_a_store(void **state) {
    (void)state;
    write_file(scratch_path("empty.db"), "", 0);
    expect(scratch_path("empty.db"), STORE_READ, STORE_EOPEN, "nothing has been measured");
    expect(scratch_path("empty.db"), STORE_WRITE, 0, NULL);
    expect(scratch_path("empty.db"), STORE_READ, 0, NULL);
}

/* A page of the schema or of a table overwritten: an error, no crash. */
static void a_damaged_database(void **state) {
    (void)state;
    expect(scratch_path("nom.db"), STORE_WRITE, 0, NULL);
    size_t bytes;
    char *file = read_file(scratch_path("nom.db"), &bytes);
    assert_true(bytes > 8192);
    memset(file + 100, 0x5a, 3000);
    write_file(scratch_path("nom.db"), file, bytes);
    free(file);
    expect(scratch_path("nom.db"), STORE_WRITE, STORE_EDATA, "damaged");
    expect(scratch_path("nom.db"), STORE_READ, STORE_EDATA, "damaged");
}

static void names_with_a_meaning_to_sqlite_are_names(void **state) {
    (void)state;
    char before[256];
    assert_non_null(getcwd(before, sizeof(before)));
    assert_int_equal(chdir(scratch_dir), 0);
    expect(":memory:", STORE_WRITE, 0, NULL);
    expect(":memory:", STORE_READ, 0, NULL);
    expect("file:x?mode=memory", STORE_WRITE, 0, NULL);
    assert_int_equal(access(":memory:", F_OK), 0);
    assert_int_equal(access("file:x?mode=memory", F_OK), 0);
    expect("", STORE_WRITE, STORE_EOPEN, "is a directory");
    assert_int_equal(chdir(before), 0);
}

static void ours_is_marked_strict_and_in_wal_mode(void **state) {
    (void)state;
    struct store *store = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(store_open(scratch_path("nom.db"), STORE_WRITE, &store), 0);
    static const char sql[] =
        "SELECT (SELECT application_id FROM pragma_application_id),"
        " (SELECT user_version FROM pragma_user_version),"
        " (SELECT journal_mode FROM pragma_journal_mode),"
        " (SELECT foreign_keys FROM pragma_foreign_keys),"
        " (SELECT synchronous FROM pragma_synchronous),"
        " (SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
        "  AND NOT strict AND name NOT LIKE 'sqlite_%')";
    assert_int_equal(sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(statement, 0), STORE_APPLICATION_ID);
    assert_int_equal(sqlite3_column_int(statement, 1), store_schema.version);
    assert_string_equal((const char *)sqlite3_column_text(statement, 2), "wal");
    assert_int_equal(sqlite3_column_int(statement, 3), 1);
    assert_int_equal(sqlite3_column_int(statement, 4), 1);
    assert_int_equal(sqlite3_column_int(statement, 5), 0);
    sqlite3_finalize(statement);
    store_close(store);
}

static void a_reader_cannot_write(void **state) {
    (void)state;
    struct store *store = NULL;
    struct store_session session = {.command = "profile"};
    expect(scratch_path("nom.db"), STORE_WRITE, 0, NULL);
    assert_int_equal(store_open(scratch_path("nom.db"), STORE_READ, &store), 0);
    assert_int_equal(store_session_begin(store, &session), -STORE_EOPEN);
    store_close(store);
}

/* Runs check in a child that is not root; its failures are ours. */
static void as_nobody(void (*check)(void)) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
            _exit(2);
        check();
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("not as expected in a read-only folder: status %d", status);
}

static int outcome(const char *name, enum store_mode mode, const char *words) {
    struct store *store = NULL;
    int result = store_open(scratch_path(name), mode, &store);
    if (words && !strstr(store_error_text(store), words)) {
        fprintf(stderr, "%s\n", store_error_text(store));
        _exit(3);
    }
    if (result == 0 && mode == STORE_READ) {
        struct store_session session;
        result = store_session_get(store, 1, &session);
    }
    store_close(store);
    return result;
}

/* A schema of two versions: the second adds a column, a table and moves data. */
struct thing {
    uint32_t weight_kg;
    char name[16];
};
#define THING(since, kind, member)                                                                 \
    {                                                                                              \
        since, STORE_##kind, #member, offsetof(struct thing, member),                              \
            sizeof(((struct thing *)0)->member)                                                    \
    }
static const struct store_field thing_fields[] = {THING(1, U32, weight_kg), THING(2, TEXT, name)};
static const struct store_table thing = {1,    "thing",      "id INTEGER PRIMARY KEY",
                                         "id", thing_fields, 2};
static const struct store_field part_fields[] = {THING(2, U32, weight_kg)};
static const struct store_table part = {2, "part", "id INTEGER PRIMARY KEY", "id", part_fields, 1};
static const struct store_table *const things[] = {&thing, &part};
static const char *const thing_scripts[] = {"", "UPDATE thing SET name = 'old ' || weight_kg;"};
static const char *const broken_scripts[] = {"", "UPDATE nothing SET name = 1;"};

static void migrate_through(const char *path, const struct store_schema *schema, int expected,
                            int version) {
    struct store store = {.path = (char *)(uintptr_t)path};
    int now = -1;
    assert_int_equal(sqlite3_open(path, &store.db), SQLITE_OK);
    sqlite3_extended_result_codes(store.db, 1);
    int result = store_schema_migrate(&store, schema);
    if (result != expected)
        fail_msg("%d: %s", result, store.error);
    assert_int_equal(store_schema_version(&store, schema, &now), 0);
    assert_int_equal(now, version);
    sqlite3_close(store.db);
}

/* A file as the nomctl of schema 1 left it. */
static void make_version_1(const char *path) {
    struct store_schema one = store_schema;
    one.version = 1;
    migrate_through(path, &one, 0, 1);
    run_sql(path, "INSERT INTO session (command) VALUES ('profile');"
                  "INSERT INTO trial (session_id, delay_us, status) VALUES (1, 8.0, 'ok');"
                  "PRAGMA journal_mode = WAL");
}

static int expect_8_us(void *context, int64_t id, const struct trial *trial) {
    (void)context;
    return id == 1 && trial->settings.delay_us == 8.0 && trial->result.status == TRIAL_OK ? 0 : 1;
}

static void an_older_file_is_brought_up_to_date(void **state) {
    (void)state;
    for (enum store_mode mode = STORE_READ; mode <= STORE_WRITE; mode++) {
        const char *path = scratch_path(mode == STORE_READ ? "read.db" : "write.db");
        struct store *store = NULL;
        int version = 0;
        make_version_1(path);
        int result = store_open(path, mode, &store);
        if (result != 0)
            fail_msg("%d: %s", result, store_error_text(store));
        assert_int_equal(store_schema_version(store, &store_schema, &version), 0);
        assert_int_equal(version, store_schema.version);
        assert_int_equal(store_trials(store, 1, 1, expect_8_us, NULL), 0);
        store_close(store);
    }
}

static void try_read_only_folder(void) {
    if (outcome("locked/new.db", STORE_WRITE, "locked/new.db") != -STORE_EOPEN)
        _exit(4);
    if (outcome("locked/new/new.db", STORE_WRITE, "Permission denied") != -STORE_EOPEN)
        _exit(5);
    if (outcome("locked/nom.db", STORE_WRITE, "locked/nom.db") != -STORE_EOPEN)
        _exit(6);
    if (outcome("locked/what?#%.db", STORE_READ, NULL) != 0)
        _exit(7);
    if (outcome("locked/nom.db", STORE_READ, NULL) != 0)
        _exit(8);
    if (store_schema.version > 1 &&
        outcome("locked/old.db", STORE_READ, "older nomctl (schema 1") != -STORE_EOPEN)
        _exit(10);
    if (outcome("hidden/nom.db", STORE_READ, "Permission denied") != -STORE_EOPEN)
        _exit(9);
}

static void a_read_only_folder(void **state) {
    (void)state;
    static const char *const names[] = {"locked/nom.db", "locked/what?#%.db", "hidden/nom.db"};
    for (size_t i = 0; i < 3; i++) {
        struct store *store = NULL;
        struct store_session session = {.command = "profile"};
        assert_int_equal(store_open(scratch_path(names[i]), STORE_WRITE, &store), 0);
        assert_int_equal(store_session_begin(store, &session), 0);
        store_close(store);
    }
    make_version_1(scratch_path("locked/old.db"));
    assert_int_equal(chmod(scratch_path("hidden"), 0), 0);
    assert_int_equal(chmod(scratch_path("locked"), 0555), 0);
    as_nobody(try_read_only_folder);
    assert_int_equal(chmod(scratch_path("hidden"), 0700), 0);
    assert_int_equal(chmod(scratch_path("locked"), 0700), 0);
}

static void a_schema_grows(void **state) {
    (void)state;
    const struct store_schema one = {things, 2, thing_scripts, 1};
    const struct store_schema two = {things, 2, thing_scripts, 2};
    const struct store_schema broken = {things, 2, broken_scripts, 2};
    const char *path = scratch_path("grows.db");

    migrate_through(path, &one, 0, 1);
    run_sql(path, "INSERT INTO thing (weight_kg) VALUES (70), (80)");
    migrate_through(path, &broken, -STORE_EDATA, 1); /* all or nothing */
    migrate_through(path, &two, 0, 2);
    migrate_through(path, &two, 0, 2);
    migrate_through(scratch_path("fresh.db"), &two, 0, 2);

    struct store store = {.path = (char *)(uintptr_t)path};
    sqlite3_stmt *statement = NULL;
    struct thing back = {0};
    assert_int_equal(sqlite3_open(path, &store.db), SQLITE_OK);
    assert_int_equal(
        store_prepare(&store, "SELECT weight_kg, name FROM thing WHERE id = 2", &statement), 0);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_int_equal(store_row_read(&store, statement, 0, &thing, &back), 0);
    assert_int_equal(back.weight_kg, 80);
    assert_string_equal(back.name, "old 80");
    sqlite3_finalize(statement);
    sqlite3_close(store.db);
    /* Both ways lead to the same columns. */
    run_sql(scratch_path("fresh.db"), "INSERT INTO thing (weight_kg, name) VALUES (1, 'new');"
                                      "INSERT INTO part (weight_kg) VALUES (2)");
    run_sql(path, "INSERT INTO part (weight_kg) VALUES (2)");
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)
    const struct CMUnitTest tests[] = {
        TEST(missing_file_and_folders),
        TEST(not_a_regular_file),
        TEST(not_a_database),
        TEST(a_database_of_another_program),
        TEST(a_newer_schema),
        TEST(an_empty_file_becomes_a_store),
        TEST(a_damaged_database),
        TEST(names_with_a_meaning_to_sqlite_are_names),
        TEST(ours_is_marked_strict_and_in_wal_mode),
        TEST(a_reader_cannot_write),
        TEST(an_older_file_is_brought_up_to_date),
        TEST(a_read_only_folder),
        TEST(a_schema_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
