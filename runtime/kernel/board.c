/*
 * Invariant: sequence is odd exactly while a field is being written. One core writes, so no lock;
 * a reader on that core never sees it odd.
 */
#include "board.h"

static union {
    struct nom_board board;
    uint8_t page[NK_PAGE_BYTES]; /* nothing else may lie in the page that apps see */
} shared __attribute__((aligned(4096)));

extern const uint64_t nk_entry_tsc;

static volatile struct nom_board *const board = &shared.board;

void nk_board_start(uint64_t tsc_hz, uint32_t ring0_ps_per_iteration, uint32_t cores,
                    uint32_t syscall_entry) {
    board->sequence++;
    board->magic = NOM_BOARD_MAGIC;
    board->version = NOM_BOARD_VERSION;
    board->tsc_hz = tsc_hz;
    board->entry_tsc = nk_entry_tsc;
    board->ring0_ps_per_iteration = ring0_ps_per_iteration;
    board->cores = cores;
    board->syscall_entry = syscall_entry;
    board->sequence++;
}

uint32_t nk_board_add(struct nom_resource resource) {
    uint32_t count = board->resource_count;
    if (count == NOM_BOARD_RESOURCES_MAX)
        return 0;
    resource.id = count + 1;
    board->sequence++;
    shared.board.resources[count] = resource;
    if (resource.kind == NOM_RESOURCE_MEMORY)
        board->memory_bytes += resource.bytes;
    board->resource_count = count + 1;
    board->sequence++;
    return resource.id;
}

const struct nom_resource *nk_board_resource(uint64_t id) {
    return id >= 1 && id <= board->resource_count ? &shared.board.resources[id - 1] : NULL;
}

void nk_board_own(uint32_t id, uint32_t owner) {
    board->sequence++;
    board->resources[id - 1].owner = owner;
    board->sequence++;
}

void nk_board_count(enum nk_count what) {
    board->sequence++;
    switch (what) {
    case NK_COUNT_CALLS:
        board->counters.system_calls++;
        break;
    case NK_COUNT_TIMER:
        board->counters.timer_interrupts++;
        break;
    case NK_COUNT_DEVICE:
        board->counters.device_interrupts++;
        break;
    case NK_COUNT_EXCEPTIONS:
        board->counters.exceptions++;
        break;
    }
    board->sequence++;
}

void nk_board_memory(uint64_t free_bytes) {
    board->sequence++;
    board->memory_free_bytes = free_bytes;
    board->sequence++;
}

uint64_t nk_board_physical(void) {
    return nk_image_physical(&shared);
}

uint64_t nk_board_tsc_hz(void) {
    return board->tsc_hz;
}
