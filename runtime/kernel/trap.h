/*
 * Exceptions, interrupts and the tables the processor wants for them.
 */
#ifndef NK_TRAP_H
#define NK_TRAP_H

#include "machine.h"

#define NK_VECTOR_DEBUG     1
#define NK_VECTOR_NMI       2
#define NK_VECTOR_INVALID   6
#define NK_VECTOR_DOUBLE    8
#define NK_VECTOR_PAGE      14
#define NK_VECTOR_MACHINE   18
#define NK_VECTOR_INTERRUPT 32 /* the first that is not an exception; the PIC's IRQ 0 */

/* Loads GDT's TSS and the IDT; stops every source of interrupts. */
void nk_trap_start(void);
/* Stack on which traps from ring 3 land from now on. */
void nk_trap_stack(const void *top);

/* From trap.S. */
void nk_trap(struct nk_frame *frame);
_Noreturn void nk_frame_enter(const struct nk_frame *frame);

#endif
