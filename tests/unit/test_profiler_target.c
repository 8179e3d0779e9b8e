/*
 * Guests that misbehave, by a fake in QEMU's place: every failure is told in words, soon, and
 * leaves no process, descriptor or namespace behind.
 */
#include "profiler/internal.h"
#include "runtime/abi/start.h"
#include "tests/unit/fake_qemu.h"
#include <dirent.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SOON_SECONDS 30.0 /* under every time-out that would hide a hang */

static struct profiler_paths paths;
static struct trial_settings settings;

static void install(const char *behaviour, const char *network) {
    char why[256];

    fake_qemu_install(behaviour);
    assert_int_equal(profiler_paths("nhttpd", &paths, why, sizeof why), 0);
    profiler_settings_default(&paths, "nhttpd", profiler_floor_find("nom"), "tcg", &settings);
    snprintf(settings.network, sizeof settings.network, "%s", network);
    settings.connections = 4;
    settings.warmup_seconds = 0.1;
    settings.seconds = 0.3;
    settings.spinner = false;
}

static int teardown(void **state) {
    (void)state;
    fake_qemu_clean();
    return 0;
}

static size_t open_descriptors(void) {
    DIR *folder = opendir("/proc/self/fd");
    size_t count = 0;

    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static ino_t namespace_id(void) {
    struct stat status;

    assert_int_equal(stat("/proc/thread-self/ns/net", &status), 0);
    return status.st_ino;
}

static void assert_no_child(void) {
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* Starts a target that must not become ready, and gives back why. */
static void start_fails(const char *behaviour, double timeout_seconds, const char *words) {
    struct target_options options = {.ready_timeout_seconds = timeout_seconds};
    struct target target;
    char why[256] = "";

    install(behaviour, "user");
    double begun_s = profiler_now_s();
    assert_int_equal(target_start(&target, &paths, &settings, &options, NULL, why, sizeof why), -1);
    if (profiler_now_s() - begun_s > SOON_SECONDS)
        fail_msg("%s: told only after %.1f s: %s", behaviour, profiler_now_s() - begun_s, why);
    if (!strstr(why, words))
        fail_msg("%s: expected '%s' in: %s", behaviour, words, why);
    target_stop(&target);
    target_stop(&target);
    assert_no_child();
}

static void test_start_fails(void **state) {
    (void)state;
    start_fails("exit-127", 60, "panicked; it last said: fake: last words");
    start_fails("exit-123", 60, "for an exception; it last said: fake: last words");
    start_fails("exit-125", 60, "command line");
    start_fails("exit-135", 60, "the app ended with status 3");
    start_fails("exit-1", 60, "QEMU failed with status 1");
    start_fails("exit-0", 60, "switched off");
    start_fails("gives-up", 60, "KVM gave the machine up");
    start_fails("mute", 0.3, "not ready within 0.3 s; it said nothing");
    start_fails("says-other: ready", 2, "it last said: other: ready");
    /* It is cut off wherever it was in its line. */
    start_fails("talks", 2, "not ready within 2 s; it last said: f");
}

static void test_serial_is_bounded(void **state) {
    struct target_options options = {.ready_timeout_seconds = 1};
    struct target target;
    char why[256];

    (void)state;
    install("talks", "user");
    assert_int_equal(target_start(&target, &paths, &settings, &options, NULL, why, sizeof why), -1);
    assert_true(target.serial_bytes > 0 && target.serial_bytes <= 256 * 1024);
    assert_int_equal(strlen(target.serial_log), target.serial_bytes);
    target_stop(&target);
}

static void test_missing(void **state) {
    struct trial trial;
    char why[256];

    (void)state;
    install("serve", "user");
    fake_qemu_remove();
    profiler_trial(&paths, &settings, &trial, NULL);
    assert_int_equal(trial.result.status, TRIAL_FAILED);
    assert_non_null(strstr(trial.result.error, "qemu-system-x86"));
    trial_clear(&trial);
    struct profiler_accel_check check;
    assert_int_equal(profiler_accel_check(&paths, "tcg", &check, why, sizeof why), -1);
    assert_non_null(strstr(why, "qemu-system-x86"));
    install("serve", "carrier-pigeon");
    profiler_trial(&paths, &settings, &trial, NULL);
    assert_non_null(strstr(trial.result.error, "no such network"));
    trial_clear(&trial);
}

static int32_t core_of_vcpu(pid_t qemu) {
    char path[64];
    int32_t core = -1;
    cpu_set_t set;

    snprintf(path, sizeof path, "/proc/%d/task", (int)qemu);
    DIR *tasks = opendir(path);
    assert_non_null(tasks);
    for (struct dirent *task; (task = readdir(tasks));)
        if (task->d_name[0] != '.' && profiler_is_vcpu_thread(qemu, task->d_name)) {
            sched_getaffinity((pid_t)atoi(task->d_name), sizeof set, &set);
            for (int i = 0; i < CPU_SETSIZE; i++)
                if (CPU_COUNT(&set) == 1 && CPU_ISSET(i, &set))
                    core = i;
        }
    closedir(tasks);
    return core;
}

static void test_pinned(void **state) {
    struct target target;
    cpu_set_t set;
    char why[256];

    (void)state;
    install("serve", "user");
    if (settings.vcpu_core < 0)
        skip();
    if (target_start(&target, &paths, &settings, NULL, NULL, why, sizeof why) != 0)
        fail_msg("%s", why);
    assert_int_equal(core_of_vcpu(target.pid), settings.vcpu_core);
    sched_getaffinity(target.pid, sizeof set, &set);
    assert_true(CPU_COUNT(&set) == 1 && CPU_ISSET((size_t)settings.io_core, &set));
    target_stop(&target);
}

static void test_tap(void **state) {
    struct target target;
    char why[256];
    ino_t home = namespace_id();

    (void)state;
    if (strcmp(profiler_network(why, sizeof why), "tap") != 0)
        skip();
    install("serve", "tap");
    if (target_start(&target, &paths, &settings, NULL, NULL, why, sizeof why) != 0)
        fail_msg("%s", why);
    assert_true(namespace_id() != home);
    assert_true(profiler_interface_rx_bytes(target.apps[0].interface) >= 0);
    target_stop(&target);
    assert_true(namespace_id() == home);
    assert_true(profiler_interface_rx_bytes(PROFILER_INTERFACE) < 0);
    assert_no_child();
}

static void test_no_leaks(void **state) {
    static const char *const behaviours[] = {"exit-127", "gives-up", "exit-123", "serve-500"};
    char why[256];
    const char *network = profiler_network(why, sizeof why);
    struct trial trial;
    size_t descriptors = 0;
    ino_t home = namespace_id();

    (void)state;
    for (int i = 0; i < 20; i++) {
        /* serve-500 needs a fake that can be reached */
        install(behaviours[i % 4], i % 4 < 3 ? network : "user");
        profiler_trial(&paths, &settings, &trial, NULL);
        assert_int_equal(trial.result.status, TRIAL_FAILED);
        assert_true(trial.result.error[0]);
        assert_non_null(trial.result.serial_log);
        trial_clear(&trial);
        assert_no_child();
        assert_true(namespace_id() == home);
        if (i == 0)
            descriptors = open_descriptors();
        assert_int_equal(open_descriptors(), descriptors);
    }
}

static volatile sig_atomic_t stop;

static void on_alarm(int number) {
    stop = number;
}

static void stopped_after(const char *behaviour, unsigned ms) {
    struct sigaction action = {.sa_handler = on_alarm};
    struct trial trial;

    install(behaviour, "user");
    settings.seconds = 60;
    stop = 0;
    sigaction(SIGALRM, &action, NULL);
    double begun_s = profiler_now_s();
    ualarm(ms * 1000, 0);
    profiler_trial(&paths, &settings, &trial, &stop);
    assert_int_equal(trial.result.status, TRIAL_ABORTED);
    assert_true(profiler_now_s() - begun_s < SOON_SECONDS);
    trial_clear(&trial);
    assert_no_child();
}

static void test_stopped(void **state) {
    (void)state;
    stopped_after("mute", 100);
    stopped_after("serve", 900);
    stop = 1;
    struct trial trial;
    install("serve", "user");
    profiler_trial(&paths, &settings, &trial, &stop);
    assert_int_equal(trial.result.status, TRIAL_ABORTED);
    trial_clear(&trial);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_start_fails, teardown),
        cmocka_unit_test_teardown(test_serial_is_bounded, teardown),
        cmocka_unit_test_teardown(test_missing, teardown),
        cmocka_unit_test_teardown(test_pinned, teardown),
        cmocka_unit_test_teardown(test_tap, teardown),
        cmocka_unit_test_teardown(test_no_leaks, teardown),
        cmocka_unit_test_teardown(test_stopped, teardown),
    };

    fake_qemu_hook(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
