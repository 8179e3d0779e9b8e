/*
 * The guest's self-check: says on one line what kind of virtual machine it runs in. `nomctl doctor`
 * boots it under each accelerator. ring0_ps and ring3_ps are picoseconds an iteration of the same
 * dec/jnz loop; boot_us is the time from the kernel's first instruction to here.
 */
#include "runtime/platform/platform.h"

#define ITERATIONS 1000000u
#define ROUNDS     3

static uint64_t loop_ps(void) {
    uint64_t least_tsc = UINT64_MAX;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t count = ITERATIONS, before = plat_now_tsc();
        __asm__ volatile("1: dec %0\n jnz 1b" : "+r"(count));
        uint64_t tsc = plat_now_tsc() - before;
        least_tsc = tsc < least_tsc ? tsc : least_tsc;
    }
    return plat_tsc_to_ns(least_tsc) * 1000 / ITERATIONS;
}

int plat_main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    const struct nom_board *board = plat_board();
    uint64_t boot_us = plat_tsc_to_ns(plat_now_tsc() - board->entry_tsc) / 1000;
    plat_log("selfcheck: ring0_ps=%u ring3_ps=%u tsc_hz=%llu entry=%s boot_us=%llu",
             board->ring0_ps_per_iteration, (unsigned)loop_ps(), (unsigned long long)plat_tsc_hz,
             board->syscall_entry == NOM_ENTRY_SYSCALL ? "syscall" : "fault",
             (unsigned long long)boot_us);
    return 0;
}
