/*
 * A core's local interrupt controller: its timer, and interrupts to other cores.
 */
#ifndef NK_LAPIC_H
#define NK_LAPIC_H

#include "machine.h"

/* Turns this core's on with every local source masked. */
void nk_lapic_start(void);
uint32_t nk_lapic_id(void);
void nk_lapic_acknowledge(void);
/* Whether this vector has come by this controller and is not acknowledged yet: so it was no
 * exception, nor spurious. */
bool nk_lapic_serves(unsigned vector);

/* Finds the timer's rate; once, before nk_lapic_timer. */
void nk_lapic_timer_start(uint64_t tsc_hz);
/* One interrupt (NK_VECTOR_TIMER) on this core so many TSC ticks from now, or somewhat earlier
 * where that is far. 0: none. */
void nk_lapic_timer(uint64_t in_tsc);

/* NK_VECTOR_CORE to another core. */
void nk_lapic_call(uint32_t apic_id);
/* Resets another core; starts it at a page below 1 MiB, in real mode. */
void nk_lapic_reset(uint32_t apic_id);
void nk_lapic_boot(uint32_t apic_id, uint32_t page);

#endif
