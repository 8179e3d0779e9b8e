/*
 * The store while things go wrong: a writer killed in the middle, a full disk, memory that runs
 * out, several processes at once. A trial is whole or not there, and what was reported as stored
 * stays.
 */
#include "store/internal.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "scratch.h"

#define LOG_BYTES 20000

static struct store *open_store(enum store_mode mode) {
    struct store *store = NULL;
    int result = store_open(scratch_path("nom.db"), mode, &store);
    if (result != 0)
        fail_msg("store_open: %d, %s", result, store_error_text(store));
    return store;
}

/* A trial with all parts, big enough that writing it takes several steps. */
static struct trial *make_trial(void) {
    struct trial *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    t->result.latency = malloc(sizeof(*t->result.latency));
    t->result.serial_log = malloc(LOG_BYTES);
    assert_true(t->result.latency && t->result.serial_log);
    hist_init(t->result.latency);
    for (uint64_t i = 0; i < 3000; i++)
        hist_record(t->result.latency, 20000 + i * i * 31);
    memset(t->result.serial_log, 'l', LOG_BYTES - 1);
    t->result.serial_log[LOG_BYTES - 1] = '\0';
    t->result.has_statistics = true;
    return t;
}

static void free_trial(struct trial *t) {
    trial_clear(t);
    free(t);
}

struct seen {
    int64_t id[4096];
    size_t count;
};

/* Counts a trial if it has all its parts. */
static int whole(void *context, int64_t id, const struct trial *t) {
    struct seen *seen = context;
    if (!t->result.latency || t->result.latency->count != 3000 || !t->result.serial_log ||
        strlen(t->result.serial_log) != LOG_BYTES - 1 || !t->result.has_statistics)
        return 1;
    seen->id[seen->count++ % 4096] = id;
    return 0;
}

static int64_t read_number(struct store *store, const char *sql) {
    sqlite3_stmt *statement = NULL;
    assert_int_equal(store_prepare(store, sql, &statement), 0);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return number;
}

static void expect_sound(struct store *store) {
    sqlite3_stmt *statement = NULL;
    assert_int_equal(store_prepare(store, "PRAGMA integrity_check", &statement), 0);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(statement, 0), "ok");
    sqlite3_finalize(statement);
    assert_int_equal(read_number(store, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
}

static int64_t begin(struct store *store) {
    struct store_session session = {.command = "profile", .app = "nhttpd"};
    assert_int_equal(store_session_begin(store, &session), 0);
    return session.id;
}

/* In a child: adds trials for ever, tells each run id once it is stored. */
static void write_trials(int64_t session, int tell) {
    struct store *store = NULL;
    struct trial *trial = make_trial();
    int64_t id;
    if (store_open(scratch_path("nom.db"), STORE_WRITE, &store) != 0)
        _exit(2);
    while (store_trial_add(store, session, trial, &id) == 0) {
        if (write(tell, &id, sizeof(id)) != sizeof(id))
            _exit(3);
    }
    fprintf(stderr, "%s\n", store_error_text(store));
    _exit(4);
}

static pid_t start_writer(int64_t session, int *told) {
    int end[2];
    assert_int_equal(pipe(end), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(end[0]);
        write_trials(session, end[1]);
    }
    close(end[1]);
    *told = end[0];
    return child;
}

static void kill_writer(pid_t writer) {
    int status;
    kill(writer, SIGKILL);
    assert_int_equal(waitpid(writer, &status, 0), writer);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void a_killed_writer_leaves_exactly_its_finished_trials(void **state) {
    (void)state;
    enum { ROUNDS = 12 };
    for (int round = 0; round < ROUNDS; round++) {
        struct store *store = open_store(STORE_WRITE);
        int64_t session = begin(store), id = 0, last = 0;
        store_close(store);
        size_t finished = 0;
        int told;
        pid_t writer = start_writer(session, &told);
        while (finished < 2 && read(told, &id, sizeof(id)) == sizeof(id))
            finished++, last = id;
        /* Another moment within a trial's writing each round. */
        nanosleep(&(struct timespec){.tv_nsec = 137000L * round}, NULL);
        kill_writer(writer);
        while (read(told, &id, sizeof(id)) == sizeof(id))
            finished++, last = id;
        close(told);

        store = open_store(round % 2 ? STORE_WRITE : STORE_READ);
        struct seen *seen = calloc(1, sizeof(*seen));
        assert_non_null(seen);
        assert_int_equal(store_trials(store, session, 1, whole, seen), 0);
        /* The kill may fall between the commit and its being told. */
        assert_in_range(seen->count, finished, finished + 1);
        assert_int_equal(seen->id[finished - 1], last);
        expect_sound(store);
        assert_int_equal(read_number(store, "SELECT (SELECT count(*) FROM trial) ="
                                            " (SELECT count(*) FROM trial_log) AND"
                                            " (SELECT count(*) FROM trial) ="
                                            " (SELECT count(*) FROM trial_histogram)"),
                         1);
        free(seen);
        store_close(store);
    }
}

static void a_reader_reads_while_a_writer_writes(void **state) {
    (void)state;
    struct store *writing = open_store(STORE_WRITE);
    int64_t session = begin(writing), id;
    int told;
    pid_t writer = start_writer(session, &told);
    struct store *reader = open_store(STORE_READ);
    struct seen *seen = calloc(1, sizeof(*seen));
    assert_non_null(seen);
    size_t before = 0;
    for (int turn = 0; turn < 20; turn++) {
        assert_int_equal(read(told, &id, sizeof(id)), sizeof(id));
        seen->count = 0;
        int result = store_trials(reader, session, 1, whole, seen);
        if (result != 0)
            fail_msg("turn %d: %d, %s", turn, result, store_error_text(reader));
        /* What was told is seen, whole, and nothing is lost again. */
        assert_true(seen->count >= before && seen->count >= (size_t)turn + 1);
        before = seen->count;
    }
    kill_writer(writer);
    close(told);
    free(seen);
    store_close(reader);
    store_close(writing);
}

static void a_full_disk_loses_nothing_that_was_stored(void **state) {
    (void)state;
    struct store *store = open_store(STORE_WRITE);
    struct trial *trial = make_trial();
    struct seen *seen = calloc(1, sizeof(*seen));
    assert_non_null(seen);
    int64_t session = begin(store), id = 0, other = 0;
    assert_int_equal(store_trial_add(store, session, trial, &id), 0);

    /* The file may grow by so many pages and no further; a trial needs more. */
    int64_t pages = read_number(store, "PRAGMA page_count");
    for (int more = 0; more < 8; more++) {
        char sql[64];
        snprintf(sql, sizeof(sql), "PRAGMA max_page_count = %d", (int)pages + more);
        assert_int_equal(store_exec(store, sql, "limit"), 0);
        assert_int_equal(store_trial_add(store, session, trial, &other), -STORE_EIO);
        assert_non_null(strstr(store_error_text(store), "no space left"));
        assert_non_null(strstr(store_error_text(store), "nom.db"));
        assert_int_equal(other, 0);
        seen->count = 0;
        assert_int_equal(store_trials(store, session, 1, whole, seen), 0);
        assert_int_equal(seen->count, 1);
    }
    expect_sound(store);
    /* Room again: the same connection goes on. */
    assert_int_equal(store_exec(store, "PRAGMA max_page_count = 1000000", "limit"), 0);
    assert_int_equal(store_trial_add(store, session, trial, &other), 0);
    assert_true(other > id);
    free(seen);
    free_trial(trial);
    store_close(store);
}

static void memory_that_runs_out_is_an_error(void **state) {
    (void)state;
    struct store *store = open_store(STORE_WRITE);
    struct trial *trial = make_trial();
    int64_t session = begin(store), id = 0;
    int refused = 0;
    for (int kib = 0; kib < 400; kib += 8) {
        sqlite3_db_release_memory(store->db);
        sqlite3_hard_heap_limit64(sqlite3_memory_used() + kib * 1024);
        int result = store_trial_add(store, session, trial, &id);
        sqlite3_hard_heap_limit64(0);
        if (result != 0) {
            assert_int_equal(result, -STORE_ENOMEM);
            refused++;
        }
    }
    assert_true(refused > 0);
    assert_int_equal(store_trial_add(store, session, trial, &id), 0);
    struct seen *seen = calloc(1, sizeof(*seen));
    assert_non_null(seen);
    assert_int_equal(store_trials(store, session, 1, whole, seen), 0);
    assert_int_equal(seen->count, (size_t)(51 - refused));
    expect_sound(store);
    free(seen);
    free_trial(trial);
    store_close(store);
}

static void a_lock_held_too_long_is_busy(void **state) {
    (void)state;
    struct store *store = open_store(STORE_WRITE), *holder = open_store(STORE_WRITE);
    struct trial *trial = make_trial();
    int64_t session = begin(store), id = 0;
    sqlite3_busy_timeout(store->db, 30);
    assert_int_equal(store_begin(holder), 0);
    assert_int_equal(store_trial_add(store, session, trial, &id), -STORE_EBUSY);
    assert_non_null(strstr(store_error_text(store), "another process holds its lock"));
    assert_int_equal(store_session_end(store, session), -STORE_EBUSY);
    assert_int_equal(store_finish(holder, 0), 0);
    assert_int_equal(store_trial_add(store, session, trial, &id), 0);
    free_trial(trial);
    store_close(holder);
    store_close(store);
}

static void several_create_and_write_at_once(void **state) {
    (void)state;
    enum { WRITERS = 6, EACH = 5 };
    pid_t child[WRITERS];
    struct trial *trial = make_trial();
    for (int i = 0; i < WRITERS; i++) {
        child[i] = fork();
        assert_true(child[i] >= 0);
        if (child[i] == 0) {
            struct store *store = NULL;
            struct store_session session = {.command = "profile"};
            int64_t id;
            int result = store_open(scratch_path("nom.db"), STORE_WRITE, &store);
            if (result == 0)
                result = store_session_begin(store, &session);
            for (int n = 0; n < EACH && result == 0; n++)
                result = store_trial_add(store, session.id, trial, &id);
            if (result != 0)
                fprintf(stderr, "%d %s\n", result, store_error_text(store));
            store_close(store);
            _exit(result != 0);
        }
    }
    for (int i = 0; i < WRITERS; i++) {
        int status = -1;
        assert_int_equal(waitpid(child[i], &status, 0), child[i]);
        assert_int_equal(status, 0);
    }
    struct store *store = open_store(STORE_READ);
    assert_int_equal(read_number(store, "SELECT count(*) FROM trial"), WRITERS * EACH);
    assert_int_equal(read_number(store, "SELECT count(*) FROM session"), WRITERS);
    expect_sound(store);
    free_trial(trial);
    store_close(store);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_killed_writer_leaves_exactly_its_finished_trials),
        TEST(a_reader_reads_while_a_writer_writes),
        TEST(a_full_disk_loses_nothing_that_was_stored),
        TEST(memory_that_runs_out_is_an_error),
        TEST(a_lock_held_too_long_is_busy),
        TEST(several_create_and_write_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
