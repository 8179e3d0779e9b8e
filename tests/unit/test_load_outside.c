/*
 * What memaslap 1.1.4 and NPtcp 3.7.2 printed (recorded from real runs), whole, cut short and
 * damaged.
 */
#include "workloads/load/memaslap.h"
#include "workloads/load/nptcp.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Its periodic statistics, then those of the whole run. */
static const char memaslap_report[] =
    "servers: 127.0.0.1:11211\n"
    "threads count: 1\n"
    "concurrency: 32\n"
    "run time: 2s\n"
    "windows size: 10k\n"
    "set proportion: set_prop=0.10\n"
    "get proportion: get_prop=0.90\n"
    "\033[1;1H\033[2J\n"
    "Total Statistics\n"
    "Type     Time(s)  Ops          TPS(ops/s)   Net(M/s)   Get_miss   Min(us)  Max(us)    Avg(us)"
    "    Std_dev    Geo_dist  \n"
    "Period   1        77788        77788        78.3       0          37       8324       410     "
    "   385.27     356.13\n"
    "Global   2        161395       80697        81.3       0          37       8466       396     "
    "   443.88     337.80\n"
    "\n"
    "Get Statistics (145268 events)\n"
    "   Min:        37\n"
    "   Max:      8466\n"
    "   Avg:       395\n"
    "   Geo:    337.77\n"
    "   Std:    444.09\n"
    "   Log2 Dist:\n"
    "       4:        0        0       19      969\n"
    "\n"
    "Total Statistics (161427 events)\n"
    "   Min:        37\n"
    "   Max:      8466\n"
    "   Avg:       396\n"
    "   Geo:    337.88\n"
    "   Std:    444.21\n"
    "   Log2 Dist:\n"
    "       4:        0        0       20     1087\n"
    "       8:    24685   125764     4423     3292\n"
    "      12:     1519      546       91\n"
    "\n"
    "cmd_get: 145295\n"
    "cmd_set: 16164\n"
    "get_misses: 59\n"
    "written_bytes: 22858791\n"
    "read_bytes: 156728176\n"
    "object_bytes: 17069184\n"
    "\n"
    "Run time: 2.0s Ops: 161459 TPS: 80722 Net_rate: 85.6M/s\n";

static const char nptcp_file[] = "    1023 1030.868812   0.00000700\n"
                                 "    1024 1030.868812   0.00000758\n";
static const char nptcp_file_2[] = "    2048 2170.310565   0.00000720\n";

static struct load_result result;

static int parse_memaslap(const char *text, bool may_evict) {
    memset(&result, 0, sizeof result);
    return memaslap_parse(text, may_evict, &result);
}

static void assert_close(double got, double want) {
    if (got < want - 1e-9 * want || got > want + 1e-9 * want) {
        fail_msg("%.9g, should be %.9g", got, want);
    }
}

static void reports_of_memaslap(void **state) {
    (void)state;
    assert_int_equal(parse_memaslap(memaslap_report, false), 0);
    assert_int_equal(result.replies, 161400);
    assert_int_equal(result.errors, 59);
    assert_int_equal(result.misses, 0);
    assert_int_equal(result.reply_bytes, 156728176);
    assert_close(result.seconds, 2);
    assert_close(result.throughput_ops, 80722.0 * 161400 / 161459);
    assert_close(result.latency_mean_us, 396);
    assert_close(result.jitter_us, 444.21);
    assert_close(result.latency_p50_us + 1, 1);
    assert_false(result.has_histogram);
    assert_int_equal(parse_memaslap(memaslap_report, true), 0);
    assert_int_equal(result.replies, 161459);
    assert_int_equal(result.errors, 0);
    assert_int_equal(result.misses, 59);
}

static void reports_cut_short_are_refused(void **state) {
    (void)state;
    char text[sizeof memaslap_report];
    const char *end = strstr(memaslap_report, " Net_rate");
    for (size_t n = 0; n < (size_t)(end - memaslap_report); n++) {
        memcpy(text, memaslap_report, n);
        text[n] = '\0';
        assert_int_equal(parse_memaslap(text, false), -1);
        assert_string_equal(result.error, "memaslap's report cannot be read");
        assert_int_equal(result.replies, 0);
    }
}

static void replace(char *text, const char *what, const char *with) {
    char *at = strstr(text, what);
    assert_non_null(at);
    assert_int_equal(strlen(what), strlen(with));
    memcpy(at, with, strlen(with));
}

static void reports_of_nothing_are_refused(void **state) {
    (void)state;
    char text[sizeof memaslap_report];
    strcpy(text, memaslap_report);
    replace(text, "get_misses: 59", "get_misses: 00");
    replace(text, "Ops: 161459", "Ops: 000000");
    assert_int_equal(parse_memaslap(text, false), -1);
    assert_string_equal(result.error, "no reply to memaslap in 2.0 s");
    strcpy(text, memaslap_report);
    replace(text, "Total Statistics (", "Total statistics (");
    assert_int_equal(parse_memaslap(text, false), -1);
    assert_string_equal(result.error, "memaslap's report has no latencies");
}

static int parse_nptcp(const char *text, uint32_t bytes, bool bidirectional, double *seconds) {
    const struct load_config config = {.message_bytes = bytes, .bidirectional = bidirectional};
    return nptcp_parse(text, &config, seconds);
}

static void files_of_nptcp(void **state) {
    (void)state;
    double seconds;
    assert_int_equal(parse_nptcp(nptcp_file, 1024, false, &seconds), 0);
    assert_close(seconds, 7.58e-6);
    assert_int_equal(parse_nptcp(nptcp_file_2, 1024, true, &seconds), 0);
    assert_close(seconds, 7.2e-6);
    assert_int_equal(parse_nptcp(nptcp_file, 1024, true, &seconds), -1);
    char text[sizeof nptcp_file];
    for (size_t n = 0; n < sizeof nptcp_file - 1; n++) {
        memcpy(text, nptcp_file, n);
        text[n] = '\0';
        assert_int_equal(parse_nptcp(text, 1024, false, &seconds), -1);
    }
}

/* Seeded: any byte may be anything; no step out of bounds, and what is read is sane. */
static void damaged_reports_are_survived(void **state) {
    (void)state;
    uint64_t random = 88172645463325252ull;
    for (int round = 0; round < 20000; round++) {
        char *text = strdup(round % 2 ? memaslap_report : nptcp_file);
        assert_non_null(text);
        for (int i = 0; i < 4; i++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            char byte = (char)(random >> 32);
            text[random % strlen(text)] = byte != '\0' ? byte : '0';
        }
        double seconds;
        if (round % 2 == 0) {
            assert_true(parse_nptcp(text, 1024, false, &seconds) != 0 || seconds > 0);
        } else if (parse_memaslap(text, false) == 0) {
            assert_true(result.seconds > 0 && result.throughput_ops >= 0);
        }
        free(text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reports_of_memaslap),
        cmocka_unit_test(reports_cut_short_are_refused),
        cmocka_unit_test(reports_of_nothing_are_refused),
        cmocka_unit_test(files_of_nptcp),
        cmocka_unit_test(damaged_reports_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
