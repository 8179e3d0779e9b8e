/*
 * Paging is the app's own: it has frames granted, maps, protects, unmaps and frees them as it
 * likes, and cannot do so with any that are not its own. With an argument N: tries every Nth page
 * of memory rather than each.
 */
#include "check.h"
#include "runtime/platform/nom/call.h"
#include <stdbool.h>
#include <stdlib.h>

#define PAGE   4096ULL
#define LARGE  0x200000ULL
#define HERE   (NOM_MAP_START + (NOM_MAP_END - NOM_MAP_START) / 2) /* where no library maps */
#define FAR    (1ULL << 30)                                        /* apart: tables of their own */
#define WRITE  NOM_RIGHT_WRITE
#define SPREAD 200u

static struct nom_frames granted;

static int64_t grant(uint64_t bytes) {
    return plat_call(NOM_SYS_GRANT, bytes, 0, (uint64_t)&granted);
}
static int64_t map(uint64_t address, uint64_t physical, uint64_t bytes, uint64_t rights) {
    return plat_call4(NOM_SYS_MAP, address, physical, bytes, rights);
}
static int64_t unmap(uint64_t address, uint64_t bytes) {
    return plat_call(NOM_SYS_UNMAP, address, bytes, 0);
}
static int64_t give_back(uint64_t physical, uint64_t bytes) {
    return plat_call(NOM_SYS_FREE, physical, bytes, 0);
}
static int64_t protect(uint64_t address, uint64_t bytes, uint64_t rights) {
    return plat_call(NOM_SYS_PROTECT, address, bytes, rights);
}
static uint64_t free_bytes(void) {
    return plat_board()->memory_free_bytes;
}
/* Physical address behind an address, 0 where nothing is mapped. */
static uint64_t behind(uint64_t address) {
    uint64_t physical = 0;
    plat_call(NOM_SYS_QUERY, NOM_QUERY_PHYSICAL, address, (uint64_t)&physical);
    return physical;
}
/* Whether the kernel writes there for the app: it looks at the app's own tables. */
static bool kernel_writes(uint64_t address) {
    return plat_call(NOM_SYS_QUERY, NOM_QUERY_RESOURCE, 0, address) == 0;
}
static volatile uint64_t *word(uint64_t address) {
    return (volatile uint64_t *)address;
}
static bool zero(uint64_t address, uint64_t bytes) {
    for (uint64_t at = 0; at < bytes; at += 8)
        if (*word(address + at))
            return false;
    return true;
}

static void a_frame_moves(void) {
    uint64_t before = free_bytes();
    CHECK(grant(3 * PAGE) == 0 && granted.bytes == 3 * PAGE);
    CHECK(free_bytes() == before - 3 * PAGE);
    uint64_t physical = granted.physical;
    CHECK(behind(HERE) == 0);
    CHECK(map(HERE, physical, 3 * PAGE, WRITE) == 0);
    CHECK(behind(HERE + 5000) == physical + 5000);
    CHECK(zero(HERE, 3 * PAGE));
    *word(HERE + PAGE) = 77;
    /* The middle one goes elsewhere, with what is in it. */
    CHECK(unmap(HERE + PAGE, PAGE) == 0);
    CHECK(behind(HERE) == physical && behind(HERE + PAGE) == 0 && behind(HERE + 2 * PAGE) != 0);
    CHECK(!kernel_writes(HERE + PAGE) && !kernel_writes(HERE + PAGE - 8));
    CHECK(map(HERE + FAR, physical + PAGE, PAGE, WRITE) == 0);
    CHECK(*word(HERE + FAR) == 77);
    CHECK(unmap(HERE, 3 * PAGE) == -NOM_EINVAL); /* a hole in it */
    CHECK(behind(HERE) == physical);
    CHECK(unmap(HERE, PAGE) == 0 && unmap(HERE + 2 * PAGE, PAGE) == 0 &&
          unmap(HERE + FAR, PAGE) == 0);
    CHECK(free_bytes() == before - 3 * PAGE); /* its tables are gone too */
    CHECK(give_back(physical, 3 * PAGE) == 0);
    CHECK(give_back(physical, 3 * PAGE) == -NOM_EPERM);
    CHECK(free_bytes() == before);
}

static void rights(void) {
    static const uint8_t code[] = {0xb8, 42, 0, 0, 0, 0xc3}; /* mov $42, %eax; ret */
    CHECK(grant(PAGE) == 0);
    uint64_t physical = granted.physical;
    CHECK(map(HERE, physical, PAGE, WRITE | NOM_RIGHT_EXECUTE) == -NOM_EINVAL);
    CHECK(map(HERE, physical, PAGE, 4) == -NOM_EINVAL);
    CHECK(map(HERE, physical, PAGE, 1ULL << 63 | WRITE) == -NOM_EINVAL);
    CHECK(map(HERE, physical, PAGE, WRITE) == 0);
    CHECK(kernel_writes(HERE));
    for (unsigned i = 0; i < sizeof code; i++)
        ((volatile uint8_t *)HERE)[i] = code[i];
    CHECK(protect(HERE, PAGE, WRITE | NOM_RIGHT_EXECUTE) == -NOM_EINVAL);
    CHECK(protect(HERE, PAGE, ~0ULL) == -NOM_EINVAL);
    CHECK(protect(HERE, 2 * PAGE, 0) == -NOM_EINVAL);
    CHECK(kernel_writes(HERE + 64));
    CHECK(protect(HERE, PAGE, NOM_RIGHT_EXECUTE) == 0);
    CHECK(!kernel_writes(HERE));
    CHECK(((int (*)(void))HERE)() == 42);
    CHECK(protect(HERE, PAGE, 0) == 0);
    CHECK(!kernel_writes(HERE) && *word(HERE) != 0);
    CHECK(protect(HERE, PAGE, WRITE) == 0);
    *word(HERE) = 1;
    CHECK(give_back(physical, PAGE) == -NOM_EBUSY);
    CHECK(map(HERE + PAGE, physical, PAGE, 0) == -NOM_EBUSY);
    CHECK(unmap(HERE, PAGE) == 0 && give_back(physical, PAGE) == 0);
}

static void large_ones(void) {
    uint64_t before = free_bytes();
    CHECK(grant(LARGE + 1) == 0 && granted.bytes == 2 * LARGE && granted.physical % LARGE == 0);
    uint64_t physical = granted.physical;
    CHECK(map(HERE + PAGE, physical, LARGE, WRITE) == -NOM_EINVAL);
    CHECK(map(HERE, physical, PAGE, WRITE) == -NOM_EINVAL);
    CHECK(map(HERE, physical + PAGE, LARGE, WRITE) == -NOM_EINVAL);
    CHECK(map(HERE, physical, 2 * LARGE, WRITE) == 0);
    CHECK(zero(HERE, 2 * LARGE));
    *word(HERE + LARGE + 4096) = 5;
    CHECK(unmap(HERE, PAGE) == -NOM_EINVAL && unmap(HERE + PAGE, LARGE) == -NOM_EINVAL);
    CHECK(unmap(HERE, LARGE + PAGE) == -NOM_EINVAL && protect(HERE, PAGE, 0) == -NOM_EINVAL);
    CHECK(protect(HERE, LARGE, 0) == 0 && !kernel_writes(HERE) && kernel_writes(HERE + LARGE));
    CHECK(unmap(HERE, LARGE) == 0 && *word(HERE + LARGE + 4096) == 5);
    CHECK(give_back(physical, 2 * LARGE) == -NOM_EBUSY);
    CHECK(give_back(physical, LARGE) == 0);
    /* Where a large one was, small ones may be, and the other way round. */
    CHECK(grant(PAGE) == 0 && map(HERE + 7 * PAGE, granted.physical, PAGE, WRITE) == 0);
    CHECK(unmap(HERE + LARGE, LARGE) == 0);
    CHECK(map(HERE, physical + LARGE, LARGE, WRITE) == -NOM_EBUSY);
    CHECK(unmap(HERE + 7 * PAGE, PAGE) == 0 && give_back(granted.physical, PAGE) == 0);
    CHECK(map(HERE, physical + LARGE, LARGE, WRITE) == 0 && *word(HERE + 4096) == 5);
    CHECK(unmap(HERE, LARGE) == 0 && give_back(physical + LARGE, LARGE) == 0);
    CHECK(free_bytes() == before);
}

static void places(void) {
    const uint64_t bad[] = {0,
                            PAGE,
                            NOM_MAP_START - PAGE,
                            NOM_MAP_END,
                            NOM_MAP_END - PAGE,
                            1ULL << 47,
                            0xffff800000000000ULL,
                            0xffffffff80100000ULL,
                            ~0ULL - PAGE + 1,
                            HERE + 1,
                            (uint64_t)&granted & ~(PAGE - 1),
                            (uint64_t)plat_board() & ~(PAGE - 1)};
    CHECK(grant(2 * PAGE) == 0);
    uint64_t physical = granted.physical, before = free_bytes();
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK(map(bad[i], physical, 2 * PAGE, WRITE) == -NOM_EINVAL);
        CHECK(unmap(bad[i], 2 * PAGE) == -NOM_EINVAL);
        CHECK(protect(bad[i], 2 * PAGE, 0) == -NOM_EINVAL);
    }
    CHECK(map(HERE, physical, 0, WRITE) == -NOM_EINVAL && unmap(HERE, 0) == -NOM_EINVAL);
    CHECK(map(HERE, physical, 1, WRITE) == -NOM_EINVAL && unmap(HERE, 1) == -NOM_EINVAL);
    CHECK(map(HERE, physical, ~0ULL - PAGE + 1, WRITE) == -NOM_EINVAL);
    CHECK(map(HERE, physical, 3 * PAGE, WRITE) != 0);
    CHECK(give_back(physical, 0) == -NOM_EINVAL && give_back(physical, 1) == -NOM_EINVAL);
    CHECK(give_back(physical + 8, PAGE) == -NOM_EINVAL);
    CHECK(give_back(physical, ~0ULL - PAGE + 1) == -NOM_EPERM);
    CHECK(give_back(~0ULL - PAGE + 1, 2 * PAGE) == -NOM_EPERM);
    CHECK(free_bytes() == before && behind(HERE) == 0);
    CHECK(map(NOM_MAP_END - 2 * PAGE, physical, 2 * PAGE, WRITE) == 0);
    CHECK(unmap(NOM_MAP_END - PAGE, PAGE) == 0);
    /* Something is in the way: nothing of the rest is mapped. */
    CHECK(map(NOM_MAP_END - 3 * PAGE, physical + PAGE, PAGE, WRITE) == 0);
    CHECK(unmap(NOM_MAP_END - 2 * PAGE, PAGE) == 0);
    CHECK(map(NOM_MAP_END - 3 * PAGE, physical, PAGE, WRITE) == -NOM_EBUSY);
    CHECK(unmap(NOM_MAP_END - 3 * PAGE, PAGE) == 0);
    CHECK(give_back(physical, 2 * PAGE) == 0);
}

/* Every page of the machine that was not granted is refused, whatever it holds: the kernel, the
 * app's own page tables, its image, devices, nothing. */
static void what_others_own(uint64_t every) {
    uint64_t before = free_bytes(), end = plat_board()->memory_bytes + (16 << 20), tried = 0;
    CHECK(grant(PAGE) == 0);
    unsigned given = 0;
    for (uint64_t at = 0; at < end; at += every * PAGE, tried++) {
        if (at == granted.physical)
            continue;
        given += map(HERE, at, PAGE, WRITE) >= 0;
        given += give_back(at, PAGE) >= 0;
        if (at % LARGE == 0) {
            given += map(HERE, at, LARGE, WRITE) >= 0;
            given += give_back(at, LARGE) >= 0;
        }
    }
    CHECK(tried > 10 && given == 0);
    CHECK(give_back(behind((uint64_t)&granted & ~(PAGE - 1)), PAGE) == -NOM_EBUSY);
    CHECK(give_back(granted.physical, PAGE) == 0);
    CHECK(free_bytes() == before);
}

static void tables_come_back(void) {
    uint64_t before = free_bytes();
    CHECK(grant(SPREAD * PAGE) == 0);
    for (unsigned i = 0; i < SPREAD; i++)
        CHECK(map(NOM_MAP_START + (i + 4) * FAR, granted.physical + i * PAGE, PAGE, WRITE) == 0);
    CHECK(free_bytes() <= before - SPREAD * 3 * PAGE);
    for (unsigned i = 0; i < SPREAD; i++)
        CHECK(unmap(NOM_MAP_START + (i + 4) * FAR, PAGE) == 0);
    CHECK(give_back(granted.physical, SPREAD * PAGE) == 0);
    CHECK(free_bytes() == before);
}

/* With memory at its end: a MAP that gets only one of the two tables it wants leaves none. */
static void the_last_page(void) {
    static struct nom_frames all[1024];
    unsigned count = 0;
    uint64_t before = free_bytes();
    CHECK(grant(PAGE) == 0);
    uint64_t mine = granted.physical;
    for (uint64_t bytes = 64 << 20; bytes >= PAGE; bytes /= 2)
        while (count < 1024 && grant(bytes) == 0)
            all[count++] = granted;
    CHECK(free_bytes() == 0 && count < 1024);
    CHECK(map(HERE, mine, PAGE, WRITE) == -NOM_ENOMEM && free_bytes() == 0);
    /* One page is free, and it takes two tables. */
    uint64_t last = all[count - 1].physical;
    CHECK(give_back(last, PAGE) == 0 && free_bytes() == PAGE);
    CHECK(map(HERE, mine, PAGE, WRITE) == -NOM_ENOMEM && free_bytes() == PAGE);
    CHECK(behind(HERE) == 0);
    CHECK(grant(PAGE) == 0 && granted.physical == last);
    CHECK(give_back(mine, PAGE) == 0);
    for (unsigned i = 0; i < count; i++)
        CHECK(give_back(all[i].physical, all[i].bytes) == 0);
    CHECK(free_bytes() == before);
}

static void what_was_written_is_gone(void) {
    uint64_t physical, dirty = 0;
    for (unsigned i = 0; i < 20; i++) {
        CHECK(grant(i % 2 ? LARGE : 40 * PAGE) == 0);
        physical = granted.physical;
        CHECK(map(HERE, physical, granted.bytes, WRITE) == 0);
        dirty += !zero(HERE, granted.bytes);
        for (uint64_t at = 0; at < granted.bytes; at += 512)
            *word(HERE + at) = ~0ULL;
        CHECK(unmap(HERE, granted.bytes) == 0 && give_back(physical, granted.bytes) == 0);
    }
    CHECK(dirty == 0);
}

int plat_main(int argc, char **argv) {
    uint64_t every = argc > 1 ? strtoull(argv[1], NULL, 10) : 1, before = free_bytes();
    a_frame_moves();
    rights();
    large_ones();
    places();
    tables_come_back();
    the_last_page();
    what_was_written_is_gone();
    what_others_own(every);
    CHECK(free_bytes() == before);
    plat_log("frames: %llu KiB free before and after", (unsigned long long)before / 1024);
    return check_end("frames");
}
