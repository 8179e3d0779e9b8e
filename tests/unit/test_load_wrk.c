/*
 * wrk's report as wrk 4.1 printed it (recorded from real runs), whole, cut short and damaged; and
 * the processes around it, with a stand-in for wrk in PATH that prints such a report.
 */
#include "workloads/load/load.h"
#include "workloads/load/wrk.h"
#include <arpa/inet.h>
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

static const char report_32[] = "Running 1s test @ http://127.0.0.1:8080/f\n"
                                "  1 threads and 32 connections\n"
                                "  Thread Stats   Avg      Stdev     Max   +/- Stdev\n"
                                "    Latency   332.28us  146.44us   3.11ms   90.46%\n"
                                "    Req/Sec    95.70k    25.73k  138.96k    80.00%\n"
                                "  Latency Distribution\n"
                                "     50%  338.00us\n"
                                "     75%  414.00us\n"
                                "     90%  440.00us\n"
                                "     99%  615.00us\n"
                                "  94985 requests in 1.00s, 37.41MB read\n"
                                "Requests/sec:  94860.35\n"
                                "Transfer/sec:     37.36MB\n";

static const char report_all_404[] = "Running 1s test @ http://127.0.0.1:8080/missing\n"
                                     "  1 threads and 4 connections\n"
                                     "  Thread Stats   Avg      Stdev     Max   +/- Stdev\n"
                                     "    Latency    59.40us   48.73us   1.70ms   98.01%\n"
                                     "    Req/Sec    60.44k    10.19k   76.54k    60.00%\n"
                                     "  Latency Distribution\n"
                                     "     50%   59.00us\n"
                                     "     75%   69.00us\n"
                                     "     90%   82.00us\n"
                                     "     99%  122.00us\n"
                                     "  60089 requests in 1.00s, 17.65MB read\n"
                                     "  Non-2xx or 3xx responses: 60089\n"
                                     "Requests/sec:  60073.80\n"
                                     "Transfer/sec:     17.65MB\n";

static const char report_cut_replies[] =
    "Running 1s test @ http://127.0.0.1:8090/\n"
    "  1 threads and 4 connections\n"
    "  Thread Stats   Avg      Stdev     Max   +/- Stdev\n"
    "    Latency    47.63us   37.10us   1.91ms   95.02%\n"
    "    Req/Sec    17.96k   503.29    18.30k    90.91%\n"
    "  Latency Distribution\n"
    "     50%   44.00us\n"
    "     75%   57.00us\n"
    "     90%   62.00us\n"
    "     99%  146.00us\n"
    "  19648 requests in 1.10s, 1.57MB read\n"
    "  Socket errors: connect 0, read 39295, write 0, timeout 0\n"
    "Requests/sec:  17864.61\n"
    "Transfer/sec:      1.43MB\n";

static const char report_slow[] = "Running 2s test @ http://127.0.0.1:8080/big\n"
                                  "  1 threads and 2000 connections\n"
                                  "  Thread Stats   Avg      Stdev     Max   +/- Stdev\n"
                                  "    Latency   810.70ms  369.95ms   1.25s    58.83%\n"
                                  "    Req/Sec     1.67k   298.07     1.88k    94.44%\n"
                                  "  Latency Distribution\n"
                                  "     50%  920.04ms\n"
                                  "     75%    1.16s \n"
                                  "     90%    1.21s \n"
                                  "     99%    1.24s \n"
                                  "  3262 requests in 2.07s, 3.48GB read\n"
                                  "Requests/sec:   1579.19\n"
                                  "Transfer/sec:      1.68GB\n";

static const char report_silent[] = "Running 3s test @ http://127.0.0.1:8091/\n"
                                    "  1 threads and 4 connections\n"
                                    "  Thread Stats   Avg      Stdev     Max   +/- Stdev\n"
                                    "    Latency     0.00us    0.00us   0.00us    -nan%\n"
                                    "    Req/Sec     0.00      0.00     0.00      -nan%\n"
                                    "  Latency Distribution\n"
                                    "     50%    0.00us\n"
                                    "     75%    0.00us\n"
                                    "     90%    0.00us\n"
                                    "     99%    0.00us\n"
                                    "  0 requests in 3.01s, 0.00B read\n"
                                    "Requests/sec:      0.00\n"
                                    "Transfer/sec:       0.00B\n";

static struct load_result result;

static int parse(const char *text) {
    memset(&result, 0, sizeof result);
    return wrk_parse(text, &result);
}

static void assert_close(double got, double want) {
    if (got < want - 1e-9 * want || got > want + 1e-9 * want) {
        fail_msg("%.9g, should be %.9g", got, want);
    }
}

static void whole_reports(void **state) {
    (void)state;
    assert_int_equal(parse(report_32), 0);
    assert_int_equal(result.replies, 94985);
    assert_int_equal(result.errors, 0);
    assert_int_equal(result.refused, 0);
    assert_int_equal(result.reply_bytes, (uint64_t)(37.41 * 1048576));
    assert_close(result.seconds, 1.0);
    assert_close(result.throughput_ops, 94860.35);
    assert_close(result.latency_mean_us, 332.28);
    assert_close(result.jitter_us, 146.44);
    assert_close(result.latency_p50_us, 338);
    assert_close(result.latency_p90_us, 440);
    assert_close(result.latency_p99_us, 615);
    assert_false(result.has_histogram);

    assert_int_equal(parse(report_slow), 0);
    assert_close(result.latency_mean_us, 810700);
    assert_close(result.latency_p50_us, 920040);
    assert_close(result.latency_p90_us, 1210000);
    assert_close(result.latency_p99_us, 1240000);
    assert_close(result.seconds, 2.07);
    assert_int_equal(result.reply_bytes, (uint64_t)(3.48 * 1073741824.0));
}

static void errors_in_reports(void **state) {
    (void)state;
    assert_int_equal(parse(report_all_404), 0);
    assert_int_equal(result.replies, 0);
    assert_int_equal(result.errors, 60089);
    assert_true(result.throughput_ops == 0);
    assert_int_equal(parse(report_cut_replies), 0);
    assert_int_equal(result.replies, 19648);
    assert_int_equal(result.errors, 39295);
    assert_int_equal(parse(report_silent), -1);
    assert_string_equal(result.error, "no reply to wrk in 3.0 s (0 socket errors)");
}

/* Nothing but the last line, which is not used, may be missing. */
static void reports_cut_short_are_refused(void **state) {
    (void)state;
    const size_t needed = (size_t)(strstr(report_32, "Transfer/sec") - report_32);
    for (size_t n = 0; n < needed; n++) {
        char *text = malloc(n + 1);
        assert_non_null(text);
        memcpy(text, report_32, n);
        text[n] = '\0';
        int got = parse(text);
        free(text);
        assert_int_equal(got, -1);
        assert_string_not_equal(result.error, "");
        assert_true(result.throughput_ops == 0);
    }
}

static void damaged_reports_are_survived(void **state) {
    (void)state;
    uint64_t random = 88172645463325252ull;
    for (int round = 0; round < 20000; round++) {
        char *text = strdup(report_cut_replies);
        assert_non_null(text);
        for (int i = 0; i < 4; i++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            text[random % (sizeof report_cut_replies - 1)] = (char)(random >> 32);
        }
        int got = parse(text);
        free(text);
        assert_true(got == 0 || result.error[0] != '\0');
    }
}

/* ---- processes ---- */

static char folder[] = "/tmp/test-load-wrk-XXXXXX";
static char stand_in_path[4096];

static void file_in_folder(char *path, size_t room, const char *name) {
    snprintf(path, room, "%s/%s", folder, name);
}

static void write_file(const char *name, const char *text, mode_t mode) {
    char path[128];
    file_in_folder(path, sizeof path, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

/* A wrk that notes its arguments, prints `report` and then does `last`. */
static void install_wrk(const char *report, const char *last) {
    char script[512];
    snprintf(script, sizeof script, "#!/bin/sh\ncd %s\necho \"$@\" >>arguments\ncat report\n%s\n",
             folder, last);
    write_file("report", report, 0644);
    write_file("arguments", "", 0644);
    write_file("wrk", script, 0755);
}

static void arguments(char *text, size_t room) {
    char path[128];
    file_in_folder(path, sizeof path, "arguments");
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(text, 1, room - 1, f);
    text[n] = '\0';
    fclose(f);
}

static struct load_config config(void) {
    return (struct load_config){.server = {.sin_family = AF_INET,
                                           .sin_port = htons(8080),
                                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
                                .path = "/x.html",
                                .connections = 32,
                                .seconds = 1.5,
                                .keep_alive = true,
                                .core = -1,
                                .timeout_seconds = 30};
}

static void run(const struct load_config *c) {
    static const int never_stop;
    struct load load;
    assert_int_equal(load_start(&load, LOAD_CLIENT_WRK, c), 0);
    load_wait(&load, &never_stop);
    memcpy(&result, load.result, sizeof result);
    load_free(&load);
    assert_int_equal(result.phase, LOAD_PHASE_ENDED);
    assert_int_equal(result.done, result.error[0] == '\0');
}

static void wrk_is_run_and_read(void **state) {
    (void)state;
    char text[512];
    struct load_config c = config();
    install_wrk(report_32, "exit 0");
    run(&c);
    assert_string_equal(result.error, "");
    assert_int_equal(result.replies, 94985);
    assert_false(result.has_histogram);
    arguments(text, sizeof text);
    assert_string_equal(text,
                        "-t1 -c 32 -d 2s --latency --timeout 30s http://127.0.0.1:8080/x.html\n");

    c.warmup_seconds = 0.3;
    c.keep_alive = false;
    c.seconds = 3;
    install_wrk(report_32, "exit 0");
    run(&c);
    assert_true(result.done);
    arguments(text, sizeof text);
    assert_string_equal(text, "-t1 -c 32 -d 1s --latency --timeout 30s "
                              "http://127.0.0.1:8080/x.html -H Connection: close\n"
                              "-t1 -c 32 -d 3s --latency --timeout 30s "
                              "http://127.0.0.1:8080/x.html -H Connection: close\n");
}

static void failures_of_wrk_are_told(void **state) {
    (void)state;
    struct load_config c = config();
    install_wrk("unable to connect to 127.0.0.1:8080 Connection refused\n", "exit 1");
    run(&c);
    assert_string_equal(result.error,
                        "wrk failed: unable to connect to 127.0.0.1:8080 Connection refused");
    install_wrk("", "kill -9 $$");
    run(&c);
    assert_string_equal(result.error, "wrk failed: it printed nothing");
    install_wrk("Running 1s test", "exit 0");
    run(&c);
    assert_string_equal(result.error, "wrk's report cannot be read");
    install_wrk(report_silent, "exit 0");
    run(&c);
    assert_non_null(strstr(result.error, "no reply to wrk"));
    install_wrk("", "exec sleep 1000");
    c.seconds = 1;
    c.timeout_seconds = 0.1;
    run(&c);
    assert_string_equal(result.error, "wrk did not end in time");
}

static void a_missing_wrk_names_its_package(void **state) {
    (void)state;
    struct load_config c = config();
    assert_int_equal(setenv("PATH", "/nonexistent", 1), 0);
    run(&c);
    assert_int_equal(setenv("PATH", stand_in_path, 1), 0);
    assert_string_equal(result.error, "wrk is not in PATH: install package wrk");
}

/* Both the process that watches wrk and wrk itself; orphans come to us. */
static void wrk_dies_with_its_load(void **state) {
    (void)state;
    struct load_config c = config();
    struct load load;
    char text[512] = "";
    install_wrk("", "exec sleep 1000");
    c.seconds = 900;
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    assert_int_equal(load_start(&load, LOAD_CLIENT_WRK, &c), 0);
    while (strchr(text, '\n') == NULL) {
        usleep(1000);
        arguments(text, sizeof text);
    }
    load_free(&load);
    /* Another orphan may be a command that the stand-in, a shell script, had just done with. */
    int status, killed = 0;
    while (waitpid(-1, &status, 0) > 0) {
        killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    }
    assert_true(killed >= 1);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
}

static int set_up(void **state) {
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(stand_in_path, sizeof stand_in_path, "%s:%s", folder, getenv("PATH"));
    return setenv("PATH", stand_in_path, 1);
}

static int tear_down(void **state) {
    (void)state;
    static const char *const names[] = {"wrk", "report", "arguments"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[128];
        file_in_folder(path, sizeof path, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_reports),
        cmocka_unit_test(errors_in_reports),
        cmocka_unit_test(reports_cut_short_are_refused),
        cmocka_unit_test(damaged_reports_are_survived),
        cmocka_unit_test(wrk_is_run_and_read),
        cmocka_unit_test(failures_of_wrk_are_told),
        cmocka_unit_test(a_missing_wrk_names_its_package),
        cmocka_unit_test(wrk_dies_with_its_load),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
