/*
 * Waiting: the core is given up until an event comes. What has come before, and brought no upcall,
 * ends the wait at once. The call takes what it returns, also events that have handlers: those are
 * called here. Nobody but the machine's power switch ends an app.
 */
#include "call.h"
#include "runtime/platform/platform.h"
#include "upcall.h"

void plat_wait(uint32_t most_us) {
    int64_t events =
        most_us ? plat_call_losing(NOM_SYS_WAIT, NOM_EVENTS_PENDING, (uint64_t)most_us * 1000) : -1;
    if (events > 0)
        plat_handle((uint64_t)events);
    else if (events < 0)
        __asm__ volatile("pause");
}

void plat_notify(void) {
    plat_core_notify(0);
}

bool plat_asked_to_end(void) {
    return false;
}
