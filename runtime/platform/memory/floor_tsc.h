/*
 * The clock of the floor for tests: it stands still until the test moves it, so that a run depends
 * on its seed alone. One tick is a nanosecond.
 */
#ifndef PLATFORM_FLOOR_TSC_H
#define PLATFORM_FLOOR_TSC_H

#include <stdint.h>

extern uint64_t memory_now_tsc;

static inline uint64_t plat_now_tsc(void) {
    return memory_now_tsc;
}

#endif
