/*
 * The kernel's account of memory (runtime/kernel/memory.c, here as it is) against a model that has
 * a byte for each page: random grants, uses, frees and releases on machines of many sizes. After
 * each step the free bytes agree; what is granted was free, is in a row and was cleared; what is
 * refused was nowhere to be had; each question about a range is answered as the model would.
 */
#include "runtime/kernel/machine.h"

static void *account_memory;
#define nk_direct(physical)  (account_at = (physical), account_memory)
#define nk_image_physical(p) ((void)(p), IMAGE_END)
#define IMAGE_END            0x15b234ULL
static uint64_t account_at;

#include "runtime/kernel/memory.c"

#include "seeded.h"
#include "within.h"
#include <stdlib.h>
#include <string.h>

#define STEPS      20000u
#define MIB        0x100000ULL
#define PAGES_MAX  (NK_MEMORY_END / NK_PAGE_BYTES)
#define GRANTS_MAX 512u
#define OWNERS     4u

const uint8_t nk_image_end[1];

/* ---- the rest of the kernel ---- */

static uint64_t cleared_at, cleared_bytes, board_free;

void nk_worker_clear(uint64_t physical, uint64_t bytes) {
    if (!cleared_bytes || cleared_at + cleared_bytes != physical) {
        cleared_at = physical;
        cleared_bytes = 0;
    }
    cleared_bytes += bytes; /* larger memory is cleared piece by piece */
}

volatile uint32_t nk_locked;
void nk_lock_wait(void) {}

void nk_board_memory(uint64_t free_bytes) {
    board_free = free_bytes;
}

void nk_panic(const char *format, ...) {
    fail_msg("panic: %s", format);
    abort();
}

/* ---- the model ---- */

static struct {
    uint8_t owner[PAGES_MAX]; /* NK_OWNER_MACHINE where there is nothing to hand out */
    uint8_t in_use[PAGES_MAX];
    uint8_t whole[PAGES_MAX / PAGES]; /* by block: handed out as one */
    uint64_t pages, free;             /* of the machine; now */
} model;

static uint8_t owner_before(const struct nk_boot *boot, uint64_t page) {
    uint64_t at = page * NK_PAGE_BYTES, end = at + NK_PAGE_BYTES;
    const struct nk_range *initrd = &boot->initrd;
    bool usable = false;
    for (unsigned i = 0; i < boot->memory_count; i++)
        usable |= at >= boot->memory[i].start &&
                  end <= boot->memory[i].start + boot->memory[i].bytes && end <= NK_MEMORY_END;
    uint64_t account_end = account_at + block_count * sizeof *blocks;
    if (!usable || at < NK_LOW_KEPT_BYTES || at == NK_SMM_ENTRY || at == NK_SMM_STATE ||
        (end > NK_IMAGE_PHYSICAL && at < IMAGE_END) ||
        (end > initrd->start && at < initrd->start + initrd->bytes) ||
        (end > account_at && at < account_end))
        return NK_OWNER_MACHINE;
    return NK_OWNER_FREE;
}

/* A machine as QEMU's firmware describes one. */
static void machine(uint64_t bytes, uint64_t initrd_bytes) {
    struct nk_boot boot = {
        .memory = {{0, 0x9fc00}, {MIB, bytes - MIB - 0x21000}, {0x100000000, 512 * MIB}},
        .memory_count = 3};
    boot.initrd.bytes = initrd_bytes;
    boot.initrd.start = (bytes - 0x21000 - initrd_bytes) & ~(NK_PAGE_BYTES - 1);
    uint64_t top = bytes < NK_MEMORY_END ? bytes - 0x21000 : NK_MEMORY_END;
    free(account_memory);
    account_memory = malloc((top + NK_BLOCK_BYTES - 1) / NK_BLOCK_BYTES * sizeof *blocks);
    assert_non_null(account_memory);
    memset(free_blocks, 0, sizeof free_blocks);
    memset(roomy_blocks, 0, sizeof roomy_blocks);
    memset(owned_bytes, 0, sizeof owned_bytes);
    memset(&model, 0, sizeof model);
    usable_bytes = 0;
    nk_memory_start(&boot);
    assert_true(account_at >= IMAGE_END && account_at % NK_PAGE_BYTES == 0);
    assert_true(account_at + block_count * sizeof *blocks <= top);
    assert_true(account_at >= boot.initrd.start + boot.initrd.bytes ||
                account_at + block_count * sizeof *blocks <= boot.initrd.start);
    model.pages = block_count * PAGES;
    for (uint64_t p = 0; p < model.pages; p++) {
        model.owner[p] = owner_before(&boot, p);
        model.free += model.owner[p] == NK_OWNER_FREE;
    }
}

static void agree(void) {
    assert_int_equal(nk_memory_free_bytes(), model.free * NK_PAGE_BYTES);
    assert_int_equal(board_free, model.free * NK_PAGE_BYTES);
}

static uint64_t owned_pages(unsigned owner) {
    uint64_t n = 0;
    for (uint64_t p = 0; p < model.pages; p++)
        n += model.owner[p] == owner;
    return n;
}

/* What the account itself must keep, block by block. */
static void account_is_sound(void) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < NK_OWNERS; i++)
        sum += owned_bytes[i];
    assert_int_equal(sum, model.pages * NK_PAGE_BYTES);
    for (unsigned b = 0; b < block_count; b++) {
        const struct block *block = &blocks[b];
        bool is_free = free_blocks[b / 64] >> b % 64 & 1,
             roomy = roomy_blocks[b / 64] >> b % 64 & 1;
        assert_int_equal(is_free, block->owner == NK_OWNER_FREE);
        unsigned count = 0;
        for (unsigned p = 0; p < PAGES; p++) {
            unsigned owner = block->owner == SPLIT ? block->page[p] & ~IN_USE : block->owner;
            assert_int_equal(owner, model.owner[b * PAGES + p]);
            if (block->owner == SPLIT)
                assert_int_equal(block->free[p / 64] >> p % 64 & 1, owner == NK_OWNER_FREE);
            count += owner == NK_OWNER_FREE;
        }
        assert_int_equal(roomy, block->owner == SPLIT && count > 0);
    }
}

static bool run_of_pages(uint64_t count) {
    for (uint64_t p = 0, run = 0; p < model.pages; p++) {
        run = p % PAGES == 0 ? 0 : run;
        run = model.owner[p] == NK_OWNER_FREE ? run + 1 : 0;
        if (run >= count)
            return true;
    }
    return false;
}

static bool run_of_blocks(uint64_t count) {
    for (uint64_t b = 0, run = 0; b < model.pages / PAGES; b++) {
        bool is_free = true;
        for (uint64_t p = b * PAGES; is_free && p < (b + 1) * PAGES; p++)
            is_free = model.owner[p] == NK_OWNER_FREE;
        run = is_free ? run + 1 : 0;
        if (run >= count)
            return true;
    }
    return false;
}

static void handed(unsigned owner, uint64_t physical, uint64_t pages, bool whole, bool in_use) {
    if (!physical) {
        assert_false(whole ? run_of_blocks(pages / PAGES) : run_of_pages(pages));
        return;
    }
    assert_int_equal(cleared_at, physical);
    assert_int_equal(cleared_bytes, pages * NK_PAGE_BYTES);
    cleared_bytes = 0;
    assert_int_equal(physical % (whole ? NK_BLOCK_BYTES : NK_PAGE_BYTES), 0);
    for (uint64_t p = physical / NK_PAGE_BYTES, end = p + pages; p < end; p++) {
        assert_int_equal(model.owner[p], NK_OWNER_FREE);
        model.owner[p] = (uint8_t)owner;
        model.in_use[p] = in_use;
        model.whole[p / PAGES] = whole;
    }
    model.free -= pages;
}

static void given_back(uint64_t physical, uint64_t bytes) {
    for (uint64_t p = physical / NK_PAGE_BYTES; bytes > 0; p++, bytes -= NK_PAGE_BYTES) {
        model.owner[p] = NK_OWNER_FREE;
        model.in_use[p] = 0;
        model.free++;
    }
}

/* As memory.h says of nk_memory_check, with every reason there is rather than the first. */
static void checked(unsigned owner, uint64_t physical, uint64_t bytes, int result, bool large) {
    bool foreign = false, used = false, cut = bytes == 0 || (physical | bytes) % NK_PAGE_BYTES;
    uint64_t end = model.pages * NK_PAGE_BYTES;
    if (physical >= end || bytes > end - physical)
        foreign = true;
    for (uint64_t at = physical & ~(NK_PAGE_BYTES - 1), first = at;
         !foreign && at < physical + bytes; at += NK_PAGE_BYTES) {
        uint64_t p = at / NK_PAGE_BYTES;
        foreign |= model.owner[p] != owner;
        used |= model.in_use[p];
        cut |= model.whole[p / PAGES] != model.whole[first / NK_BLOCK_BYTES];
        cut |= model.whole[p / PAGES] && (physical | bytes) % NK_BLOCK_BYTES;
    }
    if (result == 0) {
        assert_false(foreign || used || cut);
        assert_int_equal(large, model.whole[physical / NK_BLOCK_BYTES]);
    } else {
        assert_true((result == -NOM_EINVAL && cut) || (result == -NOM_EPERM && foreign) ||
                    (result == -NOM_EBUSY && used));
    }
}

/* ---- steps ---- */

static struct grant {
    uint64_t physical, bytes;
    unsigned owner;
} grants[GRANTS_MAX]; /* what was once handed out; parts may be free or another's by now */

static uint64_t amount(struct seeded *s) {
    switch (seeded_below(s, 8)) {
    case 0:
        return 1 + seeded_below(s, 64 * MIB);
    case 1:
        return 1 + seeded_below(s, 5 * MIB);
    case 2:
        return seeded_below(s, 2) ? MIB : MIB - 1;
    case 3:
        return seeded_next(s) >> seeded_below(s, 64);
    case 4:
        return 1 + seeded_below(s, MIB);
    default:
        return 1 + seeded_below(s, 16 * NK_PAGE_BYTES);
    }
}

static void take(struct seeded *s) {
    struct grant *g = &grants[seeded_below(s, GRANTS_MAX)];
    unsigned owner = 1 + (unsigned)seeded_below(s, OWNERS), kind = (unsigned)seeded_below(s, 4);
    uint64_t bytes = amount(s), count;
    g->owner = owner;
    if (kind == 0) {
        count = seeded_below(s, 8) ? seeded_below(s, 4) : seeded_next(s) >> seeded_below(s, 64);
        g->physical = nk_memory_blocks(owner, count);
        g->bytes = count * NK_BLOCK_BYTES;
        if (count > 0 && count < model.pages)
            handed(owner, g->physical, count * PAGES, true, true);
        else
            assert_int_equal(g->physical, 0);
    } else if (kind == 1) {
        count = seeded_below(s, 4) ? seeded_below(s, 4) : seeded_below(s, PAGES + 2);
        g->physical = nk_memory_pages(owner, (unsigned)count);
        g->bytes = count * NK_PAGE_BYTES;
        if (count > 0 && count <= PAGES)
            handed(owner, g->physical, count, false, true);
        else
            assert_int_equal(g->physical, 0);
    } else {
        g->physical = nk_memory_grant(owner, bytes);
        bool whole = bytes >= NOM_FRAMES_LARGE;
        uint64_t unit = whole ? NK_BLOCK_BYTES : NK_PAGE_BYTES;
        g->bytes = (bytes + unit - 1) & ~(unit - 1);
        if (bytes > 0 && bytes <= model.pages * NK_PAGE_BYTES)
            handed(owner, g->physical, g->bytes / NK_PAGE_BYTES, whole, false);
        else
            assert_int_equal(g->physical, 0);
    }
}

/* A range of something that was handed out once, mostly all or a good part of it. */
static struct grant range(struct seeded *s) {
    struct grant g = grants[seeded_below(s, GRANTS_MAX)];
    uint64_t unit = seeded_below(s, 2) ? NK_PAGE_BYTES : NK_BLOCK_BYTES;
    if (seeded_below(s, 2) && g.bytes >= unit) {
        uint64_t from = seeded_below(s, g.bytes / unit) * unit;
        g.physical += from;
        g.bytes = (1 + seeded_below(s, (g.bytes - from + unit - 1) / unit)) * unit;
    }
    if (seeded_below(s, 16) == 0)
        g.bytes += seeded_next(s) >> seeded_below(s, 64);
    if (seeded_below(s, 16) == 0)
        g.physical = seeded_next(s) >> seeded_below(s, 64);
    if (seeded_below(s, 16) == 0)
        g.owner = 1 + (unsigned)seeded_below(s, NK_OWNER_CHANNEL);
    return g;
}

static void step(struct seeded *s) {
    bool large = false;
    uint64_t kind = seeded_below(s, 200);
    struct grant g = range(s);
    if (kind == 0) {
        unsigned owner = 1 + (unsigned)seeded_below(s, OWNERS);
        uint64_t bytes = owned_pages(owner) * NK_PAGE_BYTES;
        assert_int_equal(nk_memory_owned_bytes(owner), bytes);
        assert_int_equal(nk_memory_release(owner), bytes);
        for (uint64_t p = 0; p < model.pages; p++)
            if (model.owner[p] == owner)
                given_back(p * NK_PAGE_BYTES, NK_PAGE_BYTES);
        return;
    }
    if (kind < 90) {
        take(s);
        return;
    }
    int result = nk_memory_check(g.owner, g.physical, g.bytes, &large);
    checked(g.owner, g.physical, g.bytes, result, large);
    bool idle = result == 0, busy = false;
    if (result == -NOM_EBUSY) {
        /* All of it in use, and the owner's: then it may be given back or no longer used. */
        busy =
            g.bytes % (model.whole[g.physical / NK_BLOCK_BYTES] ? NK_BLOCK_BYTES : NK_PAGE_BYTES) ==
            0;
        for (uint64_t at = 0; busy && at < g.bytes; at += NK_PAGE_BYTES)
            busy = model.owner[(g.physical + at) / NK_PAGE_BYTES] == g.owner &&
                   model.in_use[(g.physical + at) / NK_PAGE_BYTES] &&
                   model.whole[(g.physical + at) / NK_BLOCK_BYTES] ==
                       model.whole[g.physical / NK_BLOCK_BYTES];
    }
    if (!idle && !busy)
        return;
    if (kind < 160) {
        nk_memory_free(g.physical, g.bytes);
        given_back(g.physical, g.bytes);
    } else {
        nk_memory_use(g.physical, g.bytes, idle);
        for (uint64_t at = 0; at < g.bytes; at += NK_PAGE_BYTES)
            model.in_use[(g.physical + at) / NK_PAGE_BYTES] = idle;
    }
}

static void random_steps(uint64_t bytes, uint64_t initrd_bytes, uint64_t seed) {
    struct seeded s = {seed};
    machine(bytes, initrd_bytes);
    memset(grants, 0, sizeof grants);
    uint64_t free_at_first = model.free;
    agree();
    account_is_sound();
    for (unsigned i = 0; i < STEPS; i++) {
        step(&s);
        agree();
        if (i % 2000 == 0)
            account_is_sound();
    }
    for (unsigned owner = 1; owner <= NK_OWNER_CHANNEL; owner++)
        nk_memory_release(owner);
    assert_int_equal(nk_memory_free_bytes(), free_at_first * NK_PAGE_BYTES);
}

static void a_small_machine_keeps_account(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++)
        random_steps(16 * MIB, 0x22a00 * seed, seed);
}

static void machines_of_every_size_keep_account(void **state) {
    (void)state;
    random_steps(17 * MIB + NK_PAGE_BYTES, 1, 5);
    random_steps(48 * MIB, 30 * MIB, 6);
    random_steps(128 * MIB, 3 * MIB, 7);
    random_steps(129 * MIB, 0x200000, 8);
    random_steps(512 * MIB, 100 * MIB, 9);
    random_steps(2048 * MIB, MIB, 10);
    random_steps(3072 * MIB, MIB, 11);
}

static void hardly_more_than_the_initrd_and_the_kernel_is_lost(void **state) {
    (void)state;
    for (uint64_t mib = 16; mib <= 3072; mib *= 2) {
        machine(mib * MIB, 0x22a00);
        /* 1 MiB below the image, its holes used; the image; firmware's; the account itself. */
        uint64_t lost = mib * MIB - nk_memory_free_bytes();
        assert_true(lost < 0x22a00 + (IMAGE_END - NK_IMAGE_PHYSICAL) + 0x100000 / 2 + 0x21000 +
                               mib * MIB / 2048);
    }
}

static void each_page_is_handed_out_once_even_if_named_twice(void **state) {
    (void)state;
    struct nk_boot boot = {
        .memory = {{0, 0x9fc00}, {MIB, 31 * MIB}, {MIB, 15 * MIB}, {20 * MIB + 5, 20 * MIB}},
        .memory_count = 4};
    machine(64 * MIB, 0);
    memset(free_blocks, 0, sizeof free_blocks);
    memset(roomy_blocks, 0, sizeof roomy_blocks);
    memset(owned_bytes, 0, sizeof owned_bytes);
    nk_memory_start(&boot);
    uint64_t most = 40 * MIB - (IMAGE_END - NK_IMAGE_PHYSICAL) - 0x60000 - NK_LOW_KEPT_BYTES;
    assert_in_range(nk_memory_free_bytes(), most - 16 * NK_PAGE_BYTES, most);
}

static void runs_of_bits_are_found(void **state) {
    (void)state;
    struct seeded s = {3};
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t bits[8] = {0}, scratch[8];
        unsigned words = 1 + (unsigned)seeded_below(&s, 8), expected = NK_BITS_NONE, run = 0;
        unsigned count = 1 + (unsigned)seeded_below(&s, seeded_below(&s, 2) ? 8 : words * 64 + 2);
        for (unsigned k = (unsigned)seeded_below(&s, 12); k > 0; k--) {
            unsigned first = (unsigned)seeded_below(&s, words * 64);
            nk_bits_set(bits, first, 1 + (unsigned)seeded_below(&s, words * 64 - first),
                        seeded_below(&s, 3) > 0);
        }
        for (unsigned b = 0; b < words * 64 && expected == NK_BITS_NONE; b++) {
            run = bits[b / 64] >> b % 64 & 1 ? run + 1 : 0;
            if (run == count)
                expected = b + 1 - count;
        }
        assert_int_equal(nk_bits_run(bits, words, count, scratch), expected);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_machine_keeps_account),
        cmocka_unit_test(machines_of_every_size_keep_account),
        cmocka_unit_test(hardly_more_than_the_initrd_and_the_kernel_is_lost),
        cmocka_unit_test(each_page_is_handed_out_once_even_if_named_twice),
        cmocka_unit_test(runs_of_bits_are_found),
    };
    int failed = cmocka_run_group_tests_name("kernel_memory", tests, NULL, NULL);
    free(account_memory);
    return failed;
}
