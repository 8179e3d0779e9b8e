/*
 * The board of a floor without a kernel of ours: what the machine has, counters that stay 0, no
 * resources. Written once, then read-only as it is for an app on nom.
 */
#include "floor.h"
#include "runtime/platform/platform.h"
#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>

#define BOARD_BYTES 4096u

static struct nom_board *board;

const struct nom_board *plat_board(void) {
    return board;
}

int plat_board_start(uint64_t entry_tsc) {
    struct sysinfo machine = {0};
    cpu_set_t cores;
    board = mmap(NULL, BOARD_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED)
        return -errno;
    *board = (struct nom_board){.magic = NOM_BOARD_MAGIC,
                                .version = NOM_BOARD_VERSION,
                                .tsc_hz = plat_tsc_hz,
                                .entry_tsc = entry_tsc,
                                .cores = 1};
    if (sysinfo(&machine) == 0) {
        board->memory_bytes = (uint64_t)machine.totalram * machine.mem_unit;
        board->memory_free_bytes = (uint64_t)machine.freeram * machine.mem_unit;
    }
    if (sched_getaffinity(0, sizeof cores, &cores) == 0)
        board->cores = (uint32_t)CPU_COUNT(&cores);
    return mprotect(board, BOARD_BYTES, PROT_READ) == 0 ? 0 : -errno;
}
