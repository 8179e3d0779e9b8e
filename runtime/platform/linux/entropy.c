/* Entropy: the kernel's. It fails on no Linux that runs this, but for a filter of system calls. */
#include "runtime/platform/platform.h"
#include <sys/random.h>

uint64_t plat_entropy(void) {
    uint64_t value = 0;
    if (getrandom(&value, sizeof value, 0) != (ssize_t)sizeof value)
        value = plat_now_tsc() * 0x9e3779b97f4a7c15u;
    return value;
}
