/*
 * From the kernel to plat_main and back.
 */
#include "call.h"
#include "floor.h"
#include "runtime/platform/platform.h"
#include "runtime/platform/shared/shared.h"

_Noreturn void plat_start(const struct nom_start *start);

static const struct nom_board *board;

void plat_start(const struct nom_start *start) {
    char *argv[NOM_ARGS_MAX + 1];
    plat_call_start(start->syscall_entry);
    if (start->magic != NOM_START_MAGIC || start->version != NOM_START_VERSION) {
        plat_log("this app was built for another kernel");
        plat_exit(NOM_EXIT_STATUS_MAX);
    }
    board = (const struct nom_board *)start->board;
    plat_clock_start(start->tsc_hz);
    plat_memory_start(start);
    plat_files_start((const void *)start->initrd, start->initrd_bytes);
    for (uint64_t i = 0; i <= start->argc; i++)
        argv[i] = (char *)start->argv[i];
    plat_exit(plat_main((int)start->argc, argv));
}

const struct nom_board *plat_board(void) {
    return board;
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
