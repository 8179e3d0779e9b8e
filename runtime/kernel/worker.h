/*
 * The worker: the kernel's own hands in ring 3. Where ring 0 is interpreted, clearing or copying a
 * megabyte there takes a tenth of a second, and vector registers cannot be touched at all; ring 3
 * does it at the speed of memory. Only code of worker.S runs as the worker, on addresses the kernel
 * chose, on the core that calls, which holds the lock meanwhile.
 */
#ifndef NK_WORKER_H
#define NK_WORKER_H

#include "core.h"

/* Both take physical addresses in memory (below 3 GiB); zero wants multiples of 8. */
void nk_worker_clear(uint64_t physical, uint64_t bytes);
void nk_worker_move(uint64_t to_physical, uint64_t from_physical, uint64_t bytes);

/* Vector and floating-point registers of this core, FS and GS base of ring 3: kept in a page, which
 * is the kernel's alone; brought back from it, or with 0 as the processor starts, as data segments
 * are either way. */
void nk_worker_keep(uint64_t page);
void nk_worker_load(uint64_t page);

/* At boot: what works in ring 3. Does `syscall` enter ring 0? Gives enum nom_syscall_entry. */
uint32_t nk_worker_probe(void);

/* A trap while core->worker_runs: returns only for interrupts, which wait (interrupt.h). */
void nk_worker_trap(struct nk_core *core, const struct nk_frame *frame, bool interrupt);

#endif
