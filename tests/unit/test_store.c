/*
 * What goes into the store comes out: every field of every struct, with a value of its own, through
 * a database that was closed in between. And that the field lists name every byte of the structs.
 */
#include "store/internal.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scratch.h"

static struct store *open_store(enum store_mode mode) {
    struct store *store = NULL;
    int result = store_open(scratch_path("a/b/nom.db"), mode, &store);
    if (result != 0)
        fail_msg("store_open: %d, %s", result, store_error_text(store));
    return store;
}

static void must(struct store *store, int result) {
    if (result != 0)
        fail_msg("%d: %s", result, store_error_text(store));
}

/* A value that no other field has, at the edges of its type for small n. */
static void fill(const struct store_table *table, void *row, unsigned salt) {
    for (size_t i = 0; i < table->count; i++) {
        const struct store_field *f = &table->fields[i];
        char *member = (char *)row + f->offset;
        uint64_t n = salt + i + 1;
        switch (f->kind) {
        case STORE_TEXT:
            snprintf(member, f->bytes, "%u '%.20s' \"\\ \u00b5", (unsigned)n, f->column);
            break;
        case STORE_BOOL:
            *(bool *)member = true;
            break;
        case STORE_U32:
            *(uint32_t *)(void *)member = UINT32_MAX - (uint32_t)n;
            break;
        case STORE_I32:
            *(int32_t *)(void *)member = -(int32_t)n;
            break;
        case STORE_I64:
            *(int64_t *)(void *)member = INT64_MIN + (int64_t)n;
            break;
        case STORE_U64:
            *(uint64_t *)(void *)member = UINT64_MAX - n;
            break;
        case STORE_REAL:
            *(double *)(void *)member = 1.0 / 3.0 + (double)n * 1e-9;
            break;
        case STORE_STATUS:
            *(enum trial_status *)(void *)member = TRIAL_NOISY;
            break;
        }
    }
}

static void assert_same(const struct store_table *table, const void *a, const void *b) {
    for (size_t i = 0; i < table->count; i++) {
        const struct store_field *f = &table->fields[i];
        const char *x = (const char *)a + f->offset, *y = (const char *)b + f->offset;
        if (f->kind == STORE_TEXT ? strcmp(x, y) != 0 : memcmp(x, y, f->bytes) != 0)
            fail_msg("%s.%s differs", table->name, f->column);
    }
}

static struct hist *make_hist(uint64_t first_ns) {
    struct hist *h = malloc(sizeof(*h));
    assert_non_null(h);
    hist_init(h);
    for (uint64_t i = 0; i < 500; i++)
        hist_record(h, first_ns + i * i * 977);
    return h;
}

static int64_t begin(struct store *store, const char *command, const char *app, const char *accel) {
    struct store_session s = {.target = "nom"};
    snprintf(s.command, sizeof(s.command), "%s", command);
    snprintf(s.app, sizeof(s.app), "%s", app);
    snprintf(s.accel, sizeof(s.accel), "%s", accel);
    must(store, store_session_begin(store, &s));
    return s.id;
}

static int64_t add(struct store *store, int64_t session, enum trial_status status) {
    struct trial t = {.result.status = status};
    int64_t id = 0;
    must(store, store_trial_add(store, session, &t, &id));
    return id;
}

/* Walks of store_trials, remembered. */
struct walk {
    struct trial first;
    struct hist latency;
    char log[64];
    int64_t id[16];
    int count, stop_after;
    bool had_latency, had_log;
};

static int step(void *context, int64_t id, const struct trial *trial) {
    struct walk *walk = context;
    if (walk->count == 0) {
        walk->first = *trial;
        walk->had_latency = trial->result.latency != NULL;
        walk->had_log = trial->result.serial_log != NULL;
        if (walk->had_latency)
            walk->latency = *trial->result.latency;
        if (walk->had_log)
            snprintf(walk->log, sizeof(walk->log), "%s", trial->result.serial_log);
    }
    walk->id[walk->count++ % 16] = id;
    return walk->count == walk->stop_after ? 77 : 0;
}

/* Bytes of a struct that no field covers, but for what is allowed and what can be padding: a few
 * before an aligned place. */
static void check_cover(const struct store_table *table, size_t struct_bytes, const size_t *allowed,
                        size_t allowed_count) {
    char *covered = calloc(1, struct_bytes);
    assert_non_null(covered);
    for (size_t i = 0; i < table->count; i++) {
        const struct store_field *f = &table->fields[i];
        for (size_t b = f->offset; b < f->offset + f->bytes; b++) {
            if (covered[b]++)
                fail_msg("%s.%s: its bytes are another column's too", table->name, f->column);
        }
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(table->fields[j].column, f->column);
        static const size_t size[] = {
            [STORE_BOOL] = 1, [STORE_U32] = 4,  [STORE_I32] = 4,   [STORE_I64] = 8,
            [STORE_U64] = 8,  [STORE_REAL] = 8, [STORE_STATUS] = 4};
        if (f->kind != STORE_TEXT)
            assert_int_equal(f->bytes, size[f->kind]);
    }
    for (size_t i = 0; i < allowed_count; i++)
        memset(covered + allowed[2 * i], 1, allowed[2 * i + 1]);
    for (size_t b = 0; b < struct_bytes;) {
        size_t from = b;
        while (b < struct_bytes && !covered[b])
            b++;
        if (b > from && (b - from >= 8 || b % 4 != 0 || (b - from >= 4 && from % 8 == 0)))
            fail_msg("%s: no column for bytes %zu to %zu", table->name, from, b);
        b += b < struct_bytes;
    }
    free(covered);
}

static void lists_name_every_member(void **state) {
    (void)state;
    const size_t session[] = {offsetof(struct store_session, id), 8};
    const size_t trial[] = {
        offsetof(struct trial, result.serial_log),     sizeof(char *),
        offsetof(struct trial, result.latency),        sizeof(struct hist *),
        offsetof(struct trial, result.has_statistics), sizeof(bool),
        offsetof(struct trial, result.statistics),     sizeof(struct nom_statistics)};
    /* Prices of uses there are not yet. */
    const size_t statistics[] = {offsetof(struct nom_statistics, price_usd[2]),
                                 (NOM_USES_MAX - 2) * sizeof(double)};
    const size_t phase[] = {offsetof(struct store_phase, trial_id), 8,
                            offsetof(struct store_phase, utility.reserved), 4};
    check_cover(&store_table_session, sizeof(struct store_session), session, 1);
    check_cover(&store_table_trial, sizeof(struct trial), trial, 4);
    check_cover(&store_table_statistics, sizeof(struct nom_statistics), statistics, 1);
    check_cover(&store_table_phase, sizeof(struct store_phase), phase, 2);
}

static void every_field_comes_back(void **state) {
    (void)state;
    struct store_session session = {0}, session_back;
    struct trial trial = {0};
    struct walk *walk = calloc(1, sizeof(*walk));
    int64_t id = 0;
    assert_non_null(walk);
    fill(&store_table_session, &session, 100);
    fill(&store_table_trial, &trial, 200);
    fill(&store_table_statistics, &trial.result.statistics, 300);
    trial.result.has_statistics = true;
    trial.result.latency = make_hist(28000);
    trial.result.serial_log = strdup("nom: 1 core\r\nnom: exception 13\n\x80\xff");

    struct store *store = open_store(STORE_WRITE);
    must(store, store_session_begin(store, &session));
    assert_true(session.id > 0);
    must(store, store_trial_add(store, session.id, &trial, &id));
    assert_true(id > 0);
    store_close(store);

    store = open_store(STORE_READ);
    must(store, store_session_get(store, session.id, &session_back));
    assert_int_equal(session_back.id, session.id);
    assert_same(&store_table_session, &session, &session_back);
    must(store, store_trials(store, session.id, 1, step, walk));
    assert_int_equal(walk->count, 1);
    assert_int_equal(walk->id[0], id);
    assert_same(&store_table_trial, &trial, &walk->first);
    assert_true(walk->first.result.has_statistics);
    assert_same(&store_table_statistics, &trial.result.statistics, &walk->first.result.statistics);
    assert_true(walk->had_latency);
    assert_memory_equal(trial.result.latency, &walk->latency, sizeof(walk->latency));
    assert_string_equal(walk->log, trial.result.serial_log);

    memset(walk, 0, sizeof(*walk));
    must(store, store_trials(store, session.id, 0, step, walk));
    assert_false(walk->had_latency || walk->had_log);
    assert_same(&store_table_trial, &trial, &walk->first);
    store_close(store);
    trial_clear(&trial);
    free(walk);
}

static void what_a_trial_lacks_stays_lacking(void **state) {
    (void)state;
    struct walk *walk = calloc(1, sizeof(*walk));
    struct trial trial = {.result = {.status = TRIAL_FAILED,
                                     .error = "no answer",
                                     .jitter_us = NAN,
                                     .throughput_ops = INFINITY}};
    int64_t id = 0;
    assert_non_null(walk);
    struct store *store = open_store(STORE_WRITE);
    int64_t session = begin(store, "profile", "nhttpd", "tcg");
    must(store, store_trial_add(store, session, &trial, &id));
    must(store, store_trials(store, session, 1, step, walk));
    assert_false(walk->had_latency || walk->had_log || walk->first.result.has_statistics);
    assert_int_equal(walk->first.result.status, TRIAL_FAILED);
    assert_string_equal(walk->first.result.error, "no answer");
    assert_true(isnan(walk->first.result.jitter_us));
    assert_true(isinf(walk->first.result.throughput_ops));
    store_close(store);
    free(walk);
}

static void a_status_that_is_none_is_refused(void **state) {
    (void)state;
    struct trial trial = {.result.status = (enum trial_status)9};
    int64_t id = 0;
    struct store *store = open_store(STORE_WRITE);
    int64_t session = begin(store, "profile", "nhttpd", "tcg");
    assert_int_equal(store_trial_add(store, session, &trial, &id), -STORE_EDATA);
    assert_int_equal(id, 0);
    store_close(store);
}

static void trials_come_by_id_and_a_walk_can_stop(void **state) {
    (void)state;
    struct walk *walk = calloc(1, sizeof(*walk));
    int64_t id[3];
    assert_non_null(walk);
    struct store *store = open_store(STORE_WRITE);
    int64_t one = begin(store, "profile", "nhttpd", "tcg");
    int64_t two = begin(store, "profile", "nhttpd", "tcg");
    id[0] = add(store, one, TRIAL_OK);
    add(store, two, TRIAL_OK);
    id[1] = add(store, one, TRIAL_ABORTED);
    id[2] = add(store, one, TRIAL_OK);
    must(store, store_trials(store, one, 0, step, walk));
    assert_int_equal(walk->count, 3);
    assert_memory_equal(walk->id, id, sizeof(id));

    memset(walk, 0, sizeof(*walk));
    walk->stop_after = 2;
    assert_int_equal(store_trials(store, one, 0, step, walk), 77);
    assert_int_equal(walk->count, 2);
    memset(walk, 0, sizeof(*walk));
    assert_int_equal(store_trials(store, 4711, 0, step, walk), 0);
    assert_int_equal(walk->count, 0);
    store_close(store);
    free(walk);
}

static void run_ids_are_never_used_twice(void **state) {
    (void)state;
    struct store *store = open_store(STORE_WRITE);
    int64_t session = begin(store, "profile", "nhttpd", "tcg");
    int64_t last = add(store, session, TRIAL_OK);
    must(store, store_exec(store, "DELETE FROM session", "delete"));
    int64_t other = begin(store, "profile", "nhttpd", "tcg");
    assert_true(other > session);
    assert_true(add(store, other, TRIAL_OK) > last);
    store_close(store);
}

static void latest_session_by_any_filter(void **state) {
    (void)state;
    struct store_session s;
    struct store *store = open_store(STORE_WRITE);
    assert_int_equal(store_session_latest(store, NULL, NULL, NULL, NULL, &s), -STORE_ENOENT);
    int64_t tcg = begin(store, "profile", "nhttpd", "tcg");
    int64_t kvm = begin(store, "profile", "nhttpd", "kvm");
    int64_t run = begin(store, "run", "nhttpd", "kvm");
    int64_t bad = begin(store, "profile", "nhttpd", "kvm");
    add(store, tcg, TRIAL_OK);
    add(store, kvm, TRIAL_OK);
    add(store, run, TRIAL_OK);
    add(store, bad, TRIAL_FAILED);
    add(store, bad, TRIAL_NOISY);

    must(store, store_session_latest(store, "profile", "nhttpd", NULL, NULL, &s));
    assert_int_equal(s.id, kvm);
    must(store, store_session_latest(store, "profile", "nhttpd", "nom", "tcg", &s));
    assert_int_equal(s.id, tcg);
    must(store, store_session_latest(store, NULL, NULL, NULL, NULL, &s));
    assert_int_equal(s.id, run);
    assert_int_equal(store_session_latest(store, "profile", "memcached", NULL, NULL, &s),
                     -STORE_ENOENT);
    assert_non_null(strstr(store_error_text(store), "memcached"));
    assert_int_equal(store_session_latest(store, NULL, NULL, "linux", NULL, &s), -STORE_ENOENT);
    store_close(store);
}

static void a_session_begins_and_ends(void **state) {
    (void)state;
    struct store_session s;
    struct store *store = open_store(STORE_WRITE);
    int64_t id = begin(store, "bench", "nhttpd", "kvm");
    must(store, store_session_get(store, id, &s));
    assert_true(s.started_unix_us > 1600000000000000);
    assert_int_equal(s.ended_unix_us, 0);
    must(store, store_session_end(store, id));
    must(store, store_session_get(store, id, &s));
    assert_true(s.ended_unix_us >= s.started_unix_us);
    assert_int_equal(store_session_end(store, id + 1), -STORE_ENOENT);
    assert_int_equal(store_session_get(store, id + 1, &s), -STORE_ENOENT);
    assert_non_null(strstr(store_error_text(store), "no session"));
    store_close(store);
}

static void a_trial_needs_its_session_and_a_phase_its_trial(void **state) {
    (void)state;
    struct trial trial = {.result.status = TRIAL_OK};
    int64_t id = 0;
    struct store *store = open_store(STORE_WRITE);
    assert_int_equal(store_trial_add(store, 99, &trial, &id), -STORE_ENOENT);
    struct store_phase phase = {.trial_id = 99};
    assert_int_equal(store_phase_add(store, &phase), -STORE_ENOENT);

    phase = (struct store_phase){.trial_id =
                                     add(store, begin(store, "run", "nhttpd", "kvm"), TRIAL_OK)};
    fill(&store_table_phase, &phase, 400);
    phase.utility.delta_usd_per_gbit = INFINITY;
    must(store, store_phase_add(store, &phase));
    assert_int_equal(store_phase_add(store, &phase), -STORE_EDATA); /* one phase a trial */

    sqlite3_str *text = sqlite3_str_new(NULL);
    sqlite3_str_appendall(text, "SELECT p.trial_id");
    store_row_columns(text, &store_table_phase, "p");
    sqlite3_str_appendall(text, " FROM phase AS p");
    char *sql = sqlite3_str_finish(text);
    sqlite3_stmt *statement = NULL;
    struct store_phase back = {0};
    must(store, store_prepare(store, sql, &statement));
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int64(statement, 0), phase.trial_id);
    must(store, store_row_read(store, statement, 1, &store_table_phase, &back));
    assert_same(&store_table_phase, &phase, &back);
    sqlite3_finalize(statement);
    sqlite3_free(sql);
    store_close(store);
}

/* Someone has edited the file by hand. */
static void a_row_that_makes_no_sense_is_an_error(void **state) {
    (void)state;
    static const char *const damage[] = {
        "UPDATE trial SET connections = -1",
        "UPDATE trial SET connections = 4294967296",
        "UPDATE trial SET vcpu_core = 2147483648",
        "UPDATE trial SET spinner = 2",
        "UPDATE trial SET load = 'a name that is far too long for the record to hold it'",
        "UPDATE trial_histogram SET latency_packed = x'00112233'",
        "UPDATE trial_histogram SET latency_packed = x''",
    };
    struct walk *walk = calloc(1, sizeof(*walk));
    assert_non_null(walk);
    for (size_t i = 0; i < sizeof(damage) / sizeof(damage[0]); i++) {
        struct store *store = open_store(STORE_WRITE);
        int64_t session = begin(store, "profile", "nhttpd", "tcg"), id = 0;
        struct trial trial = {.result.latency = make_hist(1000)};
        must(store, store_trial_add(store, session, &trial, &id));
        must(store, store_exec(store, damage[i], "damage"));
        memset(walk, 0, sizeof(*walk));
        if (store_trials(store, session, 1, step, walk) != -STORE_EDATA || walk->count != 0)
            fail_msg("accepted after %s", damage[i]);
        trial_clear(&trial);
        must(store, store_exec(store, "DELETE FROM session", "clear"));
        store_close(store);
    }
    free(walk);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)
    const struct CMUnitTest tests[] = {
        TEST(lists_name_every_member),
        TEST(every_field_comes_back),
        TEST(what_a_trial_lacks_stays_lacking),
        TEST(a_status_that_is_none_is_refused),
        TEST(trials_come_by_id_and_a_walk_can_stop),
        TEST(run_ids_are_never_used_twice),
        TEST(latest_session_by_any_filter),
        TEST(a_session_begins_and_ends),
        TEST(a_trial_needs_its_session_and_a_phase_its_trial),
        TEST(a_row_that_makes_no_sense_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
