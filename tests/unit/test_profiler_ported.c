/*
 * Apps beside nhttpd: command lines, files, what is asked of them and by whom, and what a ported
 * program says of calls that it lacks. QEMU is a fake.
 */
#include "profiler/internal.h"
#include "tests/unit/fake_qemu.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct profiler_paths paths;
static struct trial_settings settings;
static char why[400];

static void settings_of(const char *app, const char *floor) {
    profiler_settings_default(&paths, app, profiler_floor_find(floor), "tcg", &settings);
}

static void put(const char *name, mode_t mode) {
    char path[600];
    snprintf(path, sizeof path, "%s/%s", getenv("NOM_HOME"), name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode);
    assert_true(fd >= 0);
    close(fd);
}

static void drop(const char *name) {
    char path[600];
    snprintf(path, sizeof path, "%s/%s", getenv("NOM_HOME"), name);
    unlink(path);
}

static int teardown(void **state) {
    (void)state;
    static const char *const names[] = {"memcached.elf", "memcached.cpio", "memcached"};
    for (size_t i = 0; i < 3 && getenv("NOM_HOME"); i++)
        drop(names[i]);
    fake_qemu_clean();
    return 0;
}

static void words_are(const char *ip, const char *gateway, const char *expected) {
    char words[600];
    profiler_app_words(&settings, ip, gateway, words, sizeof words);
    assert_string_equal(words, expected);
}

static void command_lines_on_our_stack(void **state) {
    (void)state;
    settings_of("nhttpd", "hosted");
    settings.delay_us = 4;
    words_are("10.77.0.2", NULL,
              "--ip 10.77.0.2/24 --delay-us 4.000 --kick natural --poll-us 100000 --control-port "
              "7700");
    settings_of("memcached", "hosted");
    settings.kick = NOM_KICK_STRICT;
    words_are(
        "10.0.2.15", "10.0.2.2",
        "--ip 10.0.2.15/24 --gateway 10.0.2.2 --delay-us 0.000 --kick strict --poll-us 100000 "
        "--control-port 7700 -- -p 11211 -U 0 -t 1 -m 256 -c 4096");
    settings_of("netpipe", "hosted");
    words_are("10.77.0.2", NULL,
              "--ip 10.77.0.2/24 --delay-us 0.000 --kick natural --poll-us 100000 --control-port "
              "7700 --port 5002 -l 1024 -u 1024 -p 0");
    settings.traffic.message_bytes = 4096;
    settings.traffic.bidirectional = true;
    words_are("10.77.0.2", NULL,
              "--ip 10.77.0.2/24 --delay-us 0.000 --kick natural --poll-us 100000 --control-port "
              "7700 --port 5002 -l 4096 -u 4096 -p 0 -2");
}

static void baseline_is(const char *app, const char *expected) {
    char words[600];
    settings_of(app, "host");
    settings.traffic.bidirectional = strcmp(app, "netpipe") == 0;
    profiler_baseline_words(&settings, "10.77.0.2", "/lib/initrd.cpio", words, sizeof words);
    assert_string_equal(words, expected);
}

static void command_lines_on_sockets(void **state) {
    (void)state;
    baseline_is("nhttpd", "--initrd /lib/initrd.cpio -- --ip 10.77.0.2 --port 80");
    baseline_is("memcached", "-p 11211 -U 0 -t 1 -m 256 -c 4096 -u root -l 10.77.0.2");
    baseline_is("netpipe", "-l 1024 -u 1024 -p 0 -2");
}

/* The library's options, then "--" and the program's: in a guest with several apps, too. */
static void command_line_of_a_guest(void **state) {
    struct target target;
    const struct target_options options = {.apps = 1, .prices = true, .ready_timeout_seconds = 20};

    (void)state;
    fake_qemu_install("serve");
    put("memcached.elf", 0644);
    put("memcached.cpio", 0644);
    assert_int_equal(profiler_paths("memcached", &paths, why, sizeof why), 0);
    assert_non_null(strstr(paths.initrd, "/memcached.cpio"));
    assert_non_null(strstr(paths.app_elf, "/memcached.elf"));
    settings_of("memcached", "nom");
    snprintf(settings.network, sizeof settings.network, "user");
    settings.spinner = false;
    if (target_start(&target, &paths, &settings, &options, NULL, why, sizeof why) != 0)
        fail_msg("%s", why);
    static const char *const parts[] = {
        "-m 512M ", "/memcached.cpio ", "-:11211,", "-append memcached --ip 10.0.2.15/24 ",
        "--control-port 7700 -- -p 11211 -U 0 -t 1 -m 256 -c 4096 -- priced --ip "};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!strstr(target.serial_log, parts[i]))
            fail_msg("no '%s' in: %s", parts[i], target.serial_log);
    target_stop(&target);
}

static void files(void **state) {
    char path[600];

    (void)state;
    fake_qemu_install("serve");
    snprintf(path, sizeof path, "%s", getenv("PATH"));
    setenv("PATH", getenv("NOM_HOME"), 1);
    put("memcached", 0755);
    assert_int_equal(profiler_paths("memcached", &paths, why, sizeof why), 0);
    assert_string_equal(paths.app->name, "memcached");
    assert_non_null(strstr(paths.initrd, "/initrd.cpio"));
    assert_string_equal(paths.app_elf, "");
    assert_string_equal(paths.hosted, "");
    snprintf(path, sizeof path, "%s/memcached", getenv("NOM_HOME"));
    assert_string_equal(paths.sockets, path);
    assert_string_equal(paths.linux_guest, path);
    assert_int_equal(profiler_paths("nhttpd", &paths, why, sizeof why), 0);
    assert_string_equal(paths.sockets + strlen(paths.sockets) - 15, "/sockets/nhttpd");
}

static void lacks(const char *floor, const char *words) {
    struct profiler_floor_check check;

    profiler_floor_check(&paths, profiler_floor_find(floor), &check);
    assert_false(check.works);
    if (!strstr(check.detail, words))
        fail_msg("expected '%s' in: %s", words, check.detail);
}

static void files_missing(void **state) {
    (void)state;
    fake_qemu_install("serve");
    assert_int_equal(profiler_paths("memcached", &paths, why, sizeof why), 0);
    paths.sockets[0] = paths.linux_guest[0] = '\0';
    lacks("nom", "it would be lib/nom/memcached.elf");
    lacks("hosted", "it would be lib/nom/hosted/APP");
    lacks("host", "memcached is not in PATH: install it with: apt-get install memcached");
    lacks("linux", "memcached is not in PATH: install it with: apt-get install memcached");
    lacks("osv", "memcached has no form for OSv");
    assert_int_equal(profiler_paths("netpipe", &paths, why, sizeof why), 0);
    paths.sockets[0] = '\0';
    lacks("host", "NPtcp is not in PATH: install it with: apt-get install netpipe-tcp");
}

static void what_the_client_is_told(void **state) {
    struct load_config config = {0};
    enum load_client client;

    (void)state;
    settings_of("memcached", "host");
    settings.traffic.keys = 77;
    assert_int_equal(profiler_load_traffic(&settings, &config, &client, why, sizeof why), 0);
    assert_int_equal(client, LOAD_CLIENT_NOM);
    assert_int_equal(config.protocol, LOAD_MEMCACHED_TEXT);
    assert_true(config.get_ratio > 0.89 && config.get_ratio < 0.91);
    assert_int_equal(config.keys, 77);
    assert_int_equal(config.key_bytes, LOAD_DEFAULT_KEY_BYTES);
    assert_int_equal(config.value_bytes, LOAD_DEFAULT_VALUE_BYTES);
    assert_int_equal(config.pipeline, 1);
    strcpy(settings.traffic.protocol, "memcached-binary");
    strcpy(settings.client, "memaslap");
    assert_int_equal(profiler_load_traffic(&settings, &config, &client, why, sizeof why), 0);
    assert_int_equal(client, LOAD_CLIENT_MEMASLAP);
    assert_int_equal(config.protocol, LOAD_MEMCACHED_BINARY);

    settings_of("netpipe", "host");
    settings.traffic.bidirectional = true;
    assert_int_equal(profiler_load_traffic(&settings, &config, &client, why, sizeof why), 0);
    assert_int_equal(client, LOAD_CLIENT_NPTCP);
    assert_int_equal(config.protocol, LOAD_NETPIPE);
    assert_int_equal(config.message_bytes, 1024);
    assert_true(config.bidirectional);

    settings_of("nhttpd", "host");
    assert_int_equal(profiler_load_traffic(&settings, &config, &client, why, sizeof why), 0);
    assert_int_equal(config.protocol, LOAD_HTTP);
    assert_string_equal(config.path, "/");
    strcpy(settings.client, "memaslap");
    assert_int_equal(profiler_load_traffic(&settings, &config, &client, why, sizeof why), -1);
    assert_string_equal(why, "the client memaslap does not speak http");
    strcpy(settings.client, "ab");
    assert_int_equal(profiler_load_traffic(&settings, &config, &client, why, sizeof why), -1);
    strcpy(settings.traffic.protocol, "gopher");
    assert_int_equal(profiler_load_traffic(&settings, &config, &client, why, sizeof why), -1);
    assert_string_equal(why, "no such protocol: gopher");
}

static void traffic_in_words(void **state) {
    char text[TRIAL_TRAFFIC_TEXT_BYTES];

    (void)state;
    assert_string_equal(trial_traffic_text(&profiler_app_find("nhttpd")->traffic, text),
                        "HTTP, requests for /");
    assert_string_equal(trial_traffic_text(&profiler_app_find("memcached")->traffic, text),
                        "memcached text, 90 % gets, 10000 keys of 32 bytes, values of 1024 bytes, "
                        "1 request at once");
    assert_string_equal(trial_traffic_text(&profiler_app_find("netpipe")->traffic, text),
                        "NetPIPE, messages of 1024 bytes");
}

static void calls_not_supported(void **state) {
    static const char log[] =
        "memcached: not supported: timer_create (3), inotify_init1 (1)\r\n"
        "other: not supported: reboot (1)\n"
        "memcached: not supported: timer_create (2)\n"
        "memcached: not supported: fork (18446744073709551615), timer_create (9)\n"
        "memcached: not supported: , (1), y (z), q (4, (5), f(6), g (7) h\n"
        "memcached: not supported: \n"
        "memcached: not supported: a call of no known number\r\n"
        "memcached: not supported: cut (1)";
    struct target_call calls[5];

    (void)state;
    assert_int_equal(profiler_unsupported(log, "memcached", calls, 5), 4);
    assert_string_equal(calls[0].name, "timer_create");
    assert_true(calls[0].count == 9);
    assert_string_equal(calls[1].name, "inotify_init1");
    assert_true(calls[1].count == 1);
    assert_string_equal(calls[2].name, "fork");
    assert_true(calls[2].count == UINT64_MAX);
    assert_string_equal(calls[3].name, "a call of no known number");
    assert_true(calls[3].count == 1);
    assert_int_equal(profiler_unsupported(log, "memcached", calls, 1), 1);
    assert_true(calls[0].count == 9);
    assert_int_equal(profiler_unsupported(log, "nhttpd", calls, 3), 0);
    assert_int_equal(profiler_unsupported("", "memcached", calls, 3), 0);
    char name[200] = "a: not supported: ";
    memset(name + strlen(name), 'n', 100);
    strcat(name, " (1)\n");
    assert_int_equal(profiler_unsupported(name, "a", calls, 3), 0);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(command_lines_on_our_stack),
        cmocka_unit_test(command_lines_on_sockets),
        cmocka_unit_test_teardown(command_line_of_a_guest, teardown),
        cmocka_unit_test_teardown(files, teardown),
        cmocka_unit_test_teardown(files_missing, teardown),
        cmocka_unit_test(what_the_client_is_told),
        cmocka_unit_test(traffic_in_words),
        cmocka_unit_test(calls_not_supported),
    };

    fake_qemu_hook(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
