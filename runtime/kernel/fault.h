/*
 * Exceptions that end an app, in words.
 */
#ifndef NK_FAULT_H
#define NK_FAULT_H

#include "machine.h"

/* "page fault", "divide error"; "exception" for vectors that have no name. */
const char *nk_fault_name(unsigned vector);

/* Ends the current app for the exception in this frame, with one line: cause, address,
 * instruction. */
_Noreturn void nk_fault_end(const struct nk_frame *frame);

#endif
