/*
 * What an app takes away from itself is gone on all of its cores when the call returns. One core
 * counts in a page for ever, and waits in its fault handler whenever it cannot; the other makes the
 * page read-only, or takes it away and gives its frame other uses.
 */
#include "upcall.h"

#define ROUNDS 200u
#define HERE   (NOM_MAP_START + (NOM_MAP_END - NOM_MAP_START) / 2)
#define PAGE   4096ULL

static uint8_t stack[16384] __attribute__((aligned(64)));
static volatile uint64_t faults, holes; /* met by the counting core; made by the other */

static uint64_t wait_for_it(struct nom_context *context, uint64_t events) {
    faults++;
    if (!(events & NOM_EVENT_FAULT) || (context->fault_address & ~(PAGE - 1)) != HERE)
        return NOM_RESUME_FAULT;
    while (*(volatile uint64_t *)&holes & 1)
        ;
    return NOM_RESUME_SAVED;
}

__attribute__((used)) static void count(uint64_t argument, struct nom_context *context) {
    (void)argument;
    upcalls(context, wait_for_it, 0);
    for (;;)
        ++*(volatile uint64_t *)HERE;
}

static bool counts(const volatile uint64_t *word, uint64_t than, uint64_t ms) {
    for (uint64_t end = plat_now_us() + ms * 1000; plat_now_us() < end;)
        if (*word != than)
            return true;
    return *word != than;
}

int plat_main(int argc, char **argv) {
    (void)argc;
    struct nom_frames f;
    struct nom_core_start start = {(uint64_t)count, (uint64_t)stack + sizeof stack - 8, 0};
    volatile uint64_t *here = (volatile uint64_t *)HERE;
    upcalls(context_of(argv, 0), wait_for_it, 0);
    CHECK(plat_call(NOM_SYS_GRANT, PAGE, 0, (uint64_t)&f) == 0);
    CHECK(plat_call4(NOM_SYS_MAP, HERE, f.physical, PAGE, NOM_RIGHT_WRITE) == 0);
    CHECK(plat_call(NOM_SYS_ACQUIRE, 2, (uint64_t)&start, 0) >= 0);
    CHECK(counts(here, 0, 10000));
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t before = faults;
        holes++;
        /* Read-only, and not one more is counted. */
        CHECK(plat_call(NOM_SYS_PROTECT, HERE, PAGE, 0) == 0);
        uint64_t seen = *here;
        CHECK(!counts(here, seen, i < 3 ? 20 : 0) && *here == seen);
        if (i < 3)
            CHECK(counts(&faults, before, 10000) && *here == seen); /* it has met it */
        if (i % 2) {
            /* Gone: what stands in the frame stays as it is, wherever that is now. */
            CHECK(plat_call(NOM_SYS_UNMAP, HERE, PAGE, 0) == 0);
            CHECK(plat_call4(NOM_SYS_MAP, HERE + 8 * PAGE, f.physical, PAGE, NOM_RIGHT_WRITE) == 0);
            CHECK(!counts(here + 8 * 512, seen, 0) && here[8 * 512] == seen);
            CHECK(plat_call(NOM_SYS_UNMAP, HERE + 8 * PAGE, PAGE, 0) == 0);
            CHECK(plat_call4(NOM_SYS_MAP, HERE, f.physical, PAGE, NOM_RIGHT_WRITE) == 0);
        } else {
            CHECK(plat_call(NOM_SYS_PROTECT, HERE, PAGE, NOM_RIGHT_WRITE) == 0);
        }
        holes++;
        CHECK(counts(here, seen, 10000));
    }
    return check_end("shoot");
}
