/*
 * The TSC as the clock. Its frequency is known to the floor; products go through 128 bits, so that
 * nothing overflows within years.
 */
#include "runtime/platform/platform.h"
#include "runtime/platform/shared/shared.h"

uint64_t plat_tsc_hz;

static uint64_t start_tsc;
static uint64_t ns_per_tsc_32, us_per_tsc_52; /* fixed point: << 32, << 52 */

void plat_clock_start(uint64_t tsc_hz) {
    plat_tsc_hz = tsc_hz;
    start_tsc = plat_now_tsc();
    ns_per_tsc_32 = (uint64_t)(((unsigned __int128)1000000000 << 32) / plat_tsc_hz);
    us_per_tsc_52 = (uint64_t)(((unsigned __int128)1000000 << 52) / plat_tsc_hz);
}

uint64_t plat_now_us(void) {
    return (uint64_t)((unsigned __int128)(plat_now_tsc() - start_tsc) * us_per_tsc_52 >> 52);
}

uint64_t plat_tsc_to_ns(uint64_t tsc) {
    return (uint64_t)((unsigned __int128)tsc * ns_per_tsc_32 >> 32);
}

uint64_t plat_us_to_tsc(double us) {
    return us > 0 ? (uint64_t)(us * (double)plat_tsc_hz / 1e6) : 0;
}
