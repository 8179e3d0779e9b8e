/*
 * The worker: the kernel's own hands in ring 3. Where ring 0 is interpreted, clearing or copying a
 * megabyte there takes a tenth of a second; ring 3 does it at the speed of memory. Only code of
 * worker.S runs as the worker, on addresses the kernel chose, and never while an app runs.
 */
#ifndef NK_WORKER_H
#define NK_WORKER_H

#include "machine.h"

/* Both take physical addresses in memory (below 3 GiB); zero wants multiples of 8. */
void nk_worker_clear(uint64_t physical, uint64_t bytes);
void nk_worker_move(uint64_t to_physical, uint64_t from_physical, uint64_t bytes);

/* Does `syscall` in ring 3 enter ring 0? Gives enum nom_syscall_entry. Sets up the MSRs. */
uint32_t nk_worker_probe(void);

/* Called by nk_trap: whether a trap belongs to the worker; handles it if so (it then returns only
 * for interrupts). */
bool nk_worker_running(void);
void nk_worker_trap(const struct nk_frame *frame);

/* The tables to go back to after a job; the kernel's own until an app runs. */
void nk_worker_tables(uint64_t pml4_physical);

#endif
