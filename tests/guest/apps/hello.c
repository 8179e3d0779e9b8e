/*
 * Says what it was given: arguments, one a line. Exit status: the number after --exit, else 0.
 * --spin MS: computes for so long and says what the kernel did meanwhile. --date: seconds since
 * 1970.
 */
#include "runtime/platform/platform.h"
#include <stdlib.h>
#include <string.h>

/* At this moment: the kernel writes it, so it is not to be read once. */
static struct nom_kernel_counters counters(void) {
    return *(const volatile struct nom_kernel_counters *)&plat_board()->counters;
}

static void spin(uint64_t ms) {
    struct nom_kernel_counters before = counters(), after;
    uint64_t end = plat_now_us() + ms * 1000;
    while (plat_now_us() < end)
        ;
    after = counters();
    plat_log("spin: system calls %llu, timer interrupts %llu, device interrupts %llu",
             (unsigned long long)(after.system_calls - before.system_calls),
             (unsigned long long)(after.timer_interrupts - before.timer_interrupts),
             (unsigned long long)(after.device_interrupts - before.device_interrupts));
}

int plat_main(int argc, char **argv) {
    int status = 0;
    for (int i = 0; i < argc; i++) {
        plat_log("argument %d: %s", i, argv[i]);
        if (strcmp(argv[i], "--exit") == 0 && i + 1 < argc)
            status = (int)strtol(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--spin") == 0 && i + 1 < argc)
            spin(strtoul(argv[i + 1], NULL, 10));
        if (strcmp(argv[i], "--date") == 0)
            plat_log("date: %llu", (unsigned long long)(plat_wall_ns() / 1000000000));
    }
    return status;
}
