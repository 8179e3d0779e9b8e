/*
 * Entropy of the processor, where it has any, and the time-stamp counter.
 */
#include "runtime/platform/platform.h"
#include <cpuid.h>

#define RDRAND_TRIES 8

static uint64_t hardware_random(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & bit_RDRND) == 0) {
        return 0;
    }
    for (int i = 0; i < RDRAND_TRIES; i++) {
        uint64_t value;
        unsigned char ok;
        __asm__ volatile("rdrand %0; setc %1" : "=r"(value), "=qm"(ok) : : "cc");
        if (ok) {
            return value;
        }
    }
    return 0;
}

uint64_t plat_entropy(void) {
    return hardware_random() ^ plat_now_tsc() * 0x9e3779b97f4a7c15u;
}
