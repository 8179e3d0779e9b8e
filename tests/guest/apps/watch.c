/*
 * Waits until it is the only app left, and says how much memory is free then.
 */
#include "upcall.h"

static bool others_run(uint32_t me) {
    for (uint32_t i = 0; i < NOM_APPS_MAX; i++)
        if (i + 1 != me && *(volatile uint32_t *)&plat_board()->apps[i].state == NOM_APP_RUNS)
            return true;
    return false;
}

static uint64_t decline(struct nom_context *context, uint64_t events) {
    (void)context;
    if (events & NOM_EVENT_PREEMPT)
        plat_call(NOM_SYS_YIELD, 0, 0, 0);
    return events & NOM_EVENT_FAULT ? NOM_RESUME_FAULT : NOM_RESUME_SAVED;
}

int plat_main(int argc, char **argv) {
    (void)argc;
    upcalls(context_of(argv, 0), decline, 0);
    while (others_run(start_page(argv)->app))
        call_losing(NOM_SYS_WAIT, NOM_EVENT_RESOURCES, 1000000000);
    plat_log("watch: %llu bytes free", (unsigned long long)plat_board()->memory_free_bytes);
    return 0;
}
