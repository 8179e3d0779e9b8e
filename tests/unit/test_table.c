/*
 * Table files against damage: every length, every flipped bit, and random nonsense under a right
 * checksum. What is refused is refused for a reason that is said; what is accepted is valid by a
 * second reading of abi/table.h, written here, and can be chosen from. Each table under check lies
 * in a heap block of exactly its length, so that the address sanitizer sees any step outside it.
 */
#include "runtime/econ/econ.h"
#include "seeded.h"
#include "tuner/tuner.h"
#include "within.h"
#include <stdlib.h>
#include <string.h>

#define ROWS       4u
#define FILE_BYTES (sizeof(struct nom_table_header) + ROWS * sizeof(struct nom_table_row))
#define MUTANTS    40000u

struct file {
    struct nom_table_header h;
    struct nom_table_row row[ROWS];
};

static struct file valid_file(void) {
    struct file f = {
        .h = {.knob_count = 2,
              .use_count = 2,
              .knob_id = {NOM_KNOB_DELAY_US, NOM_KNOB_KICK},
              .use_id = {NOM_USE_GBIT_OUT_PER_S, NOM_USE_CPU_S_PER_S},
              .built_unix_s = 1700000000,
              .session_id = 7,
              .app = "nhttpd",
              .target = "nom",
              .accel = "tcg",
              .app_build_id = "0123456789abcdef",
              .utility = econ_utility_default(NOM_UTILITY_BONUS)},
    };
    for (unsigned i = 0; i < ROWS; i++)
        f.row[i] = (struct nom_table_row){
            .connections = i < 2 ? 1.0 : 32.0,
            .knob = {8.0 * i, i == 0},
            .use = {0.5 + i, 0.9},
            .throughput_ops = 1e5,
            .useful_gbit_per_s = 0.4 + i,
            .latency_mean_us = 100.0 + i,
            .jitter_us = 12.0,
            .latency_p50_us = 95.0,
            .latency_p90_us = 120.0,
            .latency_p99_us = 150.0,
            .latency_p999_us = 180.0,
            .cv = 0.02,
            .samples = 5,
            .flags = NOM_ROW_ON_FRONTIER,
        };
    return f;
}

static void seal(struct file *f) {
    econ_table_seal(&f->h, f->row, ROWS);
}

/* econ_table_check of bytes[n] in a block of its own. */
static int check(const void *bytes, size_t n, char why[200]) {
    const struct nom_table_header *h = NULL;
    const struct nom_table_row *rows = NULL;
    void *block = malloc(n);

    assert_non_null(block);
    memcpy(block, bytes, n);
    memset(why, 0, 200);
    int result = econ_table_check(block, n, &h, &rows, why, 200);
    if (result == 0) {
        assert_ptr_equal(h, block);
        assert_ptr_equal(rows, (const char *)block + sizeof *h);
    } else {
        assert_int_equal(result, -1);
        assert_null(h);
        assert_null(rows);
        assert_true(strlen(why) > 10);
    }
    free(block);
    return result;
}

static void refused(struct file *f, const char *expected) {
    char why[200];

    seal(f);
    assert_int_equal(check(f, sizeof *f, why), -1);
    assert_string_equal(why, expected);
}

static void crc32_of_known_texts(void **state) {
    (void)state;
    static const char text[] = "The quick brown fox jumps over the lazy dog";
    size_t n = sizeof text - 1;

    assert_int_equal(econ_crc32(0, "", 0), 0);
    assert_int_equal(econ_crc32(0, "123456789", 9), 0xcbf43926u);
    assert_int_equal(econ_crc32(0, text, n), 0x414fa339u);
    for (size_t cut = 0; cut <= n; cut++)
        assert_int_equal(econ_crc32(econ_crc32(0, text, cut), text + cut, n - cut), 0x414fa339u);
}

static void a_valid_table_is_accepted(void **state) {
    (void)state;
    char why[200];
    struct file f = valid_file();

    assert_int_equal(sizeof f, FILE_BYTES);
    seal(&f);
    assert_int_equal(f.h.file_bytes, FILE_BYTES);
    assert_int_equal(f.h.row_count, ROWS);
    assert_memory_equal(&f, "NOMTABLE", 8);
    assert_int_equal(check(&f, sizeof f, why), 0);
}

static void the_largest_table_is_accepted(void **state) {
    (void)state;
    size_t n = sizeof(struct nom_table_header) + NOM_TABLE_ROWS_MAX * sizeof(struct nom_table_row);
    struct nom_table_header *h = calloc(1, n + sizeof(struct nom_table_row));
    const struct nom_table_header *got;
    const struct nom_table_row *got_rows;
    char why[200];

    assert_non_null(h);
    struct nom_table_row *rows = (struct nom_table_row *)(h + 1);
    struct file f = valid_file();
    *h = f.h;
    for (unsigned i = 0; i <= NOM_TABLE_ROWS_MAX; i++)
        rows[i] = f.row[3];
    econ_table_seal(h, rows, NOM_TABLE_ROWS_MAX);
    assert_int_equal(econ_table_check(h, n, &got, &got_rows, why, sizeof why), 0);
    econ_table_seal(h, rows, NOM_TABLE_ROWS_MAX + 1);
    assert_int_equal(econ_table_check(h, n + sizeof *rows, &got, &got_rows, why, sizeof why), -1);
    assert_string_equal(why, "header: row_count is 1025, not 1 to 1024");
    free(h);
}

static void every_other_length_is_refused(void **state) {
    (void)state;
    char why[200];
    struct {
        struct file f;
        char more[64];
    } longer = {.f = valid_file()};

    seal(&longer.f);
    for (size_t n = 0; n <= sizeof longer; n++) {
        if (n == FILE_BYTES)
            continue;
        assert_int_equal(check(&longer, n, why), -1);
        assert_non_null(strstr(why, n < FILE_BYTES ? "cut short: " : "too long: "));
    }
}

static void every_flipped_bit_is_refused(void **state) {
    (void)state;
    char why[200];
    struct file f = valid_file();
    unsigned char *bytes = (unsigned char *)&f;

    seal(&f);
    for (size_t bit = 0; bit < 8 * sizeof f; bit++) {
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        assert_int_equal(check(&f, sizeof f, why), -1);
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    assert_int_equal(check(&f, sizeof f, why), 0);
}

static void unaligned_bytes_are_refused(void **state) {
    (void)state;
    _Alignas(8) char room[FILE_BYTES + 8];
    struct file f = valid_file();
    const struct nom_table_header *h;
    const struct nom_table_row *rows;
    char why[200];

    seal(&f);
    for (size_t shift = 1; shift < 8; shift++) {
        memcpy(room + shift, &f, sizeof f);
        assert_int_equal(econ_table_check(room + shift, sizeof f, &h, &rows, why, sizeof why), -1);
        assert_non_null(strstr(why, "aligned"));
    }
}

static void a_short_why_is_cut_off(void **state) {
    (void)state;
    const struct nom_table_header *h;
    const struct nom_table_row *rows;
    static const uint64_t nothing;
    char why[8] = "-------";

    assert_int_equal(econ_table_check(&nothing, 0, &h, &rows, why, 4), -1);
    assert_string_equal(why, "cut");
    assert_string_equal(why + 4, "---");
    assert_int_equal(econ_table_check(&nothing, 0, &h, &rows, why, 0), -1);
    assert_string_equal(why, "cut");
}

static void frames_that_do_not_fit_are_refused(void **state) {
    (void)state;
    char why[200];
    struct file f = valid_file();

    seal(&f);
    f.h.magic ^= 1;
    assert_int_equal(check(&f, sizeof f, why), -1);
    assert_string_equal(why, "not a nom table: it does not begin with NOMTABLE");
    seal(&f);
    f.h.version = 2;
    assert_int_equal(check(&f, sizeof f, why), -1);
    assert_string_equal(why, "header: version 2, this program reads 1");
    seal(&f);
    f.h.header_bytes--;
    assert_int_equal(check(&f, sizeof f, why), -1);
    assert_non_null(strstr(why, "header_bytes"));
    seal(&f);
    f.h.row_bytes += 8;
    assert_int_equal(check(&f, sizeof f, why), -1);
    assert_non_null(strstr(why, "row_bytes"));
    seal(&f);
    f.h.row_count = 0;
    assert_int_equal(check(&f, sizeof f, why), -1);
    assert_string_equal(why, "header: row_count is 0, not 1 to 1024");
    seal(&f);
    f.h.row_count = 0xffffffffu;
    assert_int_equal(check(&f, sizeof f, why), -1);
    assert_string_equal(why, "header: row_count is 4294967295, not 1 to 1024");
    seal(&f);
    f.h.row_count--;
    assert_int_equal(check(&f, sizeof f, why), -1);
    assert_non_null(strstr(why, "file_bytes"));
    seal(&f);
    f.h.crc32++;
    assert_int_equal(check(&f, sizeof f, why), -1);
    assert_non_null(strstr(why, "checksum"));
}

static void headers_that_make_no_sense_are_refused(void **state) {
    (void)state;
    struct file f;
#define CASE(change, expected)                                                                     \
    do {                                                                                           \
        f = valid_file();                                                                          \
        change;                                                                                    \
        refused(&f, expected);                                                                     \
    } while (0)
    CASE(f.h.knob_count = 9, "header: knob_count is 9, above 8");
    CASE(f.h.use_count = 5, "header: use_count is 5, above 4");
    CASE(f.h.knob_count = 1, "header: knob_id[1] is 2, past the last, where 0 belongs");
    CASE(f.h.use_count = 0, "header: use_id[0] is 1, past the last, where 0 belongs");
    CASE(f.h.knob_id[1] = 77, "header: knob_id[1] is 77, which this program does not know");
    CASE(f.h.use_id[0] = 0, "header: use_id[0] is 0, which this program does not know");
    CASE(f.h.knob_id[1] = f.h.knob_id[0], "header: knob_id[1] repeats id 1");
    CASE(f.h.built_unix_s = -1, "header: built_unix_s is negative");
    CASE(f.h.session_id = -1, "header: session_id is negative");
    CASE(memset(f.h.app, 'a', sizeof f.h.app), "header: app has no end");
    CASE(f.h.target[1] = '\033', "header: target has byte 0x1b, not printable ASCII");
    CASE(f.h.target[0] = 127, "header: target has byte 0x7f, not printable ASCII");
    CASE(f.h.accel[0] = '\xff', "header: accel has byte 0xff, not printable ASCII");
    CASE(f.h.app_build_id[63] = 'x', "header: app_build_id has bytes past its end");
    CASE(f.h.utility.kind = 9, "header: utility: unknown kind");
    CASE(f.h.utility.l0_s = NAN, "header: utility: l0 is negative or not finite");
}

static void rows_that_make_no_sense_are_refused(void **state) {
    (void)state;
    struct file f;
    CASE(f.row[3].jitter_us = NAN, "row 3: jitter_us is not a number");
    CASE(f.row[0].throughput_ops = INFINITY, "row 0: throughput_ops is infinite");
    CASE(f.row[1].useful_gbit_per_s = -0.1, "row 1: useful_gbit_per_s is negative");
    CASE(f.row[2].latency_mean_us = -1, "row 2: latency_mean_us is negative");
    CASE(f.row[2].latency_p50_us = NAN, "row 2: latency_p50_us is not a number");
    CASE(f.row[2].latency_p90_us = NAN, "row 2: latency_p90_us is not a number");
    CASE(f.row[2].latency_p99_us = NAN, "row 2: latency_p99_us is not a number");
    CASE(f.row[2].latency_p999_us = NAN, "row 2: latency_p999_us is not a number");
    CASE(f.row[2].cv = NAN, "row 2: cv is not a number");
    CASE(f.row[0].connections = NAN, "row 0: connections is not a number");
    CASE(f.row[0].connections = 0.5, "row 0: connections is 0.5, below 1");
    CASE(f.row[2].connections = 0.0, "row 2: connections is 0, below 1");
    CASE(f.row[1].connections = 33.0, "row 2: connections is 32, out of order after 33");
    CASE(f.row[1].knob[0] = 1000.5, "row 1: knob delay_us is 1000.5, not 0 to 1000");
    CASE(f.row[1].knob[0] = -1.0, "row 1: knob delay_us is negative");
    CASE(f.row[1].knob[1] = 0.5, "row 1: knob kick is 0.5, not a whole number");
    CASE(f.row[1].knob[1] = 2.0, "row 1: knob kick is 2, not 0 to 1");
    CASE(f.row[1].knob[2] = 1.0, "row 1: knob[2] is not 0, past the last knob");
    CASE(f.row[1].use[1] = NAN, "row 1: use cpu_s_per_s is not a number");
    CASE(f.row[1].use[3] = NAN, "row 1: use[3] is not 0, past the last use");
    CASE(f.row[3].flags = 3, "row 3: flags is 0x3, of which this program knows 0x1");
#undef CASE
}

/* abi/table.h once more, for a file of the right frame and checksum. */
static int amount(double x) {
    return isfinite(x) && x >= 0.0;
}

static int text_fits(const char *text, size_t room) {
    size_t i = 0;
    while (i < room && text[i] >= 32 && text[i] < 127)
        i++;
    if (i == room)
        return 0;
    while (i < room && text[i] == 0)
        i++;
    return i == room;
}

static int ids_fit(const uint32_t *id, uint32_t count, uint32_t room, uint32_t known) {
    uint32_t seen = 0, i = 0;
    if (count > room)
        return 0;
    for (; i < count; i++) {
        if (id[i] < 1 || id[i] > known || seen & 1u << id[i])
            return 0;
        seen |= 1u << id[i];
    }
    while (i < room && id[i] == 0)
        i++;
    return i == room;
}

static int row_fits(const struct nom_table_header *h, const struct nom_table_row *r) {
    static const double greatest[] = {0.0, 1000.0, 1.0, 1e6}; /* by knob id; 0: none */
    int fits = amount(r->connections) && r->connections >= 1.0 && amount(r->throughput_ops) &&
               amount(r->useful_gbit_per_s) && amount(r->latency_mean_us) && amount(r->jitter_us) &&
               amount(r->latency_p50_us) && amount(r->latency_p90_us) &&
               amount(r->latency_p99_us) && amount(r->latency_p999_us) && amount(r->cv) &&
               r->flags <= 1;
    for (uint32_t k = 0; k < NOM_KNOBS_MAX; k++) {
        uint32_t id = k < h->knob_count ? h->knob_id[k] : 0;
        fits &= amount(r->knob[k]) && r->knob[k] <= greatest[id] &&
                (id != NOM_KNOB_KICK || r->knob[k] == (double)(int)r->knob[k]);
    }
    for (uint32_t k = 0; k < NOM_USES_MAX; k++)
        fits &= k < h->use_count ? amount(r->use[k]) : r->use[k] == 0.0;
    return fits;
}

static int file_fits(const struct file *f) {
    const struct nom_utility *u = &f->h.utility;
    int fits = ids_fit(f->h.knob_id, f->h.knob_count, NOM_KNOBS_MAX, 3) &&
               ids_fit(f->h.use_id, f->h.use_count, NOM_USES_MAX, 2) && f->h.built_unix_s >= 0 &&
               f->h.session_id >= 0 && text_fits(f->h.app, 32) && text_fits(f->h.target, 32) &&
               text_fits(f->h.accel, 32) && text_fits(f->h.app_build_id, 64) && u->kind >= 1 &&
               u->kind <= 4 && u->reserved == 0 && amount(u->alpha_usd_per_gbit) &&
               amount(u->l0_s) && amount(u->penalty_x) && amount(u->beta_usd_per_gbit_s) &&
               amount(u->gamma_usd_s_per_gbit) && u->delta_usd_per_gbit >= 0.0;
    for (unsigned i = 0; i < ROWS && fits; i++)
        fits = row_fits(&f->h, &f->row[i]) &&
               (i == 0 || f->row[i].connections >= f->row[i - 1].connections);
    return fits;
}

/* Overwrites a few places past the frame: a byte, an integer, a double, or nothing but a sign. */
static void mutate(struct seeded *s, struct file *f) {
    static const double doubles[] = {0.0, -0.0, 1.0, 2.0, -1.0, 1e-300, 1e300, 0.5, 1000.0, 1001.0};
    size_t frame = offsetof(struct nom_table_header, knob_count);
    unsigned char *bytes = (unsigned char *)f;

    for (uint64_t n = 1 + seeded_below(s, 3); n > 0; n--) {
        size_t at = frame + seeded_below(s, sizeof *f - frame);
        double x = doubles[seeded_below(s, sizeof doubles / sizeof doubles[0])];
        uint64_t word = seeded_next(s) >> seeded_below(s, 64);
        switch (seeded_below(s, 6)) {
        case 0:
            x = (double[]){NAN, INFINITY, -INFINITY}[seeded_below(s, 3)];
            memcpy(bytes + at / 8 * 8, &x, sizeof x);
            break;
        case 1:
            memcpy(bytes + at / 8 * 8, &x, sizeof x);
            break;
        case 2:
            memcpy(bytes + at / 4 * 4, &word, 4);
            break;
        case 3:
            memcpy(bytes + at / 8 * 8, &word, sizeof word);
            break;
        default:
            bytes[at] = (unsigned char)word;
        }
    }
}

static void mutants_are_refused_or_valid(void **state) {
    (void)state;
    static struct econ_choice_set set;
    struct seeded s = {21};
    unsigned accepted = 0;
    char why[200];

    for (unsigned i = 0; i < MUTANTS; i++) {
        struct file f = valid_file();
        mutate(&s, &f);
        seal(&f);
        int fits = file_fits(&f);
        int result = check(&f, sizeof f, why);
        if ((result == 0) != fits)
            print_error("mutant %u: the check says '%s'\n", i, why);
        assert_int_equal(result == 0, fits);
        if (result != 0) {
            assert_true(strncmp(why, "header: ", 8) == 0 || strncmp(why, "row ", 4) == 0);
            continue;
        }
        accepted++;
        double profit;
        econ_choice_set_init(&set, &f.h, f.row, &f.h.utility, tuner_normal_tail);
        double level = econ_load_level(&set, seeded_magnitude(&s, 0.5, 100.0));
        size_t row = econ_choose(&set, level, (double[NOM_USES_MAX]){10.0, 1.0}, &profit);
        assert_true(row < ROWS ? profit > 0.0 : row == ECON_NO_ROW && profit == 0.0);
    }
    assert_true(accepted > MUTANTS / 20 && accepted < MUTANTS / 20 * 19);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc32_of_known_texts),
        cmocka_unit_test(a_valid_table_is_accepted),
        cmocka_unit_test(the_largest_table_is_accepted),
        cmocka_unit_test(every_other_length_is_refused),
        cmocka_unit_test(every_flipped_bit_is_refused),
        cmocka_unit_test(unaligned_bytes_are_refused),
        cmocka_unit_test(a_short_why_is_cut_off),
        cmocka_unit_test(frames_that_do_not_fit_are_refused),
        cmocka_unit_test(headers_that_make_no_sense_are_refused),
        cmocka_unit_test(rows_that_make_no_sense_are_refused),
        cmocka_unit_test(mutants_are_refused_or_valid),
    };
    return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
