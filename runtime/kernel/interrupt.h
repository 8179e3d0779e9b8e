/*
 * Interrupts other than exceptions, by vector:
 *
 *   0x00..0x1f  none, but a device may forge them where nothing stops it (remap.h)
 *   0x20..0x2f  the old interrupt controller's: all masked
 *   0x30..0xdf  devices', handed out here
 *   0xe0        a core's timer       0xe1  another core's call       0xff  spurious
 */
#ifndef NK_INTERRUPT_H
#define NK_INTERRUPT_H

#include "machine.h"

#define NK_VECTOR_DEVICES     0x30
#define NK_VECTOR_DEVICES_END 0xe0
#define NK_VECTOR_TIMER       0xe0
#define NK_VECTOR_CORE        0xe1
#define NK_VECTOR_SPURIOUS    0xff

/* A vector whose interrupts call handler(argument), with the lock held, on whichever core they
 * reach, acknowledged. The vector, or 0 when there is none left. */
int nk_vector_take(void (*handler)(uint64_t argument), uint64_t argument);
void nk_vector_give(int vector);

/* This looks like an exception, and is an interrupt that a device has forged. */
bool nk_interrupt_forged(unsigned vector);

/* An interrupt has come: with the lock held. */
void nk_interrupt(unsigned vector);
/* It came while the worker ran: acknowledged now, done by nk_interrupt_deferred. */
void nk_interrupt_defer(unsigned vector);
void nk_interrupt_deferred(void);

#endif
