/*
 * The bulletin board (abi/board.h): the one page the kernel shares with every app, and the only
 * list of resources there is. Beside it the price page (abi/prices.h), which the kernel only
 * hands on.
 */
#ifndef NK_BOARD_H
#define NK_BOARD_H

#include "machine.h"
#include "runtime/abi/board.h"

enum nk_count {
    NK_COUNT_CALLS,
    NK_COUNT_TIMER,
    NK_COUNT_DEVICE,
    NK_COUNT_EXCEPTIONS,
    NK_COUNT_CORE, /* interrupts from other cores */
    NK_COUNT_UPCALLS,
    NK_COUNT_PREEMPTIONS,
    NK_COUNT_CUTS,
    NK_COUNT_DMA_FAULTS,
};

/* Everything about the machine is known by then. wall_s: of now (wall.h). */
void nk_board_start(uint64_t tsc_hz, uint64_t wall_s, uint32_t ring0_ps_per_iteration,
                    uint32_t cores, uint32_t syscall_entry);

/*
 * Adds a resource; its id, or 0 if the board is full. The first at a place has that place, from 1,
 * as its id: core i is resource i + 1. When no place is left, what was unplugged first gives up its
 * own; the id there becomes another, so that no id is ever used again. Apps that run are notified
 * (NOM_EVENT_RESOURCES).
 */
uint32_t nk_board_add(struct nom_resource resource);
/* The resource at a place, from 0; NULL past the last. */
const struct nom_resource *nk_board_at(uint64_t place);
/* The resource of an id, or NULL. */
const struct nom_resource *nk_board_resource(uint64_t id);
/* Apps are notified when it becomes free (owner 0). */
void nk_board_own(uint32_t id, uint32_t owner);
/* enum nom_resource_flags; apps are notified. */
void nk_board_flags(uint32_t id, uint32_t flags);

void nk_board_app(uint32_t number, const char *name, uint32_t state, uint32_t exit_value);

void nk_board_count(enum nk_count what);
void nk_board_memory(uint64_t free_bytes);

uint64_t nk_board_physical(void);
uint64_t nk_board_prices_physical(void);
uint64_t nk_board_tsc_hz(void);

#endif
