/*
 * The clock of floors that run on a processor's own time: its time-stamp counter. A floor is chosen
 * by the folder in which the compiler finds <floor_tsc.h>.
 */
#ifndef PLATFORM_FLOOR_TSC_H
#define PLATFORM_FLOOR_TSC_H

#include <stdint.h>

static inline uint64_t plat_now_tsc(void) {
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

#endif
