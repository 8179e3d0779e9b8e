/*
 * System calls by number (abi/syscall.h), through whichever instruction the kernel chose.
 */
#ifndef PLAT_CALL_H
#define PLAT_CALL_H

#include "runtime/abi/syscall.h"

/* Before the first call: enum nom_syscall_entry. */
void plat_call_start(uint32_t entry);
uint32_t plat_call_entry(void);
extern uint32_t plat_call_kind;

/* 0 or more, or a negated enum nom_error. */
int64_t plat_call(uint64_t number, uint64_t a, uint64_t b, uint64_t c);
int64_t plat_call4(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d);

#endif
