/*
 * The system calls of abi/syscall.h.
 */
#ifndef NK_SYSCALL_H
#define NK_SYSCALL_H

#include "context.h"

/* Which instruction enters (enum nom_syscall_entry); set once, at boot. */
void nk_syscall_start(uint32_t entry);
bool nk_syscall_by_fault(void);

/* Serves the call in the registers of the context that runs here; the result goes to its rax. */
void nk_syscall(struct nk_context *context);

#endif
