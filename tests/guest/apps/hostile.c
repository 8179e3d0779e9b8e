/*
 * hostile: tries to get at what is not its own (tests/guest/hostile).
 *
 *   hostile instructions SEED   each instruction and address that ring 3 may not use
 *   hostile calls COUNT SEED    system calls of every kind with arguments of every kind
 *   hostile calls COUNT SEED W  the same, W as hostile.h says
 *   hostile dma SEED            has a device write where it may not
 *   hostile left                says what is free when all others have ended
 *   hostile starve SECONDS      takes all it can get and never gives it back before
 *   hostile devices             devices, cores, prices and channels of others
 *   hostile hold                owns such, and looks whether others got at it
 *   hostile registers           uses a device's registers until the next app has ended
 *   hostile pass COUNT          takes devices and gives them back
 *   hostile end KIND            a way of ending
 *
 * Exit status: 0 if nothing of it succeeded, 1 if something did, 2 for other words.
 */
#include "tests/guest/hostile/hostile.h"
#include <stdlib.h>
#include <string.h>

int plat_main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    uint64_t a = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    uint64_t b = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;
    if (strcmp(what, "hold") == 0)
        return hostile_hold();
    if (strcmp(what, "left") == 0)
        return hostile_left();
    hostile_wait_for_neighbours();
    if (strcmp(what, "instructions") == 0)
        return hostile_instructions(a);
    if (strcmp(what, "calls") == 0)
        return hostile_calls(a, b, argc > 4 ? argv[4] : "");
    if (strcmp(what, "dma") == 0)
        return hostile_dma(a);
    if (strcmp(what, "starve") == 0)
        return hostile_starve(a);
    if (strcmp(what, "devices") == 0)
        return hostile_devices();
    if (strcmp(what, "registers") == 0)
        return hostile_registers();
    if (strcmp(what, "pass") == 0)
        return hostile_pass(a);
    if (strcmp(what, "end") == 0)
        return hostile_end(argc > 2 ? argv[2] : "");
    return 2;
}
