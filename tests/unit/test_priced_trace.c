/* Recorded prices: moments, both formats, and the replay on a fake clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/priced/trace.h"
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define S   1000000ull
#define OUT NOM_USE_GBIT_OUT_PER_S
#define CPU NOM_USE_CPU_S_PER_S

static struct priced_event events[64];
static struct priced_trace trace = {.event = events, .room = 64};

static void moments(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double seconds;
    } good[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01 00:00:01", 1},
        {"2000-02-29T12:00:00.5Z", 951825600.5},
        {"2016-04-18T09:05:07.000Z", 1460970307},
        {"2024-05-01T00:00:00+00:00", 1714521600},
        {"2024-05-01T01:30:00+01:30", 1714521600},
        {"2024-04-30T19:00:00-0500", 1714521600},
        {"1969-12-31T23:59:59Z", -1},
        {"2100-03-01T00:00:00Z", 4107542400},
    };
    static const char *const bad[] = {"",
                                      "2024",
                                      "2024-05-01",
                                      "2024-13-01T00:00:00Z",
                                      "2024-00-01T00:00:00Z",
                                      "2024-05-32T00:00:00Z",
                                      "2024-05-01T24:00:00Z",
                                      "2024-05-01T00:60:00Z",
                                      "2024-05-01T00:00:00x",
                                      "2024-05-01T00:00:00.Z",
                                      "2024-05-01T00:00:00+1",
                                      "2024-05-01T00:00Z",
                                      "24-05-01T00:00:00Z",
                                      "2024-05-01T00:00:00+24:00",
                                      "2024-05-01T00:00:00ZZ",
                                      " 2024-05-01T00:00:00Z"};
    double s;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(priced_moment(good[i].text, &s), 0);
        assert_true(fabs(s - good[i].seconds) < 1e-6);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(priced_moment(bad[i], &s), -1);
}

static int read_csv(const char *text, double scale, struct priced_trouble *t) {
    return priced_csv_read(&trace, text, strlen(text), scale, t);
}

static void csv(void **state) {
    (void)state;
    struct priced_trouble t;
    assert_int_equal(read_csv("# made by hand\r\n\r\n"
                              "time_s,gbit_out_per_s:usd_per_gb,cpu_s_per_s:usd_per_hour\r\n"
                              "100,8,\n"
                              "# a comment\n"
                              "101.5,,3600\n"
                              "103,16,7200",
                              1, &t),
                     0);
    assert_int_equal(trace.count, 3);
    assert_true(events[0].at_s == 0 && events[1].at_s == 1.5 && events[2].at_s == 3);
    assert_true(events[0].usd[OUT - 1] == 1 && isnan(events[0].usd[CPU - 1]));
    assert_true(events[1].usd[OUT - 1] == 1 && fabs(events[1].usd[CPU - 1] - 1) < 1e-12);
    assert_true(events[2].usd[OUT - 1] == 2 && fabs(events[2].usd[CPU - 1] - 2) < 1e-12);
    assert_int_equal(read_csv("time_utc,gbit_out_per_s:usd_per_gbit\n2024-05-01T00:00:00Z,5\n"
                              "2024-05-01T00:01:00Z,6\n",
                              10, &t),
                     0);
    assert_true(events[1].at_s == 60 && events[1].usd[OUT - 1] == 60);
    assert_int_equal(priced_csv_room("a\nb\nc", 5), 3);
}

static void csv_refused(void **state) {
    (void)state;
#define HEAD "time_s,gbit_out_per_s:usd_per_gbit\n"
    static const struct {
        const char *text, *line;
    } bad[] = {
        {"", "line 0: a trace without a price"},
        {HEAD, "line 1: a trace without a price"},
        {"time,gbit_out_per_s:usd_per_gbit\n", "line 1: the first column is time_s or time_utc"},
        {"time_s\n", "line 1: the header needs a time and prices"},
        {"time_s,gbit_out_per_s\n", "USE:UNIT, not: gbit_out_per_s"},
        {"time_s,gbit:usd_per_gbit\n", "there is no use: gbit"},
        {"time_s,gbit_out_per_s:usd_per_hour\n", "no unit: usd_per_hour"},
        {"time_s,gbit_out_per_s:usd_per_gb,gbit_out_per_s:usd_per_gb\n", "two columns of"},
        {HEAD "0,1,2\n", "line 2: another number of columns"},
        {HEAD "0\n", "line 2: another number of columns"},
        {HEAD "x,1\n", "line 2: no time: x"},
        {HEAD "0,1\n0,2\n", "line 3: its time is not after the one before: 0"},
        {HEAD "5,1\n4,2\n", "line 3: its time is not after"},
        {HEAD "0,-1\n", "line 2: no price: -1"},
        {HEAD "0,nan\n", "line 2: no price: nan"},
        {HEAD "0,1e999\n", "line 2: no price"},
        {HEAD "nan,1\n", "line 2: no time"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct priced_trouble t;
        assert_int_equal(read_csv(bad[i].text, 1, &t), -1);
        if (!strstr(t.text, bad[i].line))
            print_message("%s", t.text);
        assert_non_null(strstr(t.text, bad[i].line));
    }
    static char text[1000] = HEAD;
    struct priced_trouble t;
    memset(text + strlen(HEAD), '1', PRICED_CSV_LINE);
    assert_int_equal(read_csv(text, 1, &t), -1);
    assert_non_null(strstr(t.text, "line 2: too long"));
    assert_int_equal(priced_csv_read(&trace, HEAD "0\0,1\n", strlen(HEAD) + 5, 1, &t), -1);
    trace.room = 1;
    assert_int_equal(read_csv(HEAD "0,1\n1,2\n", 1, &t), -1);
    trace.room = 64;
}

/* An entry of us-east-1ZONE. */
static const char *entry(char zone, const char *price, const char *time) {
    static char texts[8][300];
    static unsigned next;
    char *text = texts[next++ % 8];
    snprintf(
        text, sizeof texts[0],
        "{\"AvailabilityZone\": \"us-east-1%c\", \"InstanceType\": \"m5.large\", "
        "\"ProductDescription\": \"Linux/UNIX\", \"SpotPrice\": \"%s\", \"Timestamp\": \"%s\"}",
        zone, price, time);
    return text;
}

static int read_ec2(const char *text, const struct priced_ec2_filter *filter,
                    struct priced_trouble *t) {
    static _Alignas(16) char arena[64 * 1024];
    priced_json_start(arena, sizeof arena, 1);
    const json_t *document = priced_json_read(text, strlen(text), t);
    assert_non_null(document);
    assert_true(priced_ec2_room(document) <= trace.room);
    return priced_ec2_read(&trace, document, filter, priced_unit(CPU, "usd_per_hour"), 1, t);
}

static void ec2(void **state) {
    (void)state;
    static char text[2000];
    struct priced_ec2_filter filter = {.zone = "us-east-1a"};
    struct priced_trouble t;
    snprintf(text, sizeof text, "{\"SpotPriceHistory\": [%s, %s, %s, %s, %s]}",
             entry('a', "0.0300", "2024-05-01T02:00:00+00:00"),
             entry('b', "0.9", "2024-05-01T01:30:00+00:00"),
             entry('a', "0.0200", "2024-05-01T01:00:00+00:00"),
             entry('a', "0.0200", "2024-05-01T01:00:00+00:00"),
             entry('a', "0.0100", "2024-05-01T00:00:00.000Z"));
    assert_int_equal(read_ec2(text, &filter, &t), 0);
    assert_int_equal(trace.count, 3);
    for (int i = 0; i < 3; i++) {
        assert_true(events[i].at_s == 3600 * i);
        assert_true(fabs(events[i].usd[CPU - 1] - 0.01 * (i + 1) / 3600) < 1e-15);
        assert_true(isnan(events[i].usd[OUT - 1]));
    }
    filter.zone = NULL;
    assert_int_equal(read_ec2(text, &filter, &t), -1);
    assert_string_equal(t.text, "more than one AvailabilityZone: us-east-1a and us-east-1b");
    filter.zone = "us-east-1c";
    assert_int_equal(read_ec2(text, &filter, &t), -1);
    assert_string_equal(t.text, "no price in SpotPriceHistory passes the filters");
    filter = (struct priced_ec2_filter){
        .instance_type = "m5.large", .zone = "us-east-1b", .product = "Linux/UNIX"};
    assert_int_equal(read_ec2(text, &filter, &t), 0);
    assert_int_equal(trace.count, 1);
}

static void ec2_refused(void **state) {
    (void)state;
    static char text[400];
    struct priced_ec2_filter filter = {0};
    struct priced_trouble t;
    assert_int_equal(read_ec2("{}", &filter, &t), -1);
    assert_int_equal(read_ec2("{\"SpotPriceHistory\": []}", &filter, &t), -1);
    assert_string_equal(t.text, "no price in SpotPriceHistory");
    assert_int_equal(read_ec2("{\"SpotPriceHistory\": [1]}", &filter, &t), -1);
    assert_string_equal(t.text, "SpotPriceHistory[0]: no Timestamp: ");
    snprintf(text, sizeof text, "{\"SpotPriceHistory\": [%s]}",
             entry('a', "-1", "2024-05-01T00:00:00Z"));
    assert_int_equal(read_ec2(text, &filter, &t), -1);
    assert_string_equal(t.text, "SpotPriceHistory[0]: no SpotPrice: -1");
}

/* 1 at 0 s, 2 at 10 s, 3 at 30 s; so a round is 50 s. */
static void three(void) {
    struct priced_trouble t;
    assert_int_equal(read_csv(HEAD "0,1\n10,2\n30,3\n", 1, &t), 0);
}

static void takes(struct priced_replay *r, uint64_t now_us, double usd) {
    struct priced_answer a;
    assert_true(priced_replay_take(r, now_us, &a));
    assert_int_equal(a.count, 1);
    assert_true(a.quote[0].price_usd == usd);
    assert_false(priced_replay_take(r, now_us, &a));
}

static void replay_holds_at_the_end(void **state) {
    (void)state;
    struct priced_replay r;
    struct priced_answer a;
    three();
    priced_replay_init(&r, &trace, 2, false, false, 7 * S);
    assert_int_equal(priced_replay_next_us(&r), 7 * S);
    takes(&r, 7 * S, 1);
    assert_int_equal(priced_replay_next_us(&r), 12 * S);
    assert_false(priced_replay_take(&r, 12 * S - 1, &a));
    takes(&r, 12 * S, 2);
    assert_int_equal(priced_replay_next_us(&r), 22 * S);
    takes(&r, 100 * S, 3);
    assert_true(priced_replay_next_us(&r) == UINT64_MAX);
    assert_false(priced_replay_take(&r, 1000 * S, &a));
}

static void replay_loops(void **state) {
    (void)state;
    struct priced_replay r;
    three();
    priced_replay_init(&r, &trace, 1, true, false, 0);
    takes(&r, 0, 1);
    takes(&r, 10 * S, 2);
    takes(&r, 30 * S, 3);
    assert_int_equal(priced_replay_next_us(&r), 50 * S);
    takes(&r, 50 * S, 1);
    takes(&r, 60 * S, 2);
    /* Many rounds at once. */
    takes(&r, 50 * S * 1000000 + 35 * S, 3);
    assert_int_equal(priced_replay_next_us(&r), 50 * S * 1000001);
    takes(&r, 50 * S * 1000001, 1);
}

static void replay_announces(void **state) {
    (void)state;
    struct priced_replay r;
    struct priced_answer a;
    three();
    priced_replay_init(&r, &trace, 10, true, true, 0);
    assert_true(priced_replay_take(&r, S / 2, &a));
    assert_true(a.quote[0].has_next && a.quote[0].next_usd == 2 && a.quote[0].next_in_s == 0.5);
    assert_true(priced_replay_take(&r, 4 * S, &a));
    assert_true(a.quote[0].price_usd == 3 && a.quote[0].next_usd == 1);
    assert_true(a.quote[0].next_in_s == 1);
    priced_replay_init(&r, &trace, 10, false, true, 0);
    assert_true(priced_replay_take(&r, 4 * S, &a));
    assert_false(a.quote[0].has_next);
}

static void one_event_never_loops(void **state) {
    (void)state;
    struct priced_replay r;
    struct priced_trouble t;
    assert_int_equal(read_csv(HEAD "5,1\n", 1, &t), 0);
    priced_replay_init(&r, &trace, 1, true, true, 0);
    takes(&r, 0, 1);
    assert_true(priced_replay_next_us(&r) == UINT64_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments),
        cmocka_unit_test(csv),
        cmocka_unit_test(csv_refused),
        cmocka_unit_test(ec2),
        cmocka_unit_test(ec2_refused),
        cmocka_unit_test(replay_holds_at_the_end),
        cmocka_unit_test(replay_loops),
        cmocka_unit_test(replay_announces),
        cmocka_unit_test(one_event_never_loops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
