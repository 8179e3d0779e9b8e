/*
 * Waiting, on a floor that polls: the kernel takes no interrupt while an app runs, so there is
 * nothing to be woken by, and nobody but the machine's power switch ends an app.
 */
#include "runtime/platform/platform.h"

void plat_wait(uint32_t most_us) {
    (void)most_us;
    __asm__ volatile("pause");
}

void plat_notify(void) {}

bool plat_asked_to_end(void) {
    return false;
}
