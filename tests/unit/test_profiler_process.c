/*
 * Apps that are processes, by a fake in their place on a real veth: whole trials as root and as a
 * user without rights; every failure told in words; nothing left behind. Skipped where neither
 * root nor a user namespace lets one make a veth.
 */
#include "profiler/internal.h"
#include "tests/unit/fake_qemu.h"
#include <dirent.h>
#include <grp.h>
#include <math.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define NOBODY 65534

static struct profiler_paths paths;
static struct trial_settings settings;
static bool has_veth; /* as whoever runs this test, without a user namespace */

static void install(const char *behaviour, const char *floor) {
    char why[256];

    fake_qemu_install(behaviour);
    assert_int_equal(profiler_paths("nhttpd", &paths, why, sizeof why), 0);
    profiler_settings_default(&paths, "nhttpd", profiler_floor_find(floor), "tcg", &settings);
    settings.connections = 2;
    settings.warmup_seconds = 0.2;
    settings.seconds = 0.5;
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

static ino_t namespace_of(const char *process) {
    struct stat status;
    char path[64];

    snprintf(path, sizeof path, "/proc/%.16s/ns/net", process);
    return stat(path, &status) == 0 ? status.st_ino : 0;
}

static bool namespace_is_held(ino_t namespace) {
    DIR *folder = opendir("/proc");
    bool held = false;

    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder));)
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
            held |= namespace_of(entry->d_name) == namespace;
    closedir(folder);
    return held;
}

/* Soon nobody holds it. Its number may then be another's, but hardly for long. */
static bool namespace_goes(ino_t namespace) {
    for (int i = 0; i < 500 && namespace_is_held(namespace); i++)
        usleep(10000);
    return !namespace_is_held(namespace);
}

/* A whole trial that must have gone well; the machine these tests run on may be busy. */
static struct trial run_well(void) {
    struct trial t;

    profiler_trial(&paths, &settings, &t, NULL);
    if (t.result.status != TRIAL_OK && t.result.status != TRIAL_NOISY)
        fail_msg("failed: %s", t.result.error);
    assert_true(t.result.replies > 0 && t.result.errors == 0);
    assert_true(t.result.gbit_out_per_s > 0);
    assert_true(t.result.guest_cpu_s_per_s > 0);
    assert_true(fabs(t.result.guest_cpu_s_per_s - t.result.vcpu_cpu_s_per_s) < 1e-9);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    return t;
}

static void test_hosted(void **state) {
    (void)state;
    if (!has_veth)
        skip();
    install("serve", "hosted");
    settings.delay_us = 8;
    struct trial t = run_well();
    assert_true(t.result.has_statistics);
    assert_int_equal(t.result.statistics.requests, 7);
    assert_string_equal(t.settings.accel, "none");
    assert_string_equal(t.settings.network, "veth");
    assert_string_equal(t.settings.kernel_build_id, "");
    assert_int_equal(t.settings.rps_core, t.settings.client_core);
    assert_false(t.settings.user_namespace);
    trial_clear(&t);
}

static void test_host(void **state) {
    (void)state;
    if (!has_veth)
        skip();
    install("serve", "host");
    struct trial t = run_well();
    assert_false(t.result.has_statistics);
    trial_clear(&t);
}

static void trial_fails(const char *words) {
    struct trial t;

    profiler_trial(&paths, &settings, &t, NULL);
    assert_int_equal(t.result.status, TRIAL_FAILED);
    if (!strstr(t.result.error, words))
        fail_msg("expected '%s' in: %s", words, t.result.error);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    trial_clear(&t);
}

static void test_settings_refused(void **state) {
    (void)state;
    install("serve", "host");
    settings.delay_us = 8;
    trial_fails("host has no batching");
    settings.delay_us = 0;
    settings.kick = NOM_KICK_STRICT;
    trial_fails("host has no batching");
    install("serve", "linux");
    settings.delay_us = 8;
    trial_fails("linux has no batching");
    install("serve", "hosted");
    snprintf(settings.network, sizeof settings.network, "tap");
    trial_fails("no such network for a process: tap (veth)");
    install("serve", "nom");
    snprintf(settings.network, sizeof settings.network, "veth");
    trial_fails("no such network for a guest: veth (tap, polled or user)");
    snprintf(settings.target, sizeof settings.target, "xen");
    trial_fails("no such floor: xen");
}

static void test_failures(void **state) {
    static const char *const floors[] = {"hosted", "host"};

    (void)state;
    if (!has_veth)
        skip();
    for (size_t i = 0; i < 2; i++) {
        install("exit-3", floors[i]);
        trial_fails("nhttpd ended with status 3; it last said: fake: last words");
        install("dies-50", floors[i]);
        trial_fails("nhttpd ended with status 123; it last said: fake: exception in nhttpd");
        install("deaf", floors[i]);
        trial_fails("no reply");
        fake_qemu_remove_processes(); /* after the paths were looked up */
        trial_fails("/nhttpd cannot be started: No such file");
        paths.hosted[0] = paths.sockets[0] = '\0';
        trial_fails("nhttpd has no form for the floor");
    }
    struct target_options options = {.ready_timeout_seconds = 0.3};
    struct target target;
    char why[256] = "";
    install("mute", "hosted");
    assert_int_equal(target_start(&target, &paths, &settings, &options, NULL, why, sizeof why), -1);
    assert_string_equal(why, "the app was not ready within 0.3 s; it said nothing");
    target_stop(&target);
    target_stop(&target);
}

/* Started and stopped again and again: pinned, in a namespace of its own, and all of it given back.
 */
static void test_no_leaks(void **state) {
    struct target target;
    char why[256], pid[16];
    ino_t home = namespace_of("thread-self");
    size_t before = 0;

    (void)state;
    if (!has_veth)
        skip();
    for (int i = 0; i < 4; i++) {
        cpu_set_t set;
        install("serve", i % 2 ? "host" : "hosted");
        if (target_start(&target, &paths, &settings, NULL, NULL, why, sizeof why) != 0)
            fail_msg("%s", why);
        snprintf(pid, sizeof pid, "%d", (int)target.pid);
        ino_t client = namespace_of("thread-self"), app = namespace_of(pid);
        assert_true(client != home && app != home && client != app);
        assert_true(profiler_interface_rx_bytes(target.apps[0].interface) >= 0);
        assert_int_equal(sched_getaffinity(target.pid, sizeof set, &set), 0);
        assert_true(settings.vcpu_core < 0 ||
                    (CPU_COUNT(&set) == 1 && CPU_ISSET((size_t)settings.vcpu_core, &set)));
        assert_int_equal(getsid(target.pid), getsid(0));
        target_stop(&target);
        assert_true(namespace_of("thread-self") == home);
        assert_true(profiler_interface_rx_bytes(PROFILER_INTERFACE) < 0);
        assert_true(namespace_goes(client) && namespace_goes(app));
        if (i == 0)
            before = open_descriptors();
    }
    assert_int_equal(open_descriptors(), before);
}

/* In a child with no rights at all: two trials, one after the other, by way of a user namespace. */
static void test_without_rights(void **state) {
    int status = 0;

    (void)state;
    install("serve", "hosted");
    settings.seconds = 2; /* its session goes behind those of root that measure at the same time */
    pid_t pid = fork();
    if (pid == 0) {
        struct profiler_probe probe;
        if (geteuid() == 0 &&
            (setgroups(0, NULL) != 0 || setgid(NOBODY) != 0 || setuid(NOBODY) != 0 ||
             prctl(PR_SET_DUMPABLE, 1) != 0)) /* its /proc is its own, as after an exec */
            _exit(10);
        profiler_probe("veth", &probe);
        if (!probe.works) {
            print_message("%s\n", probe.why);
            _exit(77);
        }
        if (!probe.user_namespace || !probe.packet || profiler_userns_inside())
            _exit(11);
        settings.rps_core = probe.rps ? settings.client_core : -1;
        for (int i = 0; i < 2; i++) {
            struct trial t;
            profiler_trial(&paths, &settings, &t, NULL);
            if (t.result.status != TRIAL_OK && t.result.status != TRIAL_NOISY) {
                print_message("%s\n", t.result.error);
                _exit(12);
            }
            if (!t.settings.user_namespace || !t.result.has_statistics || !profiler_userns_inside())
                _exit(13);
            if (profiler_interface_rx_bytes(PROFILER_INTERFACE) >= 0)
                _exit(14);
            trial_clear(&t);
        }
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(status, 0);
}

/* Nothing outlives a measuring process that is killed. */
static void test_killed(void **state) {
    char line[64];
    int out[2], app;
    unsigned long client_namespace, app_namespace;

    (void)state;
    if (!has_veth)
        skip();
    install("serve", "hosted");
    settings.seconds = 60;
    assert_int_equal(pipe(out), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct target target;
        struct trial t;
        char why[256], name[16];
        if (target_start(&target, &paths, &settings, NULL, NULL, why, sizeof why) != 0)
            _exit(1);
        snprintf(name, sizeof name, "%d", (int)target.pid);
        dprintf(out[1], "%d %lu %lu\n", (int)target.pid, (unsigned long)namespace_of("thread-self"),
                (unsigned long)namespace_of(name));
        profiler_measure(&target, &settings, &t, NULL);
        _exit(1);
    }
    close(out[1]);
    ssize_t n = read(out[0], line, sizeof line - 1);
    assert_true(n > 0);
    line[n] = '\0';
    assert_int_equal(sscanf(line, "%d %lu %lu", &app, &client_namespace, &app_namespace), 3);
    assert_true(namespace_is_held(client_namespace) && namespace_is_held(app_namespace));
    usleep(300000);
    assert_int_equal(kill(pid, SIGKILL), 0);
    waitpid(pid, NULL, 0);
    for (int i = 0; i < 500 && kill(app, 0) == 0; i++)
        usleep(10000);
    assert_int_equal(kill(app, 0), -1);
    assert_true(namespace_goes(client_namespace) && namespace_goes(app_namespace));
    close(out[0]);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_hosted, teardown),
        cmocka_unit_test_teardown(test_host, teardown),
        cmocka_unit_test_teardown(test_settings_refused, teardown),
        cmocka_unit_test_teardown(test_failures, teardown),
        cmocka_unit_test_teardown(test_no_leaks, teardown),
        cmocka_unit_test_teardown(test_without_rights, teardown),
        cmocka_unit_test_teardown(test_killed, teardown),
    };
    struct profiler_probe probe;

    fake_qemu_hook(argc, argv);
    profiler_probe("veth", &probe);
    has_veth = probe.works && !probe.user_namespace;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
