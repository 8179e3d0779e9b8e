/*
 * From the kernel to plat_main and back.
 */
#include "call.h"
#include "floor.h"
#include "runtime/platform/platform.h"
#include "runtime/platform/shared/shared.h"
#include "upcall.h"

_Noreturn void plat_start(const struct nom_start *start);

static const struct nom_board *board;
static const struct nom_prices *prices;
static uint32_t app_number;

uint32_t plat_app_number(void) {
    return app_number;
}

void plat_start(const struct nom_start *start) {
    char *argv[NOM_ARGS_MAX + 1];
    plat_call_start(start->syscall_entry);
    if (start->magic != NOM_START_MAGIC || start->version != NOM_START_VERSION) {
        plat_log("this app was built for another kernel");
        plat_exit(NOM_EXIT_STATUS_MAX);
    }
    board = (const struct nom_board *)start->board;
    prices = (const struct nom_prices *)start->prices;
    app_number = start->app;
    plat_clock_start(start->tsc_hz);
    plat_memory_start(start);
    if (plat_upcall_prepare(&plat_cores[0]) != 0) {
        plat_log("no memory for upcalls");
        plat_exit(NOM_EXIT_STATUS_MAX);
    }
    plat_core_enter(&plat_cores[0], (struct nom_context *)start->contexts);
    plat_files_start((const void *)start->initrd, start->initrd_bytes);
    for (uint64_t i = 0; i <= start->argc; i++)
        argv[i] = (char *)start->argv[i];
    plat_exit(plat_main((int)start->argc, argv));
}

const struct nom_board *plat_board(void) {
    return board;
}

uint64_t plat_wall_ns(void) {
    uint64_t entry_ns = board->entry_wall_ns;
    return entry_ns ? entry_ns + plat_tsc_to_ns(plat_now_tsc() - board->entry_tsc) : 0;
}

const struct nom_prices *plat_prices(void) {
    return prices;
}

struct nom_prices *plat_prices_own(void) {
    static uint64_t address;
    for (uint32_t i = 0; address == 0 && i < board->resource_count; i++) {
        const struct nom_resource *r = &board->resources[i];
        if (r->kind == NOM_RESOURCE_PRICES &&
            plat_call(NOM_SYS_ACQUIRE, r->id, (uint64_t)&address, 0) < 0)
            return NULL;
    }
    return (struct nom_prices *)address;
}

void plat_prices_notify(void) {
    plat_call(NOM_SYS_NOTIFY, NOM_NOTIFY_PRICES, 0, 0);
}

void plat_print(const char *line, size_t bytes) {
    plat_call(NOM_SYS_PRINT, (uint64_t)line, bytes, 0);
}

void plat_exit(int status) {
    if (status < 0 || (unsigned)status > NOM_EXIT_STATUS_MAX)
        status = NOM_EXIT_STATUS_MAX;
    for (;;)
        plat_call(NOM_SYS_EXIT, (uint64_t)status, 0, 0);
}
