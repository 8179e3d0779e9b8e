/*
 * What the kernel reads that others wrote: ELF files, cpio archives, the command line, against
 * random damage. The kernel's own sources run here, with its memory and tables replaced by a record
 * of what they were asked for. Each input lies in a heap block of exactly its length, so that the
 * address sanitizer sees any step outside it.
 */
#include "runtime/kernel/command.c"
#include "runtime/kernel/elf.c"

#include "runtime/abi/cpio.h"
#include "seeded.h"
#include "within.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUTANTS       60000u
#define FILE_BYTES    0x3000u
#define MEMORY_BLOCKS 64u
#define SEGMENTS      3u

/* ---- the kernel's memory, tables and worker, as a record ---- */

static struct {
    const uint8_t *file;
    uint64_t file_bytes;
    uint64_t next_physical, blocks_left;
    struct {
        uint64_t address, physical, bytes;
    } mapped[3 * NK_ELF_SEGMENTS_MAX]; /* the blocks of each, and its two ends */
    unsigned mapped_count, moves;
} record;

uint64_t nk_memory_blocks(unsigned app, uint64_t count) {
    assert_int_equal(app, 1);
    if (count == 0 || count > record.blocks_left)
        return 0;
    uint64_t physical = record.next_physical;
    record.blocks_left -= count;
    record.next_physical += count * NK_BLOCK_BYTES;
    return physical;
}

uint64_t nk_memory_pages(unsigned app, unsigned count) {
    assert_true(count > 0 && count <= NK_BLOCK_BYTES / NK_PAGE_BYTES);
    return nk_memory_blocks(app, 1);
}

bool nk_paging_map(struct nk_app *app, uint64_t address, uint64_t physical, uint64_t bytes,
                   uint64_t rights) {
    assert_int_equal(app->number, 1);
    assert_true(((address | physical | bytes) & (NK_PAGE_BYTES - 1)) == 0 && bytes > 0);
    assert_true(address >= NK_APP_IMAGE_START && bytes <= NK_APP_IMAGE_END - address);
    assert_true((rights & NK_PAGE_NO_EXECUTE) || !(rights & NK_PAGE_WRITE));
    assert_true(record.mapped_count < 3 * NK_ELF_SEGMENTS_MAX);
    assert_true(physical + bytes <= record.next_physical);
    for (unsigned i = 0; i < record.mapped_count; i++)
        assert_true(record.mapped[i].address + record.mapped[i].bytes <= address);
    record.mapped[record.mapped_count].address = address;
    record.mapped[record.mapped_count].physical = physical;
    record.mapped[record.mapped_count++].bytes = bytes;
    return true;
}

/* From within the file to within what was mapped last; the bytes are read, for the sanitizer. */
void nk_worker_move(uint64_t to_physical, uint64_t from_physical, uint64_t bytes) {
    const uint8_t *from = (const uint8_t *)(from_physical + NK_DIRECT_BASE);
    assert_true(from >= record.file && bytes <= record.file_bytes);
    assert_true((uint64_t)(from - record.file) <= record.file_bytes - bytes);
    assert_true(record.mapped_count > 0);
    uint64_t start = record.mapped[record.mapped_count - 1].physical;
    uint64_t size = record.mapped[record.mapped_count - 1].bytes;
    assert_true(to_physical >= start && to_physical - start <= size &&
                bytes <= size - (to_physical - start));
    record.moves++;
}

/* ---- ELF ---- */

struct elf_file {
    struct header h;
    struct segment s[SEGMENTS];
};

static void elf_valid(uint8_t *file) {
    struct elf_file *e = (struct elf_file *)(void *)file;
    memset(file, 0x90, FILE_BYTES);
    *e = (struct elf_file){
        .h = {.magic = MAGIC,
              .ident = CLASS_DATA_VERSION,
              .type = TYPE_EXEC,
              .machine = MACHINE_X86_64,
              .version = 1,
              .entry = 0x401010,
              .segments_offset = sizeof(struct header),
              .header_bytes = sizeof(struct header),
              .segment_bytes = sizeof(struct segment),
              .segment_count = SEGMENTS},
        .s = {{SEGMENT_LOAD, 4, 0, 0x400000, 0, 0x200, 0x200, 0x1000},
              {SEGMENT_LOAD, 5, 0x1000, 0x401000, 0, 0x1000, 0x1000, 0x1000},
              {SEGMENT_LOAD, 6, 0x2000, 0x402000, 0, 0x1000, 0x500000, 0x1000}},
    };
}

static const char *elf_load(const uint8_t *bytes, size_t count, uint64_t *entry) {
    static struct nk_app app = {.number = 1};
    uint8_t *exact = malloc(count ? count : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, count);
    memset(&record, 0, sizeof record);
    record.file = exact;
    record.file_bytes = count;
    record.next_physical = 4 * NK_BLOCK_BYTES;
    record.blocks_left = MEMORY_BLOCKS;
    const char *why = nk_elf_load(&app, exact, count, entry);
    free(exact);
    return why;
}

static void a_valid_elf_is_loaded(void **state) {
    (void)state;
    uint8_t file[FILE_BYTES];
    uint64_t entry = 0;
    elf_valid(file);
    assert_null(elf_load(file, sizeof file, &entry));
    assert_int_equal(entry, 0x401010);
    assert_int_equal(record.moves, SEGMENTS);
    /* The last: pages up to a block's border, a whole block, pages behind it. */
    static const uint64_t borders[] = {0x402000, 0x600000, 0x800000, 0x902000};
    assert_int_equal(record.mapped_count, SEGMENTS + 2);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(record.mapped[2 + i].address, borders[i]);
        assert_int_equal(record.mapped[2 + i].bytes, borders[i + 1] - borders[i]);
    }
    assert_int_equal(record.mapped[3].physical % NK_BLOCK_BYTES, 0);
}

static void a_cut_elf_is_refused(void **state) {
    (void)state;
    uint8_t file[FILE_BYTES];
    uint64_t entry;
    elf_valid(file);
    for (size_t count = 0; count < FILE_BYTES; count++)
        assert_non_null(elf_load(file, count, &entry));
}

/* Random numbers as hostile files have them: near borders, huge, or of a segment's own. */
static uint64_t hostile(struct seeded *s) {
    static const uint64_t borders[] = {
        0,          NK_PAGE_BYTES, NK_APP_IMAGE_START, NK_APP_IMAGE_END, NK_BLOCK_BYTES, 0x401000,
        FILE_BYTES, NK_IMAGE_BASE, NK_DIRECT_BASE,     UINT64_MAX,       1ULL << 63};
    uint64_t value = borders[seeded_below(s, sizeof borders / sizeof borders[0])];
    switch (seeded_below(s, 4)) {
    case 0:
        return value + seeded_below(s, 3) - 1;
    case 1:
        return value + seeded_below(s, 0x4000);
    case 2:
        return value - seeded_below(s, 0x4000);
    default:
        return seeded_next(s) >> seeded_below(s, 64);
    }
}

static void mutant_elfs_stay_within_bounds(void **state) {
    (void)state;
    struct seeded s = {20261123};
    unsigned loaded = 0;
    for (unsigned i = 0; i < MUTANTS; i++) {
        uint8_t file[FILE_BYTES];
        uint64_t entry = 0;
        elf_valid(file);
        struct elf_file *e = (struct elf_file *)(void *)file;
        for (uint64_t changes = 1 + seeded_below(&s, 3); changes > 0; changes--) {
            uint64_t at = seeded_below(&s, sizeof *e - 8), value = hostile(&s);
            struct segment *segment = &e->s[seeded_below(&s, SEGMENTS)];
            switch (seeded_below(&s, 7)) {
            case 0:
                file[at] ^= (uint8_t)(1u << seeded_below(&s, 8));
                break;
            case 1:
                memcpy(file + at, &value, seeded_below(&s, 8) + 1);
                break;
            case 2:
                segment->address = value;
                break;
            case 3:
                segment->offset = value;
                break;
            case 4:
                segment->file_bytes = value;
                break;
            case 5:
                segment->memory_bytes = value;
                break;
            default:
                e->h.segments_offset = value;
            }
        }
        const char *why =
            elf_load(file, seeded_below(&s, 8) ? FILE_BYTES : seeded_below(&s, FILE_BYTES), &entry);
        if (!why) {
            loaded++;
            assert_true(entry >= NK_APP_IMAGE_START && entry < NK_APP_IMAGE_END);
        }
    }
    assert_true(loaded > MUTANTS / 100 && loaded < MUTANTS);
}

/* ---- cpio ---- */

static size_t cpio_add(uint8_t *out, const char *name, uint32_t mode, const char *data) {
    size_t name_bytes = strlen(name) + 1, bytes = strlen(data);
    char header[NOM_CPIO_HEADER_BYTES + 1];
    snprintf(header, sizeof header, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
             1u, mode, 0u, 0u, 1u, 0u, (unsigned)bytes, 0u, 0u, 0u, 0u, (unsigned)name_bytes, 0u);
    size_t at = NOM_CPIO_HEADER_BYTES;
    memcpy(out, header, at);
    memcpy(out + at, name, name_bytes);
    for (at += name_bytes; at % 4; at++)
        out[at] = 0;
    memcpy(out + at, data, bytes);
    for (at += bytes; at % 4; at++)
        out[at] = 0;
    return at;
}

static size_t cpio_valid(uint8_t *out) {
    size_t at = cpio_add(out, "www", 0040755, "");
    at += cpio_add(out + at, "www/index.html", 0100644, "hello");
    at += cpio_add(out + at, "TRAILER", 0100644, "not the last");
    at += cpio_add(out + at, "empty", 0100644, "");
    return at + cpio_add(out + at, "TRAILER!!!", 0, "");
}

static void cpio_entries_are_found(void **state) {
    (void)state;
    uint8_t archive[1024];
    size_t bytes = cpio_valid(archive);
    struct nom_cpio_entry e;
    uint64_t at = 0;
    assert_int_equal(nom_cpio_next(archive, bytes, &at, &e), 1);
    assert_string_equal(e.name, "www");
    assert_int_not_equal(e.mode & NOM_CPIO_TYPE_MASK, NOM_CPIO_TYPE_FILE);
    assert_int_equal(nom_cpio_next(archive, bytes, &at, &e), 1);
    assert_string_equal(e.name, "www/index.html");
    assert_int_equal(e.bytes, 5);
    assert_memory_equal(e.data, "hello", 5);
    assert_int_equal(nom_cpio_next(archive, bytes, &at, &e), 1);
    assert_string_equal(e.name, "TRAILER");
    assert_int_equal(nom_cpio_next(archive, bytes, &at, &e), 1);
    assert_int_equal(e.bytes, 0);
    assert_int_equal(nom_cpio_next(archive, bytes, &at, &e), 0);
    at = bytes + 1;
    assert_int_equal(nom_cpio_next(archive, bytes, &at, &e), -1);
}

/* Walks the archive: every entry lies within it, and it ends after no more entries than fit. */
static int cpio_walk(const uint8_t *bytes, size_t count) {
    uint8_t *exact = malloc(count ? count : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, count);
    struct nom_cpio_entry e;
    uint64_t at = 0;
    int found;
    unsigned entries = 0;
    while ((found = nom_cpio_next(exact, count, &at, &e)) > 0) {
        assert_true(++entries <= count / NOM_CPIO_HEADER_BYTES);
        assert_true(strlen(e.name) < count);
        assert_true(e.data >= exact && e.bytes <= count &&
                    (size_t)(e.data - exact) <= count - e.bytes);
    }
    free(exact);
    return found;
}

static void damaged_cpio_stays_within_bounds(void **state) {
    (void)state;
    static const char digits[] = "0123456789abcdefABCDEFg/";
    struct seeded s = {7};
    uint8_t archive[1024];
    size_t bytes = cpio_valid(archive);
    unsigned whole = 0;
    assert_int_equal(cpio_walk(archive, bytes), 0);
    for (size_t count = 0; count + 4 < bytes; count++)
        assert_true(cpio_walk(archive, count) <= 0);
    for (unsigned i = 0; i < MUTANTS; i++) {
        bytes = cpio_valid(archive);
        for (uint64_t changes = 1 + seeded_below(&s, 4); changes > 0; changes--)
            archive[seeded_below(&s, bytes)] =
                seeded_below(&s, 2) ? (uint8_t)digits[seeded_below(&s, sizeof digits - 1)]
                                    : (uint8_t)seeded_next(&s);
        whole += cpio_walk(archive, seeded_below(&s, 8) ? bytes : seeded_below(&s, bytes)) == 0;
    }
    assert_true(whole > 0 && whole < MUTANTS);
}

/* ---- command line ---- */

static struct nk_app apps[NOM_APPS_MAX];
static unsigned app_count;

static const char *parse(const char *text) {
    static struct nk_boot boot;
    memset(apps, 0, sizeof apps);
    memset(&boot, 0, sizeof boot);
    snprintf(boot.command, sizeof boot.command, "%s", text);
    return nk_command_parse(&boot, apps, &app_count);
}

static void a_command_line_is_cut_at_blanks(void **state) {
    (void)state;
    assert_non_null(parse(" nhttpd  --ip 10.0.0.2\t-- "));
    assert_null(parse(" nhttpd  --ip 10.0.0.2\t--x\n"));
    assert_int_equal(app_count, 1);
    assert_int_equal(apps[0].argc, 4);
    assert_string_equal(apps[0].argv[0], "nhttpd");
    assert_string_equal(apps[0].argv[1], "--ip");
    assert_string_equal(apps[0].argv[3], "--x");
}

static void a_command_line_names_several_apps(void **state) {
    (void)state;
    char text[NK_COMMAND_BYTES_MAX] = "a0";
    assert_null(parse("a x -- b y z --  a"));
    assert_int_equal(app_count, 3);
    assert_string_equal(apps[0].name, "a");
    assert_int_equal(apps[0].argc, 2);
    assert_string_equal(apps[1].name, "b");
    assert_int_equal(apps[1].argc, 3);
    assert_string_equal(apps[1].argv[2], "z");
    assert_string_equal(apps[2].name, "a");
    for (unsigned i = 1; i < NOM_APPS_MAX; i++)
        strcat(text, " -- a");
    assert_null(parse(text));
    assert_int_equal(app_count, NOM_APPS_MAX);
    assert_string_equal(parse(strcat(text, " -- a")), "too many apps");
}

static void a_command_line_has_arguments_behind_a_separator(void **state) {
    (void)state;
    assert_null(parse("a -x -- -p 1 -- -q -- b y -- -z"));
    assert_int_equal(app_count, 2);
    static const char *const words[] = {"a", "-x", "--", "-p", "1", "--", "-q"};
    assert_int_equal(apps[0].argc, 7);
    for (size_t i = 0; i < 7; i++)
        assert_string_equal(apps[0].argv[i], words[i]);
    assert_int_equal(apps[1].argc, 4);
    assert_string_equal(apps[1].name, "b");
    assert_string_equal(apps[1].argv[3], "-z");
    assert_non_null(parse("-- -a"));
    assert_non_null(parse("a -- -x --"));
    assert_non_null(parse("a -- -- -x"));
}

static void command_lines_that_cannot_run_are_refused(void **state) {
    (void)state;
    char text[NK_COMMAND_BYTES_MAX] = "";
    assert_non_null(parse(""));
    assert_non_null(parse(" \t "));
    assert_non_null(parse("--"));
    assert_non_null(parse("-- a"));
    assert_non_null(parse("a -- -- b"));
    for (unsigned i = 0; i < NOM_ARGS_MAX; i++)
        strcat(text, "a ");
    assert_null(parse(text));
    assert_int_equal(apps[0].argc, NOM_ARGS_MAX);
    assert_non_null(parse(strcat(text, "a")));
    memset(text, 'a', NOM_ARG_BYTES_MAX - 1);
    text[NOM_ARG_BYTES_MAX - 1] = 0;
    assert_null(parse(text));
    assert_null(parse(strcat(text, " -- b"))); /* each app has its own */
    text[NOM_ARG_BYTES_MAX - 1] = 0;
    assert_non_null(parse(strcat(text, "a")));
    struct nk_boot cut = {.command = "a", .command_cut = true};
    assert_non_null(nk_command_parse(&cut, apps, &app_count));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_valid_elf_is_loaded),
        cmocka_unit_test(a_cut_elf_is_refused),
        cmocka_unit_test(mutant_elfs_stay_within_bounds),
        cmocka_unit_test(cpio_entries_are_found),
        cmocka_unit_test(damaged_cpio_stays_within_bounds),
        cmocka_unit_test(a_command_line_is_cut_at_blanks),
        cmocka_unit_test(a_command_line_names_several_apps),
        cmocka_unit_test(a_command_line_has_arguments_behind_a_separator),
        cmocka_unit_test(command_lines_that_cannot_run_are_refused),
    };
    return cmocka_run_group_tests_name("kernel_parse", tests, NULL, NULL);
}
