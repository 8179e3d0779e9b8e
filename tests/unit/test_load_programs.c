/*
 * The loads against Debian's memcached and NPtcp, in a network namespace of this test. What is not
 * installed is skipped.
 */
#include "workloads/load/load.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define MEMCACHED_PORT 11211
#define NETPIPE_PORT   5002

static const int never_stop;
static struct load_result result;

static bool is_installed(const char *name) {
    char path[64];
    snprintf(path, sizeof path, "/usr/bin/%s", name);
    if (access(path, X_OK) == 0) {
        return true;
    }
    print_message("%s is not installed\n", path);
    return false;
}

/* Dies with the test. */
static pid_t start(char *const *arguments, bool over_and_over) {
    pid_t parent = getpid(), pid = fork();
    assert_true(pid >= 0);
    if (pid > 0) {
        setpgid(pid, pid);
        return pid;
    }
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(1);
    }
    int null = open("/dev/null", O_RDWR);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    while (over_and_over) {
        pid_t once = fork();
        if (once == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            execv(arguments[0], arguments);
            _exit(127);
        }
        waitpid(once, NULL, 0);
    }
    execv(arguments[0], arguments);
    _exit(127);
}

static void stop(pid_t pid) {
    kill(-pid, SIGKILL);
    while (waitpid(-pid, NULL, 0) > 0) { /* its children are ours now */
    }
}

static struct sockaddr_in loopback(uint16_t port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void wait_until_served(uint16_t port) {
    struct sockaddr_in to = loopback(port);
    for (int tries = 0; tries < 1000; tries++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int refused = connect(fd, (struct sockaddr *)&to, sizeof to);
        close(fd);
        if (refused == 0) {
            return;
        }
        usleep(20000);
    }
    fail_msg("nobody listens on port %u", port);
}

static pid_t start_memcached(char *megabytes) {
    char *arguments[] = {"/usr/bin/memcached",
                         "-l",
                         "127.0.0.1",
                         "-t",
                         "1",
                         "-m",
                         megabytes,
                         "-I",
                         "2m",
                         "-c",
                         "2000",
                         geteuid() == 0 ? "-u" : NULL,
                         "root",
                         NULL};
    pid_t pid = start(arguments, false);
    wait_until_served(MEMCACHED_PORT);
    return pid;
}

static struct load_config config_of(enum load_protocol protocol) {
    struct load_config c = {.server = loopback(MEMCACHED_PORT),
                            .connections = 8,
                            .seconds = 100,
                            .core = -1,
                            .timeout_seconds = 50};
    load_defaults(&c);
    c.protocol = protocol;
    return c;
}

static void run(enum load_client client, const struct load_config *config) {
    struct load load;
    assert_int_equal(load_start(&load, client, config), 0);
    load_wait(&load, &never_stop);
    memcpy(&result, load.result, sizeof result);
    load_free(&load);
    assert_string_equal(result.error, "");
    assert_true(result.done);
    assert_int_equal(result.errors, 0);
    assert_int_equal(result.refused, 0);
}

static const enum load_protocol both[] = {LOAD_MEMCACHED_TEXT, LOAD_MEMCACHED_BINARY};

static void memcached_answers_as_it_should(void **state) {
    (void)state;
    if (!is_installed("memcached")) {
        skip();
    }
    pid_t pid = start_memcached("256");
    for (int i = 0; i < 2; i++) {
        for (uint32_t pipeline = 1; pipeline <= 64; pipeline *= 8) {
            struct load_config c = config_of(both[i]);
            c.requests_max = 20000;
            c.pipeline = pipeline;
            run(LOAD_CLIENT_NOM, &c);
            assert_int_equal(result.replies, 20000);
            assert_int_equal(result.latency.count, 20000);
            assert_true(result.reply_bytes > 20000 / 2 * 1024);
        }
    }
    stop(pid);
}

static void memcached_bears_a_mixed_load(void **state) {
    (void)state;
    if (!is_installed("memcached")) {
        skip();
    }
    pid_t pid = start_memcached("512");
    for (int i = 0; i < 2; i++) {
        struct load_config c = config_of(both[i]);
        c.connections = 200;
        c.requests_max = 10000;
        c.keys = 1000;
        c.value_bytes = 1;
        c.value_bytes_max = LOAD_VALUE_BYTES_MAX;
        c.get_ratio = 0.6;
        c.delete_ratio = 0.1;
        c.requests_per_connection = 10;
        c.pipeline = 1 + 3 * (uint32_t)i;
        run(LOAD_CLIENT_NOM, &c);
        assert_int_equal(result.replies, 10000);
    }
    stop(pid);
}

/* Keys of 200 MB in 64 MB. */
static void memcached_evicts(void **state) {
    (void)state;
    if (!is_installed("memcached")) {
        skip();
    }
    pid_t pid = start_memcached("64");
    for (int i = 0; i < 2; i++) {
        struct load_config c = config_of(both[i]);
        c.keys = 20000;
        c.value_bytes = 10000;
        c.requests_max = 20000;
        c.may_evict = true;
        run(LOAD_CLIENT_NOM, &c);
        assert_int_equal(result.replies, 20000);
        assert_true(result.misses > 1000);
    }
    stop(pid);
}

static void memaslap_is_run_and_read(void **state) {
    (void)state;
    if (!is_installed("memcached") || !(is_installed("memcaslap") || is_installed("memaslap"))) {
        skip();
    }
    pid_t pid = start_memcached("256");
    for (int i = 0; i < 2; i++) {
        struct load_config c = config_of(both[i]);
        c.seconds = 1;
        c.warmup_seconds = i;
        run(LOAD_CLIENT_MEMASLAP, &c);
        assert_true(result.replies > 100);
        assert_true(result.throughput_ops > 0);
        assert_true(result.latency_mean_us > 0);
        assert_true(result.reply_bytes > result.replies / 2 * 1024);
        assert_true(result.client_cpu_seconds > 0);
    }
    stop(pid);
}

static void nptcp_is_run_and_read(void **state) {
    (void)state;
    static char *const sizes[] = {"1", "1024"};
    if (!is_installed("NPtcp")) {
        skip();
    }
    for (size_t i = 0; i < 2; i++) {
        for (int bidirectional = 0; bidirectional < 2; bidirectional++) {
            char *arguments[] = {"/usr/bin/NPtcp",
                                 "-l",
                                 sizes[i],
                                 "-u",
                                 sizes[i],
                                 "-p",
                                 "0",
                                 "-o",
                                 "/dev/null",
                                 bidirectional ? "-2" : NULL,
                                 NULL};
            pid_t pid = start(arguments, true);
            struct load_config c = config_of(LOAD_NETPIPE);
            c.server = loopback(NETPIPE_PORT);
            c.connections = 1;
            c.seconds = 0.3;
            c.message_bytes = (uint32_t)atoi(sizes[i]);
            c.bidirectional = bidirectional;
            run(LOAD_CLIENT_NPTCP, &c);
            assert_true(result.replies >= 15);
            assert_int_equal(result.reply_bytes, result.replies * c.message_bytes);
            double turns = bidirectional ? 1 : 2;
            assert_true(result.latency_mean_us > 0);
            assert_true(result.throughput_ops * turns * result.latency_mean_us > 0.999e6);
            assert_true(result.throughput_ops * turns * result.latency_mean_us < 1.001e6);
            stop(pid);
        }
    }
}

static int own_network(void **state) {
    (void)state;
    struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
        print_message("no network namespace: %s\n", strerror(errno));
        return -1;
    }
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int error = ioctl(fd, SIOCSIFFLAGS, &lo);
    close(fd);
    return error;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memcached_answers_as_it_should),
        cmocka_unit_test(memcached_bears_a_mixed_load),
        cmocka_unit_test(memcached_evicts),
        cmocka_unit_test(memaslap_is_run_and_read),
        cmocka_unit_test(nptcp_is_run_and_read),
    };
    return cmocka_run_group_tests(tests, own_network, NULL);
}
