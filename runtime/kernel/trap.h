/*
 * Exceptions, system calls and interrupts as they come in.
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

/* Makes the IDT, and stops every source of interrupts outside the cores; once. */
void nk_trap_start(void);
/* This core uses it. */
void nk_trap_load(void);

/* From trap.S: gives the frame with which to leave. */
struct nk_frame *nk_trap(struct nk_frame *frame);
_Noreturn void nk_frame_enter(struct nk_frame *frame);
void nk_syscall_entry(void);

#endif
