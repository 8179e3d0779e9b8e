/*
 * Grants of memory: zeroed, contiguous for devices as for the app, each byte granted once, ENOMEM
 * at the end and nothing damaged by it.
 */
#include "check.h"
#include "runtime/platform/nom/call.h"
#include <stdbool.h>

#define GRANTS_MAX 512u
#define PAGE       4096u

/* Frames, and where the test has them mapped. */
static struct grant { uint64_t address, bytes, physical; } grants[GRANTS_MAX];
static uint64_t map_next = NOM_MAP_START + (NOM_MAP_END - NOM_MAP_START) / 2;
static unsigned grant_count;

static int64_t map(uint64_t bytes) {
    struct nom_frames frames;
    struct grant *g = &grants[grant_count];
    if (grant_count == GRANTS_MAX)
        return -NOM_ENOMEM;
    int64_t error = plat_call(NOM_SYS_GRANT, bytes, 0, (uint64_t)&frames);
    if (error < 0)
        return error;
    if (frames.bytes >= NOM_FRAMES_LARGE)
        map_next = (map_next + NOM_FRAME_BYTES_LARGE - 1) & ~(NOM_FRAME_BYTES_LARGE - 1ULL);
    *g = (struct grant){map_next, frames.bytes, frames.physical};
    map_next += frames.bytes;
    return plat_call4(NOM_SYS_MAP, g->address, g->physical, g->bytes, NOM_RIGHT_WRITE);
}

static bool all(const struct grant *m, uint64_t value) {
    const uint64_t *word = (const uint64_t *)m->address;
    for (uint64_t i = 0; i < m->bytes / 8; i++)
        if (word[i] != value)
            return false;
    return true;
}

static void fill(const struct grant *m, uint64_t value) {
    uint64_t *word = (uint64_t *)m->address;
    for (uint64_t i = 0; i < m->bytes / 8; i++)
        word[i] = value;
}

/* What the kernel says lies behind an offset of the grant is where contiguity puts it. */
static bool contiguous(const struct grant *m, uint64_t offset) {
    uint64_t physical = 0;
    return plat_call(NOM_SYS_QUERY, NOM_QUERY_PHYSICAL, m->address + offset, (uint64_t)&physical) ==
               0 &&
           physical == m->physical + offset;
}

static void take(uint64_t bytes) {
    const struct grant *m = &grants[grant_count];
    CHECK(map(bytes) == 0);
    CHECK(m->bytes >= bytes);
    CHECK(m->address % PAGE == 0 && m->physical % PAGE == 0 && m->bytes % PAGE == 0);
    CHECK(contiguous(m, 0) && contiguous(m, m->bytes / 2 + 1) && contiguous(m, m->bytes - 1));
    CHECK(all(m, 0));
    fill(m, ++grant_count);
}

static void arena(void) {
    uint8_t *a = plat_dma_alloc(100), *b = plat_dma_alloc(3 << 20), *c = plat_dma_alloc(PAGE);
    uint64_t physical = 0;
    CHECK(a && b && c);
    CHECK((uint64_t)a % PAGE == 0 && (uint64_t)b % PAGE == 0 && (uint64_t)c % PAGE == 0);
    CHECK(plat_call(NOM_SYS_QUERY, NOM_QUERY_PHYSICAL, (uint64_t)b + 12345, (uint64_t)&physical) ==
          0);
    CHECK(plat_dma_address(b + 12345) == physical);
    CHECK(plat_dma_address(b + (3 << 20) - 1) == plat_dma_address(b) + (3 << 20) - 1);
    CHECK(plat_dma_address(&physical) == 0);
    CHECK(plat_dma_alloc(0) == NULL && plat_dma_alloc(SIZE_MAX) == NULL);
}

int plat_main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    const uint64_t sizes[] = {1,       4096,    4097, 500000,  (1 << 20) - 1, 1 << 20,
                              2 << 20, 5 << 20, 4095, 8 << 20, (2 << 20) + 1, 40000};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        take(sizes[i]);
    arena();

    uint64_t free_bytes = plat_board()->memory_free_bytes;
    CHECK(free_bytes > 32 << 20);
    const uint64_t steps[] = {16 << 20, 2 << 20, 512 << 10, 16 << 10, PAGE};
    for (unsigned i = 0; i < sizeof steps / sizeof steps[0]; i++)
        while (map(steps[i]) == 0) {
            fill(&grants[grant_count], grant_count + 1);
            grant_count++;
        }
    CHECK(plat_board()->memory_free_bytes == 0);
    CHECK(map(2 << 20) == -NOM_ENOMEM && map(512 << 10) == -NOM_ENOMEM);
    CHECK(plat_dma_alloc(16 << 20) == NULL);

    uint64_t granted = 0;
    for (unsigned i = 0; i < grant_count; i++) {
        granted += grants[i].bytes;
        CHECK(all(&grants[i], i + 1));
        for (unsigned j = 0; j < i; j++)
            CHECK(grants[i].physical + grants[i].bytes <= grants[j].physical ||
                  grants[j].physical + grants[j].bytes <= grants[i].physical);
    }
    CHECK(granted > free_bytes);
    plat_log("memory: %llu KiB granted", (unsigned long long)granted / 1024);
    return check_end("memory");
}
