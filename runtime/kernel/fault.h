/*
 * Exceptions of apps: to the app's handler where it has one, else its end, in words.
 */
#ifndef NK_FAULT_H
#define NK_FAULT_H

#include "context.h"

/* "page fault", "divide error"; "exception" for vectors that have no name. */
const char *nk_fault_name(unsigned vector);

/* The exception in the context's frame; address is that of a page fault. */
void nk_fault(struct nk_context *context, uint64_t address);

/* Ends the app for context->fault, with one line: cause, address, instruction. */
void nk_fault_end(struct nk_context *context);

#endif
