/*
 * Targets of several apps and the price daemon, by fakes in their places: each has a network of its
 * own, prices go from the provider by the daemon to every app, all of them end together, in words,
 * and nothing is left behind. Processes need the right to make veths and are skipped without it.
 */
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
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct profiler_paths paths;
static struct trial_settings settings;
static struct target target;
static char why[400];
static bool has_veth;

static void install(const char *behaviour, const char *floor) {
    fake_qemu_install(behaviour);
    fake_qemu_install_priced("serve");
    assert_int_equal(profiler_paths("nhttpd", &paths, why, sizeof why), 0);
    profiler_settings_default(&paths, "nhttpd", profiler_floor_find(floor), "tcg", &settings);
    settings.connections = 2;
    settings.warmup_seconds = 0.1;
    settings.seconds = 0.3;
    settings.spinner = false;
}

static int teardown(void **state) {
    (void)state;
    target_stop(&target);
    fake_qemu_clean();
    return 0;
}

static int start(uint32_t apps, bool prices) {
    const struct target_options options = {
        .apps = apps, .prices = prices, .ready_timeout_seconds = 20};
    why[0] = '\0';
    return target_start(&target, &paths, &settings, &options, NULL, why, sizeof why);
}

static void start_well(uint32_t apps, bool prices) {
    if (start(apps, prices) != 0)
        fail_msg("%s", why);
}

static void start_fails(uint32_t apps, bool prices, const char *words) {
    assert_int_equal(start(apps, prices), -1);
    if (!strstr(why, words))
        fail_msg("expected '%s' in: %s", words, why);
    target_stop(&target);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
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

static ino_t namespace_of(pid_t pid) {
    struct stat status;
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
    assert_int_equal(stat(path, &status), 0);
    return status.st_ino;
}

/* Until an app reports a price. */
static void await_price(uint32_t app, double usd_per_gbit) {
    struct nom_statistics statistics = {0};
    int fd = control_connect(&target.apps[app].control, 5, why, sizeof why);

    assert_true(fd >= 0);
    for (int i = 0; i < 1000; i++) {
        if (control_statistics(fd, &statistics, why, sizeof why) != 0)
            fail_msg("%s", why);
        if (statistics.price_usd[0] == usd_per_gbit)
            break;
        usleep(5000);
    }
    assert_true(statistics.price_usd[0] == usd_per_gbit);
    close(fd);
}

static void test_processes(void **state) {
    struct trial trials[TARGET_APPS_MAX];

    (void)state;
    if (!has_veth)
        skip();
    install("serve", "hosted");
    start_well(2, true);
    pid_t pids[] = {target.pid, target.others[0], target.others[1]};
    for (size_t i = 0; i < 3; i++) {
        assert_true(pids[i] > 0);
        assert_true((namespace_of(pids[i]) == namespace_of(getpid())) == (i == 2));
    }
    assert_true(namespace_of(pids[0]) != namespace_of(pids[1]));
    assert_string_equal(target.apps[1].interface, "nom1");
    target_price(&target, 1.25, 0, 0);
    await_price(0, 1.25);
    await_price(1, 1.25);
    target_price(&target, 10, 20, 1);
    await_price(1, 10);
    profiler_measure_apps(&target, &settings, trials, NULL);
    for (size_t i = 0; i < 2; i++) {
        const struct trial_result *r = &trials[i].result;
        if (r->status != TRIAL_OK && r->status != TRIAL_NOISY)
            fail_msg("%s", r->error);
        assert_true(r->replies > 0 && r->errors == 0 && r->gbit_out_per_s > 0);
        assert_true(r->has_statistics && r->statistics.price_usd[0] == 10);
        trial_clear(&trials[i]);
    }
    target_stop(&target);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* Kills one of a target's processes; it must be told by its name, and none goes on. */
static void one_dies(size_t which, const char *words) {
    start_well(2, true);
    pid_t pids[] = {target.pid, target.others[0], target.others[1]};
    kill(pids[which], SIGKILL);
    for (int i = 0; i < 1000 && target_pump(&target, NULL) == 0; i++)
        usleep(5000);
    assert_int_equal(target_pump(&target, NULL), -1);
    target_ended_text(&target, why, sizeof why);
    if (strncmp(why, words, strlen(words)) != 0)
        fail_msg("expected '%s' in: %s", words, why);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(kill(pids[i], 0), -1);
    target_stop(&target);
}

static void test_processes_end(void **state) {
    (void)state;
    if (!has_veth)
        skip();
    install("serve", "hosted");
    one_dies(0, "nhttpd was killed by signal 9");
    size_t descriptors = open_descriptors();
    one_dies(1, "nhttpd was killed by signal 9");
    one_dies(2, "priced was killed by signal 9 (Killed); it last said: priced: ready");
    assert_int_equal(open_descriptors(), descriptors);
    fake_qemu_install_priced("exit-3");
    start_fails(1, true, "priced ended with status 3");
    remove(paths.priced);
    start_fails(1, true, "priced cannot be started: No such file");
    paths.priced[0] = '\0';
    start_fails(1, true, "priced is missing for the floor hosted");
    assert_int_equal(open_descriptors(), descriptors);
}

static void expect(const char *words) {
    if (!strstr(target.serial_log, words))
        fail_msg("expected '%s' in: %s", words, target.serial_log);
}

static void test_guest_on_taps(void **state) {
    (void)state;
    if (strcmp(profiler_network(why, sizeof why), "tap") != 0)
        skip();
    install("serve", "nom");
    settings.vcpus = 3;
    settings.delay_us = 8;
    start_well(2, true);
    expect(" -smp 3,maxcpus=4 ");
    expect("-append nhttpd --ip 10.77.0.2/24 --delay-us 8.000 --kick natural --poll-us 100000 "
           "--control-port 7700"
           " -- nhttpd --ip 10.77.1.2/24 --delay-us 8.000 --kick natural --poll-us 100000 "
           "--control-port 7700"
           " -- priced --ip 10.77.2.2/24 --adapter rest --url http://10.77.2.1:8080/prices ");
    expect("netdev=n0,mac=52:54:00:77:00:02 -netdev tap,id=n1,");
    expect("netdev=n2,mac=52:54:00:77:02:02");
    for (uint32_t i = 0; i < 3; i++) {
        char name[16];
        profiler_interface_name(i, name);
        assert_true(profiler_interface_rx_bytes(name) >= 0);
    }
    target_stop(&target);
    assert_true(profiler_interface_rx_bytes("nom1") < 0);
}

static void test_guest_on_user_networks(void **state) {
    char url[64];

    (void)state;
    install("serve", "nom");
    snprintf(settings.network, sizeof settings.network, "user");
    start_well(1, true);
    expect("-append nhttpd --ip 10.0.2.15/24 --gateway 10.0.2.2 ");
    snprintf(url, sizeof url, " --url http://10.0.2.2:%d/", target.provider.port);
    expect(url);
    expect(" -- priced --ip 10.0.2.15/24 --gateway 10.0.2.2 --adapter rest ");
    expect("-netdev user,id=n1 ");
    target_stop(&target);
    start_well(1, false);
    expect("-append nhttpd --ip 10.0.2.15/24 --gateway 10.0.2.2 --delay-us");
}

static void test_app_in_guest_ends(void **state) {
    (void)state;
    install("ends-priced", "nom");
    snprintf(settings.network, sizeof settings.network, "user");
    start_well(1, true);
    for (int i = 0; i < 1000 && target_pump(&target, NULL) == 0; i++)
        usleep(5000);
    target_ended_text(&target, why, sizeof why);
    assert_string_equal(why, "priced ended: exit status 3; it last said: priced: no more");
    assert_int_equal(target.pid, 0);
}

static void test_refused(void **state) {
    (void)state;
    install("serve", "host");
    start_fails(2, false, "host runs one app");
    start_fails(1, true, "host runs one app, which knows no prices");
    install("serve", "nom");
    start_fails(TARGET_APPS_MAX + 1, false, "5 apps are more than 4");
}

/* The provider's reply to some bytes; how many bytes it was. */
static size_t ask(int port, const char *request, char *reply, size_t bytes) {
    struct sockaddr_in address = profiler_address("127.0.0.1", port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    size_t n = 0;
    ssize_t got;

    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
    shutdown(fd, SHUT_WR);
    while ((got = recv(fd, reply + n, bytes - 1 - n, 0)) > 0)
        n += (size_t)got;
    reply[n] = '\0';
    close(fd);
    return n;
}

static void test_provider(void **state) {
    char reply[1024];
    struct provider *p = &target.provider;

    (void)state;
    memset(&target, 0, sizeof target);
    target.serial_fd = target.home_netns = -1;
    assert_int_equal(profiler_provider_start(p, "127.0.0.1", 0, -1, why, sizeof why), 0);
    ask(p->port, "GET / HTTP/1.1\r\n\r\n", reply, sizeof reply);
    assert_non_null(strstr(reply, "503 Service Unavailable"));
    target_price(&target, 0.125, 0, 0);
    ask(p->port, "GET / HTTP/1.1\r\n\r\n", reply, sizeof reply);
    assert_non_null(strstr(reply, "200 OK"));
    assert_non_null(strstr(reply, "\r\n\r\n{\"currency\":\"USD\",\"price\":0.125}\n"));
    target_price_stays(&target, profiler_unix_us() + 5 * 1000 * 1000);
    ask(p->port, "GET / HTTP/1.1\r\n\r\n", reply, sizeof reply);
    assert_non_null(strstr(reply, "\"price\":0.125,\"ask_in_s\":"));
    target_price_stays(&target, profiler_unix_us() + 86400ll * 1000 * 1000);
    ask(p->port, "GET / HTTP/1.1\r\n\r\n", reply, sizeof reply);
    assert_non_null(strstr(reply, "\"ask_in_s\":10.0"));
    target_price_stays(&target, profiler_unix_us() - 1);
    ask(p->port, "GET / HTTP/1.1\r\n\r\n", reply, sizeof reply);
    assert_null(strstr(reply, "ask_in_s"));
    target_price_stays(&target, profiler_unix_us() + 5 * 1000 * 1000);
    target_price(&target, 2, 10, profiler_unix_us() + 60 * 1000 * 1000);
    ask(p->port, "GET / HTTP/1.1\r\n\r\n", reply, sizeof reply);
    assert_non_null(strstr(reply, "\"price\":2,\"next\":{\"price\":10,\"in_s\":5"));
    assert_null(strstr(reply, "ask_in_s"));
    assert_int_equal(ask(p->port, "HELLO\r\n\r\n", reply, sizeof reply), 0);
    assert_int_equal(ask(p->port, "GET /", reply, sizeof reply), 0);
    profiler_provider_stop(p);
    profiler_provider_stop(p);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_processes, teardown),
        cmocka_unit_test_teardown(test_processes_end, teardown),
        cmocka_unit_test_teardown(test_guest_on_taps, teardown),
        cmocka_unit_test_teardown(test_guest_on_user_networks, teardown),
        cmocka_unit_test_teardown(test_app_in_guest_ends, teardown),
        cmocka_unit_test_teardown(test_refused, teardown),
        cmocka_unit_test_teardown(test_provider, teardown),
    };
    struct profiler_probe probe;

    fake_qemu_hook(argc, argv);
    profiler_probe("veth", &probe);
    has_veth = probe.works && !probe.user_namespace;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
