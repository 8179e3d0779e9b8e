/* What a provider's document says: units, paths, mappings, CloudSigma's /pricing/. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/priced/provider.h"
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define OUT NOM_USE_GBIT_OUT_PER_S
#define CPU NOM_USE_CPU_S_PER_S

static _Alignas(16) char arena[256 * 1024];

static int start(void **state) {
    (void)state;
    priced_json_start(arena, sizeof arena, 1);
    return 0;
}

static void units_convert(void **state) {
    (void)state;
    static const struct {
        uint32_t use;
        const char *name;
        double factor;
    } table[] = {
        {OUT, "usd_per_gbit", 1},         {OUT, "usd_per_gb", 0.125},
        {OUT, "usd_per_mb", 125},         {OUT, "usd_per_tb", 0.000125},
        {OUT, "usd_per_gib", 0.11641532}, {OUT, "usd_per_tib", 0.000113686838},
        {OUT, "usd_per_mbit", 1000},      {CPU, "usd_per_s", 1},
        {CPU, "usd_per_hour", 1 / 3600.}, {CPU, "usd_per_month", 1 / 2592000.},
        {CPU, "usd_per_min", 1 / 60.},    {CPU, "usd_per_day", 1 / 86400.},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const struct priced_unit *u = priced_unit(table[i].use, table[i].name);
        assert_non_null(u);
        assert_true(fabs(u->factor / table[i].factor - 1) < 1e-6);
        assert_null(priced_unit(table[i].use == OUT ? CPU : OUT, table[i].name));
    }
    size_t n = 0;
    while (priced_unit_at(n))
        n++;
    assert_int_equal(n, sizeof table / sizeof *table);
    assert_null(priced_unit(OUT, "usd_per_"));
    assert_string_equal(priced_unit_of_board(OUT)->name, "usd_per_gbit");
    assert_string_equal(priced_unit_of_board(CPU)->name, "usd_per_s");
    assert_null(priced_unit_of_board(77));
    assert_int_equal(priced_use("cpu_s_per_s"), CPU);
    assert_int_equal(priced_use("cpu"), 0);
    assert_string_equal(priced_use_name(OUT), "gbit_out_per_s");
    assert_string_equal(priced_use_name(0), "?");
    assert_string_equal(priced_use_price_unit(OUT), "$/Gbit");
    assert_string_equal(priced_use_price_unit(0), "?");
}

static void numbers_are_whole_and_finite(void **state) {
    (void)state;
    static const char *const good[] = {"0", "-1", "+2.5", "1e3", "0.00000000000000000001", "1E-2"};
    static const char *const bad[] = {"",     " 1",   "1 ",       "nan",   "NaN", "inf",
                                      "-inf", "0x10", "infinity", "1e999", "1,5", "1.2.3",
                                      "e",    "-",    "+",        "1e",    "$1",  "--1"};
    double v;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(priced_number(good[i], &v), 0);
    assert_true(v == 0.01);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(priced_number(bad[i], &v), -1);
}

static void paths(void **state) {
    (void)state;
    static const char *const bad[] = {".",  "a.", ".a",    "a..b",  "[",    "[]",   "[x]",
                                      "[1", "a]", "a[0]b", "a.[0]", "[-1]", "[0]]", "[9999999]"};
    struct priced_path path;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(priced_path_parse(bad[i], &path), -1);
    char deep[200] = "a";
    for (uint32_t i = 1; i < PRICED_PATH_STEPS; i++)
        strcat(deep, ".a");
    assert_int_equal(priced_path_parse(deep, &path), 0);
    assert_int_equal(path.steps, PRICED_PATH_STEPS);
    strcat(deep, "[0]");
    assert_int_equal(priced_path_parse(deep, &path), -1);
    char longest[PRICED_KEY_BYTES + 1];
    memset(longest, 'k', sizeof longest);
    longest[PRICED_KEY_BYTES] = '\0';
    assert_int_equal(priced_path_parse(longest, &path), -1);
    longest[PRICED_KEY_BYTES - 1] = '\0';
    assert_int_equal(priced_path_parse(longest, &path), 0);

    struct priced_trouble t;
    static const char nested[] = "{\"a\":{\"b c\":[1,[2,{\"d\":3}]]}}";
    const json_t *d = priced_json_read(nested, strlen(nested), &t);
    static const struct {
        const char *path;
        double value;
    } good[] = {{"a.b c[0]", 1}, {"a.b c[1][0]", 2}, {"a.b c[1][1].d", 3}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        double v;
        assert_int_equal(priced_path_parse(good[i].path, &path), 0);
        assert_int_equal(priced_json_number(priced_path_find(d, &path), &v), 0);
        assert_true(v == good[i].value);
    }
    static const char *const absent[] = {"b", "a[0]", "a.b c.d", "a.b c[2]", "a.b c[0].x", "[0]"};
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
        assert_int_equal(priced_path_parse(absent[i], &path), 0);
        assert_null(priced_path_find(d, &path));
    }
    assert_int_equal(priced_path_parse("", &path), 0);
    assert_ptr_equal(priced_path_find(d, &path), d);
}

static struct priced_provider provider(void) {
    struct priced_provider p = {.currency = "USD", .resource = "tx", .mappings = 1};
    p.mapping[0] = (struct priced_mapping){.unit = priced_unit(OUT, "usd_per_gb"), .scale = 1};
    assert_int_equal(priced_path_parse("price", &p.mapping[0].price), 0);
    return p;
}

static int read_text(const struct priced_provider *p, const char *body, struct priced_answer *a,
                     struct priced_trouble *t) {
    return priced_provider_read(p, body, strlen(body), a, t);
}

static void refused(const struct priced_provider *p, const char *body, enum priced_failure failure,
                    const char *text) {
    struct priced_answer a;
    struct priced_trouble t;
    assert_int_equal(read_text(p, body, &a, &t), -1);
    if (!strstr(t.text, text) || t.failure != failure)
        print_message("%s\n -> %s\n", body, t.text);
    assert_non_null(strstr(t.text, text));
    assert_int_equal(t.failure, failure);
}

static void a_document_by_paths(void **state) {
    (void)state;
    struct priced_provider p = provider();
    struct priced_answer a;
    struct priced_trouble t;
    assert_int_equal(read_text(&p, "{\"price\": 8}", &a, &t), 0);
    assert_int_equal(a.count, 1);
    assert_int_equal(a.quote[0].use_id, OUT);
    assert_true(a.quote[0].price_usd == 1 && !a.quote[0].has_next);
    assert_int_equal(read_text(&p, "{\"price\": \"0.8\"}", &a, &t), 0);
    assert_true(fabs(a.quote[0].price_usd - 0.1) < 1e-15);
    p.mapping[0].scale = 2;
    assert_int_equal(read_text(&p, "{\"price\": 8.0}", &a, &t), 0);
    assert_true(a.quote[0].price_usd == 2);
}

static void nonsense_is_refused(void **state) {
    (void)state;
    struct priced_provider p = provider();
    refused(&p, "", PRICED_NONSENSE, "no JSON: line 1");
    refused(&p, "<html><body>502</body></html>", PRICED_NONSENSE, "no JSON: line 1");
    refused(&p, "{\"price\": NaN}", PRICED_NONSENSE, "no JSON");
    refused(&p, "{\"price\": 1e999}", PRICED_NONSENSE, "no JSON");
    refused(&p, "{\"price\": 1", PRICED_NONSENSE, "no JSON");
    refused(&p, "{\"price\": 1} x", PRICED_NONSENSE, "no JSON");
    refused(&p, "{\"price\": 1, \"price\": 2}", PRICED_NONSENSE, "no JSON");
    refused(&p, "{\"price\": \"NaN\"}", PRICED_NONSENSE, "the price is no number: NaN");
    refused(&p, "{\"price\": \"12 USD\"}", PRICED_NONSENSE, "no number: 12 USD");
    refused(&p, "{\"price\": null}", PRICED_NONSENSE, "no number");
    refused(&p, "{\"price\": true}", PRICED_NONSENSE, "no number");
    refused(&p, "{\"price\": [1]}", PRICED_NONSENSE, "no number");
    refused(&p, "{\"Price\": 1}", PRICED_NONSENSE, "no price where it should be");
    refused(&p, "[1]", PRICED_NONSENSE, "no price where it should be");
    /* Zero and negative are numbers; the judge refuses them (priced.h). */
    struct priced_answer a;
    struct priced_trouble t;
    assert_int_equal(read_text(&p, "{\"price\": -1}", &a, &t), 0);
}

static void the_currency_must_match(void **state) {
    (void)state;
    struct priced_provider p = provider();
    p.mapping[0].has_currency = true;
    assert_int_equal(priced_path_parse("in", &p.mapping[0].currency), 0);
    struct priced_answer a;
    struct priced_trouble t;
    assert_int_equal(read_text(&p, "{\"price\": 1, \"in\": \"USD\"}", &a, &t), 0);
    refused(&p, "{\"price\": 1, \"in\": \"EUR\"}", PRICED_CURRENCY, "the currency is EUR, not USD");
    refused(&p, "{\"price\": 1, \"in\": \"usd\"}", PRICED_CURRENCY, "usd");
    refused(&p, "{\"price\": 1}", PRICED_CURRENCY, "no currency where it should be");
    refused(&p, "{\"price\": 1, \"in\": 5}", PRICED_CURRENCY, "no currency");
}

static void the_next_price(void **state) {
    (void)state;
    struct priced_provider p = provider();
    p.mapping[0].has_next = true;
    p.mapping[0].next_in_s = 60;
    assert_int_equal(priced_path_parse("next.price", &p.mapping[0].next), 0);
    struct priced_answer a;
    struct priced_trouble t;
    assert_int_equal(read_text(&p, "{\"price\": 8, \"next\": {\"price\": 16}}", &a, &t), 0);
    assert_true(a.quote[0].has_next && a.quote[0].next_usd == 2 && a.quote[0].next_in_s == 60);
    assert_int_equal(read_text(&p, "{\"price\": 8}", &a, &t), 0);
    assert_false(a.quote[0].has_next);
    assert_int_equal(read_text(&p, "{\"price\": 8, \"next\": {\"price\": null}}", &a, &t), 0);
    assert_false(a.quote[0].has_next);
    refused(&p, "{\"price\": 8, \"next\": {\"price\": \"soon\"}}", PRICED_NONSENSE, "next price");
    p.mapping[0].has_next_in = true;
    assert_int_equal(priced_path_parse("next.in", &p.mapping[0].next_in), 0);
    assert_int_equal(
        read_text(&p, "{\"price\": 8, \"next\": {\"price\": 16, \"in\": 2.5}}", &a, &t), 0);
    assert_true(a.quote[0].next_in_s == 2.5);
    refused(&p, "{\"price\": 8, \"next\": {\"price\": 16}}", PRICED_NONSENSE, "its time");
}

static void when_to_ask_again(void **state) {
    (void)state;
    struct priced_provider p = provider();
    struct priced_answer a;
    struct priced_trouble t;
    assert_int_equal(read_text(&p, "{\"price\": 8, \"ask\": 3}", &a, &t), 0);
    assert_true(a.ask_in_s == 0);
    p.has_ask_in = true;
    assert_int_equal(priced_path_parse("ask", &p.ask_in), 0);
    assert_int_equal(read_text(&p, "{\"price\": 8, \"ask\": \"3.5\"}", &a, &t), 0);
    assert_true(a.ask_in_s == 3.5);
    assert_int_equal(read_text(&p, "{\"price\": 8, \"ask\": null}", &a, &t), 0);
    assert_true(a.ask_in_s == 0);
    assert_int_equal(read_text(&p, "{\"price\": 8}", &a, &t), 0);
    assert_true(a.ask_in_s == 0);
    refused(&p, "{\"price\": 8, \"ask\": \"soon\"}", PRICED_NONSENSE, "when to ask again");
}

static void several_prices_whole_or_not(void **state) {
    (void)state;
    struct priced_provider p = provider();
    p.mappings = 2;
    p.mapping[1] = (struct priced_mapping){.unit = priced_unit(CPU, "usd_per_hour"), .scale = 1};
    assert_int_equal(priced_path_parse("cpu", &p.mapping[1].price), 0);
    struct priced_answer a;
    struct priced_trouble t;
    assert_int_equal(read_text(&p, "{\"price\": 8, \"cpu\": 3600}", &a, &t), 0);
    assert_int_equal(a.count, 2);
    assert_int_equal(a.quote[1].use_id, CPU);
    assert_true(fabs(a.quote[1].price_usd - 1) < 1e-12);
    refused(&p, "{\"price\": 8}", PRICED_NONSENSE, "cpu_s_per_s");
}

static void a_document_may_not_need_more_than_there_is(void **state) {
    (void)state;
    static char small[4096 + 16];
    static char body[16384];
    priced_json_start(small, 4096, 1);
    struct priced_provider p = provider();
    memset(body, '[', 2000);
    memset(body + 2000, ']', 2000);
    refused(&p, body, PRICED_TOO_LARGE, "a JSON document that needs more than 4 KiB");
    struct priced_answer a;
    struct priced_trouble t;
    for (int i = 0; i < 1000; i++) /* nothing is lost from one to the next */
        assert_int_equal(read_text(&p, "{\"price\": 8}", &a, &t), 0);
}

/* ---- CloudSigma ---- */

static const char pricing[] =
    "{\"current\":{\"cpu\":3,\"tx\":%s},\"next\":{\"cpu\":3,\"tx\":%s},\"meta\":{},\"objects\":["
    "{\"currency\":\"USD\",\"id\":\"1\",\"level\":1,\"multiplier\":2783138807808000,"
    "\"price\":\"0.14000000000000000000\",\"resource\":\"ssd\",\"unit\":\"GB/month\"},"
    "{\"currency\":\"CHF\",\"id\":\"2\",\"level\":1,\"multiplier\":1073741824,"
    "\"price\":\"0.07000000000000000000\",\"resource\":\"tx\",\"unit\":\"GB\"},"
    "{\"currency\":\"USD\",\"id\":\"3\",\"level\":1,\"multiplier\":1073741824,"
    "\"price\":\"0.08000000000000000000\",\"resource\":\"tx\",\"unit\":\"GB\"},"
    "{\"currency\":\"USD\",\"id\":\"4\",\"level\":2,\"multiplier\":1000000000,"
    "\"price\":\"0.16000000000000000000\",\"resource\":\"tx\",\"unit\":\"GB\"},"
    "{\"currency\":\"EUR\",\"id\":\"5\",\"level\":3,\"multiplier\":1000000000,"
    "\"price\":\"0.16\",\"resource\":\"tx\",\"unit\":\"GB\"},"
    "{\"currency\":\"USD\",\"id\":\"6\",\"level\":4,\"multiplier\":2783138807808000,"
    "\"price\":\"0.16\",\"resource\":\"tx\",\"unit\":\"GB\"},"
    "{\"currency\":\"USD\",\"id\":\"7\",\"level\":5,\"multiplier\":1000000000,"
    "\"price\":\"0.16\",\"resource\":\"tx\",\"unit\":\"GB/month\"},"
    "{\"currency\":\"USD\",\"id\":\"8\",\"level\":6,\"multiplier\":1000000000,"
    "\"price\":\"cheap\",\"resource\":\"tx\",\"unit\":\"GB\"}]}";

static const char *pricing_at(const char *now, const char *next) {
    static char text[4096];
    snprintf(text, sizeof text, pricing, now, next);
    return text;
}

static void cloudsigma(void **state) {
    (void)state;
    struct priced_provider p = provider();
    struct priced_answer a;
    struct priced_trouble t;
    p.cloudsigma = true;
    p.mapping[0].unit = priced_unit_of_board(OUT);
    p.mapping[0].next_in_s = 300;
    assert_int_equal(read_text(&p, pricing_at("1", "2"), &a, &t), 0);
    assert_int_equal(a.count, 1);
    assert_true(fabs(a.quote[0].price_usd - 0.08 * 1e9 / 8 / 1073741824.0) < 1e-15);
    assert_true(a.quote[0].has_next && fabs(a.quote[0].next_usd - 0.02) < 1e-15);
    assert_true(a.quote[0].next_in_s == 300);
    refused(&p, pricing_at("3", "1"), PRICED_CURRENCY, "tx: the currency is EUR, not USD");
    refused(&p, pricing_at("4", "1"), PRICED_NONSENSE, "tx: its multiplier is no GB's");
    refused(&p, pricing_at("5", "1"), PRICED_NONSENSE, "tx: its unit is GB/month, not GB");
    refused(&p, pricing_at("6", "1"), PRICED_NONSENSE, "tx: its price is no number");
    refused(&p, pricing_at("7", "1"), PRICED_NONSENSE, "no price of tx at its burst level, 7");
    refused(&p, pricing_at("1", "7"), PRICED_NONSENSE, "no price of tx at its burst level, 7");
    refused(&p, pricing_at("null", "1"), PRICED_NONSENSE, "\"current\" has no burst level of tx");
    refused(&p, "{}", PRICED_NONSENSE, "\"current\" has no burst level of tx");
    refused(&p, "{\"current\":{\"tx\":1},\"objects\":{}}", PRICED_NONSENSE, "no price of tx");
    p.resource = "rx";
    refused(&p, pricing_at("1", "1"), PRICED_NONSENSE, "has no burst level of rx");
    p.resource = "tx";
    strcpy(p.currency, "CHF");
    p.mapping[0].scale = 1.1;
    refused(&p, pricing_at("1", "2"), PRICED_CURRENCY, "USD, not CHF"); /* next has no CHF */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_convert),
        cmocka_unit_test(numbers_are_whole_and_finite),
        cmocka_unit_test_setup(paths, start),
        cmocka_unit_test_setup(a_document_by_paths, start),
        cmocka_unit_test_setup(nonsense_is_refused, start),
        cmocka_unit_test_setup(the_currency_must_match, start),
        cmocka_unit_test_setup(the_next_price, start),
        cmocka_unit_test_setup(when_to_ask_again, start),
        cmocka_unit_test_setup(several_prices_whole_or_not, start),
        cmocka_unit_test(a_document_may_not_need_more_than_there_is),
        cmocka_unit_test_setup(cloudsigma, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
