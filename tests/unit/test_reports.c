/*
 * Reports of made-up sessions: what is written, that it is whole, that nothing from the database
 * becomes markup or gnuplot commands, and every way it can fail. gnuplot is the real one but where
 * a test puts another in its place.
 */
#include "reports/internal.h"
#include "reports/placement.h"
#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include <cmocka.h>

#include "scratch.h"

static char *saved_path;

static struct store *open_store(void) {
    struct store *store = NULL;
    if (store_open(scratch_path("nom.db"), STORE_WRITE, &store) != 0)
        fail_msg("%s", store_error_text(store));
    return store;
}

static int64_t begin(struct store *store, const char *app, const char *accel) {
    struct store_session s = {.command = "profile", .target = "nom", .seed = 7};
    snprintf(s.app, sizeof(s.app), "%s", app);
    snprintf(s.accel, sizeof(s.accel), "%s", accel);
    snprintf(s.arguments, sizeof(s.arguments), "%s </td><script>alert(1)</script>", app);
    snprintf(s.accel_reason, sizeof(s.accel_reason), "a & b \"c\" 'd'");
    assert_int_equal(store_session_begin(store, &s), 0);
    return s.id;
}

static struct trial made_up(const char *load, uint32_t connections, double delay_us, uint32_t kick,
                            double throughput_ops, double latency_us) {
    struct trial t = {.settings = {.connections = connections, .delay_us = delay_us, .kick = kick},
                      .result = {.throughput_ops = throughput_ops,
                                 .latency_mean_us = latency_us,
                                 .jitter_us = latency_us / 5}};
    snprintf(t.settings.load, sizeof(t.settings.load), "%s", load);
    return t;
}

static int64_t add(struct store *store, int64_t session, const struct trial *trial) {
    int64_t id = 0;
    assert_int_equal(store_trial_add(store, session, trial, &id), 0);
    return id;
}

/* A small sweep of two loads. */
static void sweep(struct store *store, int64_t session) {
    for (int repeat = 0; repeat < 3; repeat++) {
        for (int w = 0; w <= 8; w += 2) {
            struct trial t = made_up("many", 32, w, 0, 2e5 + 9e3 * w - 1e3 * w * w + 700 * repeat,
                                     120 + 3 * w + repeat);
            add(store, session, &t);
            t = made_up("single", 1, w, 0, 3e4 - 1e3 * w + 50 * repeat, 30 + w + 0.1 * repeat);
            add(store, session, &t);
        }
        struct trial strict = made_up("many", 32, 0, 1, 1.5e5, 180 + repeat);
        add(store, session, &strict);
    }
}

static char *read_file(const char *name, size_t *bytes) {
    FILE *file = fopen(scratch_path(name), "r");
    if (!file)
        fail_msg("no %s", name);
    char *text = calloc(1, 1 << 21);
    assert_non_null(text);
    *bytes = fread(text, 1, (1 << 21) - 1, file);
    fclose(file);
    return text;
}

static void expect_text(const char *text, const char *part, int expected) {
    if ((strstr(text, part) != NULL) != expected)
        fail_msg("%s: %s", expected ? "missing" : "should not be there", part);
}

static int count_files(const char *name, const char *part) {
    DIR *dir = opendir(scratch_path(name));
    int count = 0;
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        count += entry->d_name[0] != '\0' && strstr(entry->d_name, part) != NULL;
    if (dir)
        closedir(dir);
    return count;
}

static void write_report(struct store *store, int64_t session, const char *name) {
    char why[300] = "", expected[300], *index = NULL;
    int result = report_write(store, session, scratch_path(name), &index, why, sizeof(why));
    if (result != 0)
        fail_msg("%d: %s", result, why);
    snprintf(expected, sizeof(expected), "%s/index.html", scratch_path(name));
    assert_string_equal(index, expected);
    free(index);
}

static void expect_failure(struct store *store, int64_t session, const char *dir, int error,
                           const char *words) {
    char why[400] = "", *index = (char *)1;
    int result = report_write(store, session, dir, &index, why, sizeof(why));
    if (result != -error || !strstr(why, words) || strchr(why, '\n'))
        fail_msg("%d: %s; expected %d: %s", result, why, -error, words);
    assert_null(index);
}

static void a_whole_report(void **state) {
    (void)state;
    static const char *const names[] = {"delay-many-32", "plane-many-32", "delay-single-1",
                                        "plane-single-1"};
    struct store *store = open_store();
    int64_t session = begin(store, "nhttpd", "tcg");
    size_t bytes;
    sweep(store, session);
    struct trial bad = made_up("many", 32, 4, 0, 0, 0);
    bad.result.status = TRIAL_FAILED;
    snprintf(bad.result.error, sizeof(bad.result.error), "guest <ended> & \"why\"");
    int64_t bad_id = add(store, session, &bad);
    bad.result.status = TRIAL_NOISY;
    snprintf(bad.result.error, sizeof(bad.result.error), "others used 0.9 cores");
    add(store, session, &bad);
    write_report(store, session, "new/out");

    assert_int_equal(count_files("new/out", ".svg"), 4);
    assert_int_equal(count_files("new/out", ".png"), 4);
    assert_int_equal(count_files("new/out", ".tmp"), 0);
    for (int i = 0; i < 4; i++) {
        char name[80];
        snprintf(name, sizeof(name), "new/out/%s.svg", names[i]);
        char *svg = read_file(name, &bytes);
        expect_text(svg, "</svg>", 1);
        expect_text(svg, "session 1, runs", 1);
        expect_text(svg, "nhttpd on nom (tcg)", 1);
        free(svg);
        snprintf(name, sizeof(name), "new/out/%s.png", names[i]);
        char *png = read_file(name, &bytes);
        assert_memory_equal(png, "\x89PNG\r\n\x1a\n", 8);
        assert_memory_equal(png + bytes - 8, "IEND\xae\x42\x60\x82", 8);
        free(png);
    }

    char *page = read_file("new/out/index.html", &bytes);
    expect_text(page, "<!DOCTYPE html>", 1);
    assert_string_equal(page + bytes - 8, "</html>\n");
    expect_text(page, "32 connections (many)", 1);
    expect_text(page, "1 connection (single)", 1);
    expect_text(page, "QEMU translates the guest", 1);
    expect_text(page, "nomctl profile nhttpd &lt;/td&gt;&lt;script&gt;", 1);
    expect_text(page, "a &amp; b &quot;c&quot; &#39;d&#39;", 1);
    expect_text(page, "guest &lt;ended&gt; &amp; &quot;why&quot;", 1);
    expect_text(page, "others used 0.9 cores", 1);
    expect_text(page, "<p>2 of 35 runs.", 1);
    char cell[40];
    snprintf(cell, sizeof(cell), "<tr><td>%d</td><td>32</td>", (int)bad_id);
    expect_text(page, cell, 1);
    expect_text(page, "<script", 0);
    expect_text(page, "<?xml", 0);
    expect_text(page, "<img", 0);
    expect_text(page, "<link", 0);
    expect_text(page, "@import", 0);
    expect_text(page, "src=", 0);
    expect_text(page, "debug build", 0);
    expect_text(page, "runs that count, other programs", 0);
    /* The best W of the parabola is 4 (2e5 + 36e3 - 16e3 + 700 in the middle run). */
    expect_text(page, "Most throughput: W = 4 \u00b5s, 220700 requests/s", 1);
    free(page);
    store_close(store);
}

static void ids_in_the_page_are_unique(void **state) {
    (void)state;
    struct store *store = open_store();
    int64_t session = begin(store, "nhttpd", "tcg");
    size_t bytes, count = 0;
    sweep(store, session);
    write_report(store, session, "out");
    char *page = read_file("out/index.html", &bytes);
    char(*seen)[96] = calloc(1000, sizeof(*seen));
    assert_non_null(seen);
    for (char *c = page; (c = strpbrk(c, " ")) != NULL; c++) {
        if (strncmp(c, " id=", 4) != 0)
            continue;
        snprintf(seen[count], sizeof(seen[count]), "%.*s", (int)strcspn(c + 5, "'\""), c + 5);
        for (size_t i = 0; i < count; i++)
            assert_string_not_equal(seen[i], seen[count]);
        assert_true(++count < 1000);
    }
    assert_true(count > 50);
    /* And what they are named by names one of them. */
    for (char *c = page; (c = strstr(c, "href='#")) != NULL; c++) {
        char name[96];
        size_t i = 0;
        snprintf(name, sizeof(name), "%.*s", (int)strcspn(c + 7, "'"), c + 7);
        while (i < count && strcmp(seen[i], name) != 0)
            i++;
        if (i == count)
            fail_msg("nothing is named %s", name);
    }
    free(seen);
    free(page);
    store_close(store);
}

/* Names and numbers that would mean something to gnuplot, a shell or a file system. */
static void hostile_names_are_only_names(void **state) {
    (void)state;
    struct store *store = open_store();
    int64_t session = begin(store, "'; system('touch x') #\n", "`id`$(id)\"\\");
    struct trial t = made_up("../../x'y\n<b>", 3, 1.5, 0, 1000, 10);
    add(store, session, &t);
    write_report(store, session, "it's \"here\"/$(x)");
    assert_int_equal(count_files("it's \"here\"/$(x)", ".svg"), 2);
    assert_int_not_equal(access("x", F_OK), 0);
    assert_int_equal(count_files("", "x"), 0);
    size_t bytes;
    char *page = read_file("it's \"here\"/$(x)/index.html", &bytes);
    expect_text(page, "<b>", 0);
    expect_text(page, "system(&#39;touch x&#39;)", 1);
    free(page);
    store_close(store);
}

/* Few points, equal points, points that are not numbers: still a report. */
static void thin_sessions(void **state) {
    (void)state;
    struct store *store = open_store();
    int64_t one = begin(store, "nhttpd", "kvm");
    struct trial t = made_up("many", 32, 0, 1, 5e4, 90);
    t.settings.debug_build = true;
    t.result.host_other_cpu = 0.87;
    add(store, one, &t);
    write_report(store, one, "one");
    size_t bytes;
    char *page = read_file("one/index.html", &bytes);
    expect_text(page, "debug build", 1);
    expect_text(page, "In 1 of the runs that count", 1);
    expect_text(page, "at most 0.87", 1);
    expect_text(page, "QEMU translates", 0);
    expect_text(page, "one run", 1);
    free(page);

    int64_t equal = begin(store, "nhttpd", "kvm");
    for (int i = 0; i < 40; i++) {
        t = made_up("8", 8, i, 0, 1e5, 80);
        add(store, equal, &t);
    }
    t = made_up("8", 8, 41, 0, NAN, INFINITY);
    add(store, equal, &t);
    write_report(store, equal, "equal");
    assert_int_equal(count_files("equal", "delay-8."), 2);

    int64_t nothing = begin(store, "nhttpd", "kvm");
    t = made_up("8", 8, 0, 0, NAN, NAN);
    add(store, nothing, &t);
    expect_failure(store, nothing, scratch_path("nothing"), REPORT_EDATA, "no point");
    store_close(store);
}

static void no_good_trial(void **state) {
    (void)state;
    struct store *store = open_store();
    int64_t session = begin(store, "nhttpd", "kvm");
    expect_failure(store, session, scratch_path("out"), REPORT_EDATA, "no good trial");
    struct trial t = made_up("many", 32, 0, 0, 0, 0);
    t.result.status = TRIAL_FAILED;
    snprintf(t.result.error, sizeof(t.result.error), "QEMU\nended");
    add(store, session, &t);
    expect_failure(store, session, scratch_path("out"), REPORT_EDATA, "QEMU ended");
    expect_failure(store, session + 1, scratch_path("out"), REPORT_ESTORE, "no session");
    assert_int_not_equal(access(scratch_path("out"), F_OK), 0);
    store_close(store);
}

static void directories_that_cannot_be_written(void **state) {
    (void)state;
    struct store *store = open_store();
    int64_t session = begin(store, "nhttpd", "kvm");
    sweep(store, session);
    expect_failure(store, session, scratch_path("nom.db"), REPORT_EDIR, "nom.db");
    expect_failure(store, session, scratch_path("nom.db/out"), REPORT_EDIR, "Not a directory");
    expect_failure(store, session, "/proc/nom/out", REPORT_EDIR, "/proc/nom/out: cannot be made");
    expect_failure(store, session, "", REPORT_EDIR, "cannot be made");
    expect_failure(store, session, "/proc", REPORT_EDIR, "/proc");
    /* One name is taken by a directory: no index that lacks its figures, nothing half made. */
    assert_int_equal(mkdir(scratch_path("out"), 0777), 0);
    assert_int_equal(mkdir(scratch_path("out/plane-many-32.png"), 0777), 0);
    expect_failure(store, session, scratch_path("out"), REPORT_EDIR, "plane-many-32.png");
    assert_int_equal(count_files("out", "index.html"), 0);
    assert_int_equal(count_files("out", ".tmp"), 0);
    store_close(store);
}

static void use_gnuplot(const char *script) {
    saved_path = strdup(getenv("PATH"));
    assert_int_equal(mkdir(scratch_path("bin"), 0777), 0);
    if (script) {
        FILE *file = fopen(scratch_path("bin/gnuplot"), "w");
        assert_non_null(file);
        fprintf(file, "#!/bin/sh\n%s\n", script);
        fclose(file);
        assert_int_equal(chmod(scratch_path("bin/gnuplot"), 0755), 0);
    }
    setenv("PATH", scratch_path("bin"), 1);
}

static int restore(void **state) {
    if (saved_path)
        setenv("PATH", saved_path, 1);
    free(saved_path);
    saved_path = NULL;
    return scratch_teardown(state);
}

/* An old report stays as it was. */
static void with_gnuplot(const char *script, const char *words) {
    struct store *store = open_store();
    int64_t session = begin(store, "nhttpd", "kvm");
    size_t before_bytes, after_bytes;
    sweep(store, session);
    write_report(store, session, "out");
    char *before = read_file("out/index.html", &before_bytes);
    struct trial t = made_up("many", 32, 9, 0, 1e6, 10);
    add(store, session, &t);
    use_gnuplot(script);
    expect_failure(store, session, scratch_path("out"), REPORT_EGNUPLOT, words);
    char *after = read_file("out/index.html", &after_bytes);
    assert_int_equal(before_bytes, after_bytes);
    assert_memory_equal(before, after, after_bytes);
    assert_int_equal(count_files("out", ".tmp"), 0);
    free(before);
    free(after);
    store_close(store);
}

static void gnuplot_missing(void **state) {
    (void)state;
    with_gnuplot(NULL, "install the package gnuplot-nox");
}
static void gnuplot_fails(void **state) {
    (void)state;
    with_gnuplot("echo 'line 3: unknown terminal' >&2; exit 3",
                 "gnuplot failed (status 3): line 3: unknown terminal");
}
static void gnuplot_is_killed(void **state) {
    (void)state;
    with_gnuplot("kill -9 $$", "gnuplot failed (signal 9)");
}
static void gnuplot_draws_nothing(void **state) {
    (void)state;
    with_gnuplot("echo 'no terminal' >&2; exit 0", "gnuplot drew nothing: no terminal");
}

static void a_second_report_replaces_the_first(void **state) {
    (void)state;
    struct store *store = open_store();
    int64_t session = begin(store, "nhttpd", "kvm");
    sweep(store, session);
    /* What a killed report may have left. */
    assert_int_equal(mkdir(scratch_path("out"), 0777), 0);
    FILE *left = fopen(scratch_path("out/.index.html.tmp"), "w");
    assert_non_null(left);
    fputs("half", left);
    fclose(left);
    write_report(store, session, "out");
    int64_t second = begin(store, "nhttpd", "kvm");
    sweep(store, second);
    write_report(store, second, "out");
    size_t bytes;
    char *page = read_file("out/index.html", &bytes);
    expect_text(page, "<title>nhttpd on nom: session 2</title>", 1);
    assert_int_equal(count_files("out", ".tmp"), 0);
    /* The directory's lock is not kept. */
    int fd = open(scratch_path("out"), O_RDONLY | O_DIRECTORY);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    close(fd);
    free(page);
    store_close(store);
}

static void run_ids_in_short(void **state) {
    (void)state;
    static const struct {
        int64_t ids[8];
        size_t count, bytes;
        const char *text;
    } cases[] = {
        {{5}, 1, 40, "5"},
        {{5, 6}, 2, 40, "5, 6"},
        {{7, 5, 6}, 3, 40, "5-7"},
        {{1, 2, 3, 9, 11, 12}, 6, 40, "1-3, 9, 11, 12"},
        {{10, 20, 30, 40, 50, 60}, 6, 14, "6 of 10-60"},
        {{0}, 0, 40, "0 runs"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[40];
        report_runs(cases[i].ids, cases[i].count, text, cases[i].bytes);
        assert_string_equal(text, cases[i].text);
    }
}

static int overlap(const struct placement_box *a, const struct placement_box *b) {
    return a->left < b->right && b->left < a->right && a->bottom < b->top && b->bottom < a->top;
}

static void labels_cover_nothing(void **state) {
    (void)state;
    struct placement *p = calloc(1, sizeof(*p));
    assert_non_null(p);
    p->area = (struct placement_box){0, 0, 200, 200};
    for (int i = 0; i < 20; i++)
        placement_add(p, (struct placement_box){10.0 * i, 100, 10.0 * i + 8, 108});
    placement_add_line(p, 0, 0, 200, 200);
    size_t fixed = p->count, placed = 0;
    for (int i = 0; i < 20; i++) {
        double x, y;
        if (!placement_find(p, 10.0 * i + 4, 104, 16, 12, 40, &x, &y))
            continue;
        placed++;
        assert_true(fabs(x - 10.0 * i - 4) <= 48 && fabs(y - 104) <= 46);
        const struct placement_box *label = &p->box[p->count - 1];
        assert_true(label->left >= 0 && label->right <= 200 && label->top <= 200);
        for (size_t j = 0; j + 1 < p->count; j++)
            assert_false(overlap(label, &p->box[j]));
    }
    assert_true(placed >= 10);
    assert_int_equal(p->count, fixed + placed);
    /* No room at all. */
    double x, y;
    p->area = (struct placement_box){0, 0, 10, 10};
    assert_int_equal(placement_find(p, 5, 5, 16, 12, 40, &x, &y), 0);
    free(p);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, restore)
    const struct CMUnitTest tests[] = {
        TEST(a_whole_report),
        TEST(ids_in_the_page_are_unique),
        TEST(hostile_names_are_only_names),
        TEST(thin_sessions),
        TEST(no_good_trial),
        TEST(directories_that_cannot_be_written),
        TEST(gnuplot_missing),
        TEST(gnuplot_fails),
        TEST(gnuplot_is_killed),
        TEST(gnuplot_draws_nothing),
        TEST(a_second_report_replaces_the_first),
        TEST(run_ids_in_short),
        TEST(labels_cover_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
