/*
 * Invariant: sequence is odd exactly while a field is being written; but the counters, each of
 * which is read alone, and memory_free_bytes are written without. The lock lets one core write at a
 * time.
 */
#include "board.h"
#include "context.h"
#include "runtime/abi/prices.h"

static union {
    struct nom_board board;
    uint8_t page[NK_PAGE_BYTES]; /* nothing else may lie in the page that apps see */
} shared __attribute__((aligned(4096)));

static union {
    struct nom_prices prices;
    uint8_t page[NK_PAGE_BYTES];
} prices __attribute__((aligned(4096)));

extern const uint64_t nk_entry_tsc;

static volatile struct nom_board *const board = &shared.board;

/* Around every change. No write may move past either, not even one that is not volatile. */
static void step(void) {
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    board->sequence++;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static uint64_t entry_wall_ns(uint64_t tsc_hz, uint64_t wall_s) {
    uint64_t since_ms = (nk_tsc() - nk_entry_tsc) / (tsc_hz / 1000);
    return wall_s ? wall_s * 1000000000 - since_ms * 1000000 : 0;
}

void nk_board_start(uint64_t tsc_hz, uint64_t wall_s, uint32_t ring0_ps_per_iteration,
                    uint32_t cores, uint32_t syscall_entry) {
    step();
    board->magic = NOM_BOARD_MAGIC;
    board->version = NOM_BOARD_VERSION;
    board->tsc_hz = tsc_hz;
    board->entry_tsc = nk_entry_tsc;
    board->entry_wall_ns = entry_wall_ns(tsc_hz, wall_s);
    board->ring0_ps_per_iteration = ring0_ps_per_iteration;
    board->cores = cores;
    board->syscall_entry = syscall_entry;
    step();
}

/* Where the next one goes: a place not used yet, or else that of what was unplugged first, or -1.
 */
static int free_place(void) {
    int oldest = -1;
    if (board->resource_count < NOM_BOARD_RESOURCES_MAX)
        return (int)board->resource_count;
    for (int i = 0; i < (int)NOM_BOARD_RESOURCES_MAX; i++)
        if ((board->resources[i].flags & NOM_RESOURCE_GONE) && board->resources[i].owner == 0 &&
            (oldest < 0 || board->resources[i].id < board->resources[oldest].id))
            oldest = i;
    return oldest;
}

uint32_t nk_board_add(struct nom_resource resource) {
    int place = free_place();
    if (place < 0)
        return 0;
    uint32_t before = board->resources[place].id;
    resource.id = before ? before + NOM_BOARD_RESOURCES_MAX : (uint32_t)place + 1;
    step();
    shared.board.resources[place] = resource;
    if (resource.kind == NOM_RESOURCE_MEMORY)
        board->memory_bytes += resource.bytes;
    if (place == (int)board->resource_count)
        board->resource_count++;
    board->generation++;
    step();
    nk_apps_event(NOM_EVENT_RESOURCES);
    return resource.id;
}

const struct nom_resource *nk_board_at(uint64_t place) {
    return place < board->resource_count ? &shared.board.resources[place] : NULL;
}

static volatile struct nom_resource *resource_of(uint32_t id) {
    return &board->resources[(id - 1) % NOM_BOARD_RESOURCES_MAX];
}

const struct nom_resource *nk_board_resource(uint64_t id) {
    const struct nom_resource *r = id ? nk_board_at((id - 1) % NOM_BOARD_RESOURCES_MAX) : NULL;
    return r && r->id == id ? r : NULL;
}

void nk_board_own(uint32_t id, uint32_t owner) {
    if (resource_of(id)->owner == owner)
        return;
    step();
    resource_of(id)->owner = owner;
    board->generation++;
    step();
    if (owner == 0)
        nk_apps_event(NOM_EVENT_RESOURCES);
}

void nk_board_flags(uint32_t id, uint32_t flags) {
    step();
    resource_of(id)->flags = flags;
    board->generation++;
    step();
    nk_apps_event(NOM_EVENT_RESOURCES);
}

void nk_board_app(uint32_t number, const char *name, uint32_t state, uint32_t exit_value) {
    volatile struct nom_board_app *app = &board->apps[number - 1];
    step();
    for (unsigned i = 0; i < sizeof app->name - 1 && name[i]; i++)
        app->name[i] = name[i];
    app->state = state;
    app->exit_value = exit_value;
    board->generation++;
    step();
}

void nk_board_count(enum nk_count what) {
    static volatile uint64_t *const counters[] = {
        [NK_COUNT_CALLS] = &shared.board.counters.system_calls,
        [NK_COUNT_TIMER] = &shared.board.counters.timer_interrupts,
        [NK_COUNT_DEVICE] = &shared.board.counters.device_interrupts,
        [NK_COUNT_EXCEPTIONS] = &shared.board.counters.exceptions,
        [NK_COUNT_CORE] = &shared.board.events.cross_core_interrupts,
        [NK_COUNT_UPCALLS] = &shared.board.events.upcalls,
        [NK_COUNT_PREEMPTIONS] = &shared.board.events.preemptions,
        [NK_COUNT_CUTS] = &shared.board.events.cuts,
        [NK_COUNT_DMA_FAULTS] = &shared.board.events.dma_faults,
    };
    ++*counters[what];
}

void nk_board_memory(uint64_t free_bytes) {
    board->memory_free_bytes = free_bytes;
}

uint64_t nk_board_physical(void) {
    return nk_image_physical(&shared);
}

uint64_t nk_board_prices_physical(void) {
    return nk_image_physical(&prices);
}

uint64_t nk_board_tsc_hz(void) {
    return board->tsc_hz;
}
