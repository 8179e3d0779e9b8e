/* mmap and its kin, and the runs of pages below them. */
#include "runtime/posix/pages.h"
#include "tests/posix/world.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

#define PAGE  4096l
#define MIB   (1l << 20)
#define ANY   (MAP_PRIVATE | MAP_ANONYMOUS)
#define SEED  20240607u
#define MAPS  64
#define STEPS 20000

static long map(long bytes) {
    return CALL(mmap, 0, bytes, PROT_READ | PROT_WRITE, ANY, -1, 0);
}

static bool all_zero(const char *p, long bytes) {
    return p[0] == 0 && memcmp(p, p + 1, (size_t)bytes - 1) == 0;
}

static void memory_reads_as_zeroes_also_when_used_again(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        long p = map(3 * MIB);
        assert_true(p > 0 && p % PAGE == 0);
        assert_true(all_zero((char *)p, 3 * MIB));
        memset((char *)p, 0xa5, 3 * MIB);
        assert_int_equal(CALL(munmap, p, 3 * MIB), 0);
    }
}

static void the_middle_of_a_mapping_can_go(void **state) {
    (void)state;
    long p = map(8 * PAGE);
    memset((char *)p, 1, 8 * PAGE);
    assert_int_equal(CALL(munmap, p + 2 * PAGE, 3 * PAGE), 0);
    assert_int_equal(((char *)p)[2 * PAGE - 1], 1);
    assert_int_equal(((char *)p)[5 * PAGE], 1);
    assert_int_equal(CALL(mprotect, p + 2 * PAGE, PAGE, PROT_READ), -ENOMEM);
    assert_int_equal(CALL(munmap, p, 8 * PAGE), 0); /* also what has gone */
    assert_int_equal(CALL(munmap, p, 8 * PAGE), 0);
}

static void bad_arguments_are_refused(void **state) {
    (void)state;
    int local;
    assert_int_equal(CALL(mmap, 0, 0, PROT_READ, ANY, -1, 0), -EINVAL);
    assert_int_equal(CALL(mmap, 0, PAGE, PROT_READ, ANY, -1, 1), -EINVAL);
    assert_int_equal(CALL(mmap, 0, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0), -EINVAL);
    assert_int_equal(CALL(mmap, 0, PAGE, PROT_READ | PROT_EXEC, ANY, -1, 0), -EACCES);
    assert_int_equal(CALL(mmap, 0, INT64_MAX, PROT_READ, ANY, -1, 0), -ENOMEM);
    assert_int_equal(CALL(mmap, 0, 1l << 42, PROT_READ, ANY, -1, 0), -ENOMEM);
    assert_int_equal(CALL(mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, 999, 0), -EBADF);
    assert_int_equal(CALL(mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, 1, 0), -ENODEV);
    assert_int_equal(CALL(munmap, 5, PAGE), -EINVAL);
    assert_int_equal(CALL(munmap, (long)&local & -PAGE, PAGE), -EINVAL);
    assert_int_equal(CALL(mremap, (long)&local & -PAGE, PAGE, PAGE, 0, 0), -EFAULT);
}

static void hidden_memory_shows_when_it_is_asked_for(void **state) {
    (void)state;
    long dirty = map(64 * PAGE);
    memset((char *)dirty, 7, 64 * PAGE);
    CALL(munmap, dirty, 64 * PAGE);
    long p = CALL(mmap, 0, 64 * PAGE, PROT_NONE, ANY, -1, 0);
    assert_true(p > 0);
    assert_int_equal(CALL(mprotect, p + PAGE, 2 * PAGE, PROT_READ | PROT_WRITE), 0);
    assert_true(all_zero((char *)p + PAGE, 2 * PAGE));
    ((char *)p)[PAGE] = 9;
    assert_int_equal(CALL(mprotect, p + PAGE, PAGE, PROT_NONE), 0);
    assert_int_equal(CALL(mprotect, p, 64 * PAGE, PROT_READ | PROT_WRITE), 0);
    assert_int_equal(((char *)p)[PAGE], 9); /* what it held is still there */
    ((char *)p)[PAGE] = 0;
    assert_true(all_zero((char *)p, 64 * PAGE));
    CALL(munmap, p, 64 * PAGE);
}

static void what_is_not_needed_reads_as_zeroes(void **state) {
    (void)state;
    long p = map(4 * PAGE);
    memset((char *)p, 3, 4 * PAGE);
    assert_int_equal(CALL(madvise, p + PAGE, 2 * PAGE, MADV_DONTNEED), 0);
    assert_int_equal(((char *)p)[PAGE - 1], 3);
    assert_true(all_zero((char *)p + PAGE, 2 * PAGE));
    assert_int_equal(((char *)p)[3 * PAGE], 3);
    assert_int_equal(CALL(madvise, p, 4 * PAGE, MADV_WILLNEED), 0);
    CALL(munmap, p, 4 * PAGE);
}

static void a_mapping_grows_in_place_or_moves(void **state) {
    (void)state;
    long p = map(2 * PAGE);
    memset((char *)p, 5, 2 * PAGE);
    long grown = CALL(mremap, p, 2 * PAGE, 400 * PAGE, MREMAP_MAYMOVE, 0);
    assert_true(grown > 0);
    assert_int_equal(((char *)grown)[2 * PAGE - 1], 5);
    assert_true(all_zero((char *)grown + 2 * PAGE, 398 * PAGE));
    long fence = map(PAGE);
    long shrunk = CALL(mremap, grown, 400 * PAGE, PAGE, 0, 0);
    assert_int_equal(shrunk, grown);
    long again = CALL(mremap, grown, PAGE, 2 * PAGE, 0, 0); /* into what it has just left */
    assert_int_equal(again, grown);
    assert_true(all_zero((char *)again + PAGE, PAGE));
    long wall = CALL(mmap, again + 2 * PAGE, PAGE, PROT_READ, ANY, -1, 0);
    assert_int_equal(CALL(munmap, wall, PAGE), 0);
    long big = map(100 * PAGE), behind = map(PAGE);
    memset((char *)big, 6, 100 * PAGE);
    if (behind == big + 100 * PAGE)
        assert_int_equal(CALL(mremap, big, 100 * PAGE, 2000 * PAGE, 0, 0), -ENOMEM);
    long moved = CALL(mremap, big, 100 * PAGE, 2000 * PAGE, MREMAP_MAYMOVE, 0);
    assert_true(moved > 0);
    assert_int_equal(((char *)moved)[0], 6);
    assert_int_equal(((char *)moved)[100 * PAGE - 1], 6);
    assert_true(all_zero((char *)moved + 100 * PAGE, 1900 * PAGE));
    CALL(munmap, moved, 2000 * PAGE);
    CALL(munmap, behind, PAGE);
    CALL(munmap, again, 2 * PAGE);
    CALL(munmap, fence, PAGE);
}

static void a_fixed_address_takes_the_place_of_what_is_there(void **state) {
    (void)state;
    long p = CALL(mmap, 0, 8 * PAGE, PROT_NONE, ANY, -1, 0);
    assert_int_equal(CALL(mmap, p + PAGE, 2 * PAGE, PROT_READ | PROT_WRITE, ANY | MAP_FIXED, -1, 0),
                     p + PAGE);
    memset((char *)p + PAGE, 4, 2 * PAGE);
    assert_int_equal(CALL(mmap, p + PAGE, 2 * PAGE, PROT_READ | PROT_WRITE, ANY | MAP_FIXED, -1, 0),
                     p + PAGE);
    assert_true(all_zero((char *)p + PAGE, 2 * PAGE));
    CALL(munmap, p, 8 * PAGE);
    assert_int_equal(CALL(mmap, p, PAGE, PROT_READ, ANY | MAP_FIXED, -1, 0), -ENOMEM);
}

/* Each mapping holds its own number; what one holds is never another's. */
static void maps_come_and_go_without_growth(void **state) {
    (void)state;
    static struct { long address, pages; } maps[MAPS];
    uint32_t top = 0;
    srand(SEED);
    for (int step = 0; step < STEPS; step++) {
        int i = rand() % MAPS;
        if (maps[i].pages) {
            const char *p = (const char *)maps[i].address;
            assert_int_equal(p[0], i);
            assert_int_equal(p[maps[i].pages * PAGE - 1], i);
            if (rand() % 3 == 0) {
                long pages = 1 + rand() % 60;
                maps[i].address = CALL(mremap, maps[i].address, maps[i].pages * PAGE, pages * PAGE,
                                       MREMAP_MAYMOVE, 0);
                maps[i].pages = pages;
                assert_true(maps[i].address > 0);
                ((char *)maps[i].address)[pages * PAGE - 1] = (char)i;
                continue;
            }
            assert_int_equal(CALL(munmap, maps[i].address, maps[i].pages * PAGE), 0);
            maps[i].pages = 0;
        } else {
            maps[i].pages = 1 + rand() % 60;
            maps[i].address = map(maps[i].pages * PAGE);
            assert_true(maps[i].address > 0);
            char *p = (char *)maps[i].address;
            assert_int_equal(p[0], 0);
            assert_int_equal(p[maps[i].pages * PAGE - 1], 0);
            p[0] = p[maps[i].pages * PAGE - 1] = (char)i;
        }
        if (step == STEPS / 2)
            top = posix_pages_top();
    }
    assert_true(posix_pages_top() <= top + top / 4);
    for (int i = 0; i < MAPS; i++)
        if (maps[i].pages)
            CALL(munmap, maps[i].address, maps[i].pages * PAGE);
}

static void the_same_again_costs_nothing_more(void **state) {
    (void)state;
    CALL(munmap, map(261 * PAGE), 261 * PAGE);
    uint32_t top = posix_pages_top();
    for (int i = 0; i < 1000; i++) {
        long a = map(261 * PAGE), b = map(PAGE);
        CALL(munmap, a, 261 * PAGE);
        CALL(munmap, b, PAGE);
    }
    assert_true(posix_pages_top() <= top + 262);
}

int world_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_reads_as_zeroes_also_when_used_again),
        cmocka_unit_test(the_middle_of_a_mapping_can_go),
        cmocka_unit_test(bad_arguments_are_refused),
        cmocka_unit_test(hidden_memory_shows_when_it_is_asked_for),
        cmocka_unit_test(what_is_not_needed_reads_as_zeroes),
        cmocka_unit_test(a_mapping_grows_in_place_or_moves),
        cmocka_unit_test(a_fixed_address_takes_the_place_of_what_is_there),
        cmocka_unit_test(maps_come_and_go_without_growth),
        cmocka_unit_test(the_same_again_costs_nothing_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
