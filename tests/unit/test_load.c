/*
 * The client against a server of this process that answers well, badly, in pieces or not at all.
 * Counts are exact: runs end by requests_max, never by the clock, except where the server never
 * answers. Long timeouts are limits that a test reaches only if it fails.
 */
#include "tests/unit/load_server.h"
#include "workloads/load/load.h"
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static const int never_stop;

static struct load_config config_for(const struct sockaddr_in *server, const char *path,
                                     uint32_t connections, uint64_t requests_max) {
    struct load_config c = {.server = *server,
                            .connections = connections,
                            .seconds = 100,
                            .keep_alive = true,
                            .requests_max = requests_max,
                            .core = -1,
                            .timeout_seconds = 50};
    strncpy(c.path, path, sizeof c.path - 1);
    return c;
}

static struct load_result result; /* of the last run; a copy, so that nothing has to be freed */

/* Runs to the end against a server of its own, and checks what always holds. */
static void run(const struct load_config *config) {
    struct load load;
    assert_int_equal(load_start(&load, LOAD_CLIENT_NOM, config), 0);
    load_wait(&load, &never_stop);
    memcpy(&result, load.result, sizeof result);
    load_free(&load);
    assert_int_equal(result.phase, LOAD_PHASE_ENDED);
    assert_int_equal(result.done, result.error[0] == '\0');
    assert_true(result.latency.count <= result.replies);
    assert_true(result.seconds <= config->seconds);
}

static void serve_and_run(const char *path, uint32_t connections, uint64_t requests_max,
                          bool keep_alive, uint64_t *served, uint64_t *accepted) {
    struct sockaddr_in address;
    struct load_server *server = load_server_start(&address);
    assert_non_null(server);
    struct load_config config = config_for(&address, path, connections, requests_max);
    config.keep_alive = keep_alive;
    run(&config);
    *served = load_server_requests(server);
    *accepted = load_server_connections(server);
    load_server_stop(server);
}

static void every_reply_is_counted_once(void **state) {
    (void)state;
    /* path, bytes of a reply's body, connections, requests */
    static const struct {
        const char *path;
        uint64_t body_bytes;
        uint32_t connections;
        uint64_t requests;
    } cases[] = {{"/ok", 5, 1, 100},    {"/ok", 5, 32, 3001},
                 {"/ok", 5, 8, 3},      {"/split", 5, 4, 100},
                 {"/empty", 0, 4, 500}, {"/big", LOAD_SERVER_BIG_BYTES, 3, 20},
                 {"/ok", 5, 1, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t served, accepted;
        serve_and_run(cases[i].path, cases[i].connections, cases[i].requests, true, &served,
                      &accepted);
        assert_string_equal(result.error, "");
        assert_int_equal(result.replies, cases[i].requests);
        assert_int_equal(result.refused, 0);
        assert_int_equal(result.errors, 0);
        assert_int_equal(served, cases[i].requests);
        assert_true(accepted <= cases[i].connections);
        assert_true(result.has_histogram);
        assert_int_equal(result.latency.count, cases[i].requests);
        assert_true(result.reply_bytes > cases[i].requests * cases[i].body_bytes);
        assert_int_equal(result.reply_bytes % cases[i].requests, 0);
        assert_true(result.seconds > 0);
        assert_true(fabs(result.throughput_ops - (double)result.replies / result.seconds) < 1e-6);
        assert_true(result.latency_p50_us > 0);
        assert_true(result.latency_p50_us <= result.latency_p999_us);
    }
}

static void one_request_a_connection(void **state) {
    (void)state;
    uint64_t served, accepted;
    serve_and_run("/ok", 7, 300, false, &served, &accepted);
    assert_int_equal(result.replies, 300);
    assert_int_equal(result.errors, 0);
    assert_int_equal(served, 300);
    assert_int_equal(accepted, 300);
    serve_and_run("/stubborn", 7, 300, false, &served, &accepted);
    assert_int_equal(result.replies, 300);
    assert_int_equal(result.errors, 0);
    assert_int_equal(accepted, 300);
}

static void a_server_that_closes_is_no_error(void **state) {
    (void)state;
    uint64_t served, accepted;
    serve_and_run("/http10", 3, 50, true, &served, &accepted);
    assert_int_equal(result.replies, 50);
    assert_int_equal(result.errors, 0);
    assert_int_equal(accepted, 50);
}

static void refusals_are_not_errors(void **state) {
    (void)state;
    uint64_t served, accepted;
    serve_and_run("/503", 4, 100, true, &served, &accepted);
    assert_int_equal(result.replies, 0);
    assert_int_equal(result.refused, 100);
    assert_int_equal(result.errors, 0);
    assert_int_equal(result.latency.count, 0);
    assert_int_equal(result.reply_bytes, 0);
    assert_true(result.done);
    assert_true(accepted <= 4);
}

static void bad_replies_are_errors(void **state) {
    (void)state;
    static const char *const paths[] = {"/404",      "/cut",     "/reset",  "/surplus",
                                        "/nolength", "/chunked", "/garbage"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        uint64_t served, accepted;
        serve_and_run(paths[i], 2, 6, true, &served, &accepted);
        assert_int_equal(result.replies, 0);
        assert_int_equal(result.refused, 0);
        assert_int_equal(result.errors, 6);
        assert_int_equal(served, 6);
        assert_true(accepted >= 6); /* each is reopened */
        assert_int_equal(result.latency.count, 0);
    }
}

static void mixed_replies_are_told_apart(void **state) {
    (void)state;
    uint64_t served, accepted;
    for (int keep_alive = 0; keep_alive < 2; keep_alive++) {
        serve_and_run("/mixed", 5, 80, keep_alive, &served, &accepted);
        assert_int_equal(served, 80);
        assert_int_equal(result.replies, 20);
        assert_int_equal(result.refused, 20);
        assert_int_equal(result.errors, 40);
        assert_int_equal(result.latency.count, 20);
        assert_true(result.done);
    }
}

static void a_silent_server_ends_the_load(void **state) {
    (void)state;
    struct sockaddr_in address;
    struct load_server *server = load_server_start(&address);
    assert_non_null(server);
    struct load_config config = config_for(&address, "/silent", 3, 0);
    config.timeout_seconds = 0.2;
    run(&config);
    assert_false(result.done);
    assert_non_null(strstr(result.error, "no reply from 127.0.0.1 port "));
    assert_non_null(strstr(result.error, "timed out"));
    assert_int_equal(result.replies, 0);
    /* Also if the recorded time ends before the timeout. */
    config.timeout_seconds = 50;
    config.seconds = 0.1;
    run(&config);
    assert_false(result.done);
    assert_non_null(strstr(result.error, "no reply from 127.0.0.1 port "));
    load_server_stop(server);
}

static void one_silent_connection_is_one_error(void **state) {
    (void)state;
    struct sockaddr_in address;
    struct load_server *server = load_server_start(&address);
    assert_non_null(server);
    struct load_config config = config_for(&address, "/first", 4, 40);
    config.timeout_seconds = 1;
    run(&config);
    assert_int_equal(result.replies, 39);
    assert_int_equal(result.errors, 1);
    assert_true(result.done);
    load_server_stop(server);
}

/* A port of loopback that nobody listens on: bound, so that nobody else gets it. */
static int closed_port(struct sockaddr_in *address) {
    socklen_t bytes = sizeof *address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)address, sizeof *address), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)address, &bytes), 0);
    return fd;
}

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* The reply comes while the client is held up, for longer than it would wait. Once more where it
 * was not held in time, since this process was held up itself. */
static void a_client_that_was_held_up_reads_before_it_gives_up(void **state) {
    (void)state;
    bool in_time = false;
    for (int tries = 20; tries > 0 && !in_time; tries--) {
        struct sockaddr_in address;
        struct load_server *server = load_server_start(&address);
        assert_non_null(server);
        struct load_config config = config_for(&address, "/gate", 1, 5);
        config.timeout_seconds = 1;
        struct load load;
        double began_s = now_s();
        assert_int_equal(load_start(&load, LOAD_CLIENT_NOM, &config), 0);
        while (load_server_requests(server) == 0)
            usleep(1000);
        kill(load.pid, SIGSTOP);
        in_time = now_s() - began_s < 0.5;
        load_server_open_gate(server);
        usleep(1200000);
        kill(load.pid, SIGCONT);
        load_wait(&load, &never_stop);
        memcpy(&result, load.result, sizeof result);
        load_free(&load);
        load_server_stop(server);
    }
    assert_true(in_time);
    assert_string_equal(result.error, "");
    assert_int_equal(result.replies, 5);
    assert_int_equal(result.errors, 0);
}

static void refused_connects_are_errors_and_back_off(void **state) {
    (void)state;
    struct sockaddr_in address;
    int fd = closed_port(&address);
    struct load_config config = config_for(&address, "/ok", 2, 0);
    config.timeout_seconds = 0.3;
    run(&config);
    assert_false(result.done);
    assert_non_null(strstr(result.error, "Connection refused"));
    assert_true(result.errors >= 2);
    assert_true(result.errors <= 200); /* a busy loop would make tens of thousands */
    close(fd);
}

static void warm_up_does_not_count(void **state) {
    (void)state;
    struct sockaddr_in address;
    struct load_server *server = load_server_start(&address);
    assert_non_null(server);
    struct load_config config = config_for(&address, "/ok", 2, 0);
    struct load load;
    config.warmup_seconds = 1000;
    assert_int_equal(load_start(&load, LOAD_CLIENT_NOM, &config), 0);
    while (load_server_requests(server) < 50) {
        sched_yield();
        assert_int_equal(load_poll(&load), 0);
    }
    assert_int_equal(load.result->phase, LOAD_PHASE_WARMUP);
    assert_int_equal(load.result->replies, 0);
    assert_int_equal(load.result->latency.count, 0);
    load_free(&load);
    load_server_stop(server);
}

/* A reply that comes in the recorded time to a request sent before it counts, but has no latency.
 */
static void latency_is_of_requests_sent_after_the_warm_up(void **state) {
    (void)state;
    struct sockaddr_in address;
    struct load_server *server = load_server_start(&address);
    assert_non_null(server);
    struct load_config config = config_for(&address, "/gate", 1, 5);
    struct load load;
    config.warmup_seconds = 1;
    assert_int_equal(load_start(&load, LOAD_CLIENT_NOM, &config), 0);
    while (load.result->phase == LOAD_PHASE_WARMUP) {
        usleep(1000);
    }
    assert_int_equal(load_server_requests(server), 1);
    load_server_open_gate(server);
    load_wait(&load, &never_stop);
    assert_int_equal(load.result->replies, 5);
    assert_int_equal(load.result->latency.count, 4);
    load_free(&load);
    load_server_stop(server);
}

static void time_ends_a_load(void **state) {
    (void)state;
    struct sockaddr_in address;
    struct load_server *server = load_server_start(&address);
    assert_non_null(server);
    struct load_config config = config_for(&address, "/ok", 2, 0);
    config.seconds = 0.25;
    config.warmup_seconds = 0.05;
    run(&config);
    assert_true(result.done);
    assert_true(fabs(result.seconds - 0.25) < 1e-6);
    assert_true(result.replies <= load_server_requests(server));
    load_server_stop(server);
}

static void stopped_and_killed_loads_say_so(void **state) {
    (void)state;
    struct sockaddr_in address;
    struct load_server *server = load_server_start(&address);
    assert_non_null(server);
    struct load_config config = config_for(&address, "/silent", 1, 0);
    struct load load;
    const int stop = 1;
    assert_int_equal(load_start(&load, LOAD_CLIENT_NOM, &config), 0);
    load_wait(&load, &stop);
    assert_false(load.result->done);
    assert_string_equal(load.result->error, "stopped");
    assert_int_equal(load_poll(&load), 1);
    load_free(&load);

    assert_int_equal(load_start(&load, LOAD_CLIENT_NOM, &config), 0);
    assert_int_equal(kill(load.pid, SIGKILL), 0);
    load_wait(&load, &never_stop);
    assert_false(load.result->done);
    assert_non_null(strstr(load.result->error, "signal 9"));
    load_free(&load);
    load_server_stop(server);
}

static void bad_settings_are_refused(void **state) {
    (void)state;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(80), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int kind = 0; kind < 16; kind++) {
        struct load_config c = config_for(&address, "/ok", 1, 0);
        enum load_client client = LOAD_CLIENT_NOM;
        switch (kind) {
        case 0:
            c.connections = 0;
            break;
        case 1:
            c.connections = LOAD_CONNECTIONS_MAX + 1;
            break;
        case 2:
            c.seconds = 0;
            break;
        case 3:
            c.seconds = NAN;
            break;
        case 4:
            c.seconds = INFINITY;
            break;
        case 5:
            c.warmup_seconds = -1;
            break;
        case 6:
            c.timeout_seconds = 0;
            break;
        case 7:
            strcpy(c.path, "ok");
            break;
        case 8:
            strcpy(c.path, "/ok HTTP/1.1\r\nX: y");
            break;
        case 9:
            memset(c.path, '/', sizeof c.path);
            break;
        case 10:
            c.path[0] = '\0';
            break;
        case 11:
            c.core = -2;
            break;
        case 12:
            c.core = 1 << 20;
            break;
        case 13:
            c.server.sin_family = AF_INET6;
            break;
        case 14:
            c.server.sin_port = 0;
            break;
        default:
            client = LOAD_CLIENT_WRK;
            c.requests_max = 1;
            break;
        }
        struct load load;
        assert_int_equal(load_start(&load, client, &c), -EINVAL);
    }
}

static void a_core_that_is_not_there_is_an_error(void **state) {
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(80)};
    struct load_config config = config_for(&address, "/ok", 1, 0);
    config.core = CPU_SETSIZE - 1;
    run(&config);
    assert_false(result.done);
    assert_non_null(strstr(result.error, "cannot pin"));
    assert_true(load_spinner_start(CPU_SETSIZE - 1) < 0);
    assert_int_equal(load_spinner_start(-1), -EINVAL);
}

static int first_core(void) {
    cpu_set_t set;
    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    int core = 0;
    while (!CPU_ISSET((size_t)core, &set)) {
        core++;
    }
    return core;
}

static void spinner_is_idle_and_pinned(void **state) {
    (void)state;
    int core = first_core();
    pid_t pid = load_spinner_start(core);
    assert_true(pid > 0);
    cpu_set_t set;
    assert_int_equal(sched_getscheduler(pid), SCHED_IDLE);
    assert_int_equal(sched_getaffinity(pid, sizeof set, &set), 0);
    assert_int_equal(CPU_COUNT(&set), 1);
    assert_true(CPU_ISSET((size_t)core, &set));
    load_spinner_stop(pid);
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(errno, ESRCH);
}

/* A load and a spinner whose parent is killed are killed too, and come to us as orphans. */
static void children_die_with_their_parent(void **state) {
    (void)state;
    struct sockaddr_in address;
    int fd = closed_port(&address), told[2];
    struct load_config config = config_for(&address, "/ok", 1, 0);
    int core = first_core();
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    assert_int_equal(pipe(told), 0);
    pid_t parent = fork();
    assert_true(parent >= 0);
    if (parent == 0) {
        struct load load;
        int ready = load_start(&load, LOAD_CLIENT_NOM, &config) == 0;
        pid_t pids[2] = {ready ? load.pid : -1, load_spinner_start(core)};
        if (write(told[1], pids, sizeof pids) != sizeof pids) {
            _exit(1);
        }
        pause();
        _exit(1);
    }
    pid_t pids[2];
    assert_int_equal(read(told[0], pids, sizeof pids), sizeof pids);
    assert_int_equal(kill(parent, SIGKILL), 0);
    assert_int_equal(waitpid(parent, NULL, 0), parent);
    for (int i = 0; i < 2; i++) {
        int status = 0;
        assert_true(pids[i] > 0);
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 1);
    }
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
    close(told[0]);
    close(told[1]);
    close(fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reply_is_counted_once),
        cmocka_unit_test(one_request_a_connection),
        cmocka_unit_test(a_server_that_closes_is_no_error),
        cmocka_unit_test(refusals_are_not_errors),
        cmocka_unit_test(bad_replies_are_errors),
        cmocka_unit_test(mixed_replies_are_told_apart),
        cmocka_unit_test(a_silent_server_ends_the_load),
        cmocka_unit_test(one_silent_connection_is_one_error),
        cmocka_unit_test(a_client_that_was_held_up_reads_before_it_gives_up),
        cmocka_unit_test(refused_connects_are_errors_and_back_off),
        cmocka_unit_test(warm_up_does_not_count),
        cmocka_unit_test(latency_is_of_requests_sent_after_the_warm_up),
        cmocka_unit_test(time_ends_a_load),
        cmocka_unit_test(stopped_and_killed_loads_say_so),
        cmocka_unit_test(bad_settings_are_refused),
        cmocka_unit_test(a_core_that_is_not_there_is_an_error),
        cmocka_unit_test(spinner_is_idle_and_pinned),
        cmocka_unit_test(children_die_with_their_parent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
