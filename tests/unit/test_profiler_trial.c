/* Whole trials against a fake guest that is served over loopback: what is measured, and how it ends
 * when guest or client does not live to the end. And the session that all of it runs in. */
#include "profiler/internal.h"
#include "tests/unit/fake_qemu.h"
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct profiler_paths paths;
static struct trial_settings settings;

static void install(const char *behaviour) {
    char why[256];

    fake_qemu_install(behaviour);
    assert_int_equal(profiler_paths("nhttpd", &paths, why, sizeof why), 0);
    profiler_settings_default(&paths, "nhttpd", profiler_floor_find("nom"), "tcg", &settings);
    snprintf(settings.network, sizeof settings.network, "user");
    settings.connections = 2;
    settings.warmup_seconds = 0.2;
    settings.seconds = 0.5;
    settings.order = 7;
}

static int teardown(void **state) {
    (void)state;
    fake_qemu_clean();
    return 0;
}

static struct trial run(const char *behaviour) {
    struct trial trial;

    install(behaviour);
    profiler_trial(&paths, &settings, &trial, NULL);
    assert_int_equal(trial.settings.order, 7);
    assert_true(trial.result.started_unix_us > 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    return trial;
}

static void test_measured(void **state) {
    struct trial t = run("serve");
    const struct trial_result *r = &t.result;

    (void)state;
    /* The machine these tests run on may be busy. */
    if (r->status != TRIAL_OK && r->status != TRIAL_NOISY)
        fail_msg("failed: %s", r->error);
    assert_true((r->status == TRIAL_NOISY) == (r->host_other_cpu > TRIAL_OTHER_CPU_MAX));
    assert_true(r->replies > 0 && r->errors == 0 && r->refused == 0);
    assert_true(fabs(r->throughput_ops * r->seconds - (double)r->replies) < 1);
    assert_non_null(r->latency);
    /* Of a reply whose request went out before the recording, only the end is in it. */
    assert_true(r->latency->count <= r->replies &&
                r->latency->count + settings.connections >= r->replies);
    /* "HTTP/1.1 200 OK", a length and 5 bytes are 43 bytes a reply. */
    assert_true(fabs(r->useful_gbit_per_s - r->throughput_ops * 43 * 8e-9) <
                0.01 * r->useful_gbit_per_s);
    assert_true(r->guest_cpu_s_per_s > 0 && r->client_cpu_s_per_s > 0);
    assert_true(r->has_statistics);
    assert_int_equal(r->statistics.requests, 7);
    trial_clear(&t);
}

static void test_refused_is_no_error(void **state) {
    struct trial t = run("serve-503");

    (void)state;
    assert_true(t.result.status == TRIAL_OK || t.result.status == TRIAL_NOISY);
    assert_true(t.result.refused > 0 && t.result.replies == 0);
    trial_clear(&t);
}

static void fails(const char *behaviour, const char *words) {
    struct trial t = run(behaviour);

    assert_int_equal(t.result.status, TRIAL_FAILED);
    if (!strstr(t.result.error, words))
        fail_msg("%s: expected '%s' in: %s", behaviour, words, t.result.error);
    assert_non_null(t.result.serial_log);
    assert_non_null(strstr(t.result.serial_log, "fake: one CPU; started with "));
    trial_clear(&t);
}

static void test_failures(void **state) {
    (void)state;
    fails("serve-500", "replies were errors, against 0 good ones");
    fails("dies-50", "for an exception; it last said: fake: exception in nhttpd");
    fails("deaf", "no reply");
}

/* The pid of a child of ours whose name begins so, or 0. */
static pid_t child_named(const char *name) {
    DIR *folder = opendir("/proc");
    pid_t found = 0;

    assert_non_null(folder);
    for (struct dirent *entry; !found && (entry = readdir(folder));) {
        char path[64], text[512];
        int pid, parent;
        snprintf(path, sizeof path, "/proc/%.16s/stat", entry->d_name);
        if (sscanf(entry->d_name, "%d", &pid) != 1 ||
            profiler_read_file(path, text, sizeof text) <= 0)
            continue;
        const char *open = strchr(text, '('), *close = strrchr(text, ')');
        if (open && close && sscanf(close + 1, " %*c %d", &parent) == 1 && parent == getppid() &&
            strncmp(open + 1, name, strlen(name)) == 0)
            found = pid;
    }
    closedir(folder);
    return found;
}

static void test_client_killed(void **state) {
    struct trial t;

    (void)state;
    install("serve");
    settings.seconds = 60;
    pid_t killer = fork();
    if (killer == 0) { /* its parent runs the client */
        pid_t client;
        while (!(client = child_named("nom-load")))
            usleep(10000);
        usleep(100000);
        kill(client, SIGKILL);
        _exit(0);
    }
    double begun_s = profiler_now_s();
    profiler_trial(&paths, &settings, &t, NULL);
    waitpid(killer, NULL, 0);
    assert_int_equal(t.result.status, TRIAL_FAILED);
    assert_non_null(strstr(t.result.error, "the load failed"));
    assert_true(profiler_now_s() - begun_s < 30);
    trial_clear(&t);
}

static void test_session(void **state) {
    int code = -1;

    (void)state;
    pid_t before = getpid();
    int split = profiler_session(&code);
    if (split == 0) /* the child: what it finds is its exit code */
        _exit(getsid(0) == getpid() && getppid() == before ? 42 : 1);
    assert_int_equal(split, 1);
    assert_int_equal(code, 42);

    split = profiler_session(&code);
    if (split == 0) {
        kill(getppid(), SIGTERM); /* comes back to us: it is passed on */
        for (;;)
            pause();
    }
    assert_int_equal(split, 1);
    assert_int_equal(code, 128 + SIGTERM);
}

/* Nothing outlives a measuring process that is killed: QEMU, client and spinner go with it. */
static void test_killed(void **state) {
    char line[16];
    int out[2];

    (void)state;
    install("serve");
    settings.seconds = 60;
    assert_int_equal(pipe(out), 0);
    pid_t pid = fork();
    if (pid == 0) { /* all it starts holds the pipe's end, but for QEMU */
        struct target target;
        struct trial t;
        char why[256];
        if (target_start(&target, &paths, &settings, NULL, NULL, why, sizeof why) != 0)
            _exit(1);
        dprintf(out[1], "%d\n", (int)target.pid);
        profiler_measure(&target, &settings, &t, NULL);
        _exit(1);
    }
    close(out[1]);
    ssize_t n = read(out[0], line, sizeof line - 1);
    assert_true(n > 0);
    line[n] = '\0';
    pid_t qemu = (pid_t)atoi(line);
    assert_int_equal(kill(qemu, 0), 0);
    usleep(300000);
    assert_int_equal(kill(pid, SIGKILL), 0);
    waitpid(pid, NULL, 0);
    for (int i = 0; i < 500 && kill(qemu, 0) == 0; i++)
        usleep(10000);
    assert_int_equal(kill(qemu, 0), -1);
    close(out[0]);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_measured, teardown),
        cmocka_unit_test_teardown(test_refused_is_no_error, teardown),
        cmocka_unit_test_teardown(test_failures, teardown),
        cmocka_unit_test_teardown(test_client_killed, teardown),
        cmocka_unit_test_teardown(test_killed, teardown),
        cmocka_unit_test(test_session),
    };

    fake_qemu_hook(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
