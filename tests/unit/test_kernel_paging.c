/*
 * An app's page tables (runtime/kernel/paging.c, here as it is) in memory of the test's, against a
 * model that has an entry for each page: random maps, protections and unmaps, with memory for
 * tables that runs out. After each step every page is where the model says; a step that fails has
 * changed nothing; when nothing is mapped there are no tables left.
 */
#include "runtime/kernel/machine.h"

static uint8_t *tables; /* stands for physical memory from TABLES_AT on */
#define TABLES_AT           0x40000000ULL
#define nk_direct(physical) ((void *)(tables + ((physical)-TABLES_AT)))
#define nk_cr3_set(value)   ((void)(value))

#include "runtime/kernel/paging.c"

#include "seeded.h"
#include "within.h"
#include <stdlib.h>
#include <string.h>

#define STEPS        60000u
#define TABLES_MAX   24u
/* The pages that the model knows: a window around a border of 1 GiB. */
#define WINDOW_PAGES 2048u
#define WINDOW       (NOM_MAP_START + (1ULL << 30) - WINDOW_PAGES / 2 * NK_PAGE_BYTES)

uint64_t nk_tables_boot[512], nk_tables_image[512];
const uint8_t nk_image_start[1], nk_text_end[1], nk_rodata_end[1], nk_image_end[1];
const uint8_t nk_core_stacks[1];

static bool table_used[TABLES_MAX];
static unsigned tables_left, flushes, unit_flushes;
static struct nk_app app = {.number = 1};

uint64_t nk_memory_pages(unsigned owner, unsigned count) {
    assert_int_equal(owner, 1);
    assert_int_equal(count, 1);
    for (unsigned i = 0; tables_left > 0 && i < TABLES_MAX; i++)
        if (!table_used[i]) {
            table_used[i] = true;
            tables_left--;
            memset(tables + i * NK_PAGE_BYTES, 0, NK_PAGE_BYTES);
            return TABLES_AT + i * NK_PAGE_BYTES;
        }
    return 0;
}

/* No other core is started here. */
uint64_t nk_memory_kernel_pages(unsigned count) {
    (void)count;
    return 0;
}

void nk_memory_free(uint64_t physical, uint64_t bytes) {
    uint64_t i = (physical - TABLES_AT) / NK_PAGE_BYTES;
    assert_true(i < TABLES_MAX && table_used[i] && bytes == NK_PAGE_BYTES);
    for (unsigned k = 0; k < 512; k++)
        assert_int_equal(((uint64_t *)(void *)(tables + i * NK_PAGE_BYTES))[k], 0);
    table_used[i] = false;
    tables_left++;
}

void nk_core_flush(const struct nk_app *of) {
    assert_ptr_equal(of, &app);
    flushes++;
}

/* The IOMMU walks the same tables. */
void nk_iommu_flush(const struct nk_app *of) {
    assert_ptr_equal(of, &app);
    unit_flushes++;
}

void nk_panic(const char *format, ...) {
    fail_msg("panic: %s", format);
    abort();
}

/* ---- the model ---- */

static struct page {
    uint64_t physical, rights;
    bool large;
} model[WINDOW_PAGES];

static const uint64_t some_rights[] = {NK_PAGE_NO_EXECUTE, NK_PAGE_NO_EXECUTE | NK_PAGE_WRITE, 0};

static void agree(void) {
    for (unsigned i = 0; i < WINDOW_PAGES; i++) {
        uint64_t rights = 0;
        uint64_t found = nk_paging_find(&app, WINDOW + i * NK_PAGE_BYTES + 5, &rights);
        assert_int_equal(found, model[i].physical ? model[i].physical + 5 : 0);
        if (found)
            assert_int_equal(rights & ~NK_PAGE_SMALL, model[i].rights);
    }
}

static void random_step(struct seeded *s) {
    uint64_t first = seeded_below(s, WINDOW_PAGES), count = 1 + seeded_below(s, 40);
    uint64_t rights = some_rights[seeded_below(s, 3)], kind = seeded_below(s, 8);
    bool large = seeded_below(s, 4) == 0, mapped = true, cut = false, vacant = true;
    if (large) {
        first &= ~511ULL;
        count = 512 * (1 + seeded_below(s, 3));
    } else if (seeded_below(s, 8) == 0) {
        count = 1 + seeded_below(s, 1200);
    }
    if (first + count > WINDOW_PAGES)
        count = WINDOW_PAGES - first;
    uint64_t address = WINDOW + first * NK_PAGE_BYTES, bytes = count * NK_PAGE_BYTES;
    for (uint64_t i = first; i < first + count; i++) {
        mapped &= model[i].physical != 0;
        vacant &= model[i].physical == 0;
    }
    cut = (model[first].large && first % 512) ||
          (model[first + count - 1].large && (first + count) % 512);

    unsigned left = tables_left, units = unit_flushes;
    if (kind < 4) {
        /* No physical page is mapped twice: that of a page of the window is its own. */
        uint64_t physical = NK_BLOCK_BYTES + first * NK_PAGE_BYTES;
        int error =
            nk_paging_place(&app, address, physical, bytes, rights | (large ? 0 : NK_PAGE_SMALL));
        if (error) {
            assert_true(error == -NOM_EBUSY ? !vacant : error == -NOM_ENOMEM);
            assert_int_equal(tables_left, left);
            return;
        }
        assert_true(vacant && unit_flushes > units);
        for (uint64_t i = 0; i < count; i++)
            model[first + i] =
                (struct page){physical + i * NK_PAGE_BYTES, rights,
                              large && (first + i) / 512 * 512 + 512 <= first + count};
        return;
    }
    assert_int_equal(nk_paging_mapped(&app, address, bytes), mapped && !cut);
    if (!mapped || cut)
        return;
    unsigned before = flushes;
    if (kind == 4) {
        nk_paging_protect(&app, address, bytes, rights);
        for (uint64_t i = first; i < first + count; i++)
            model[i].rights = rights;
    } else {
        nk_paging_unmap(&app, address, bytes);
        memset(&model[first], 0, count * sizeof model[0]);
    }
    assert_true(flushes > before && unit_flushes > units);
}

static void start(unsigned count) {
    free(tables);
    tables = calloc(TABLES_MAX, NK_PAGE_BYTES);
    assert_non_null(tables);
    memset(table_used, 0, sizeof table_used);
    memset(model, 0, sizeof model);
    tables_left = count;
    app.tables_physical = nk_paging_space(1);
    assert_int_not_equal(app.tables_physical, 0);
}

static void random_steps(unsigned count, uint64_t seed) {
    struct seeded s = {seed};
    unsigned maps = 0, fails = 0;
    start(count);
    for (unsigned i = 0; i < STEPS; i++) {
        unsigned left = tables_left;
        random_step(&s);
        maps += tables_left < left;
        fails += tables_left == 0;
        if (i % 16 == 0)
            agree();
        if (i % 500 == 499) {
            for (unsigned p = 0; p < WINDOW_PAGES; p++)
                if (model[p].physical) {
                    uint64_t n = model[p].large ? 512 : 1;
                    nk_paging_unmap(&app, WINDOW + p * NK_PAGE_BYTES, n * NK_PAGE_BYTES);
                    memset(&model[p], 0, n * sizeof model[0]);
                }
            agree();
            assert_int_equal(tables_left, count - 1); /* all but the top one */
        }
    }
    assert_true(maps > 100 && (fails > 100) == (count < 8));
}

static void pages_are_where_the_app_put_them(void **state) {
    (void)state;
    random_steps(TABLES_MAX, 1);
}

static void without_memory_for_tables_nothing_changes(void **state) {
    (void)state;
    for (unsigned count = 4; count < 8; count++)
        random_steps(count, count);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_where_the_app_put_them),
        cmocka_unit_test(without_memory_for_tables_nothing_changes),
    };
    int failed = cmocka_run_group_tests_name("kernel_paging", tests, NULL, NULL);
    free(tables);
    return failed;
}
