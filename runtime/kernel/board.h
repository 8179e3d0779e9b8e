/*
 * The bulletin board (abi/board.h): the one page the kernel shares with every app, and the only
 * list of resources there is.
 */
#ifndef NK_BOARD_H
#define NK_BOARD_H

#include "machine.h"
#include "runtime/abi/board.h"

enum nk_count { NK_COUNT_CALLS, NK_COUNT_TIMER, NK_COUNT_DEVICE, NK_COUNT_EXCEPTIONS };

/* Everything about the machine is known by then. */
void nk_board_start(uint64_t tsc_hz, uint32_t ring0_ps_per_iteration, uint32_t cores,
                    uint32_t syscall_entry);

/* Adds a resource, numbered by its place; its id, or 0 if the board is full. */
uint32_t nk_board_add(struct nom_resource resource);
/* The resource of an id, or NULL. */
const struct nom_resource *nk_board_resource(uint64_t id);
void nk_board_own(uint32_t id, uint32_t owner);

void nk_board_count(enum nk_count what);
void nk_board_memory(uint64_t free_bytes);

uint64_t nk_board_physical(void);
uint64_t nk_board_tsc_hz(void);

#endif
