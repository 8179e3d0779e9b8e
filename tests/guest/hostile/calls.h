/* The two halves of the fuzzer of system calls: calls.c, and model.c, which keeps account of the
 * frames, channels and the price page that it has. */
#ifndef TESTS_GUEST_HOSTILE_CALLS_H
#define TESTS_GUEST_HOSTILE_CALLS_H

#include "hostile.h"

/* Where it maps: far from what the libraries map. */
#define MODEL_START      (NOM_MAP_START + (NOM_MAP_END - NOM_MAP_START) / 2)
#define MODEL_START_PAGE ((uint64_t)plat_board() - 2 * PAGE)

/* Makes a call and counts its result. */
int64_t calls_make(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d);
uint64_t calls_below(uint64_t n);
void calls_wrong(const char *what, uint64_t a, uint64_t b);

/* One call, or some, that it knows the result of; with other cores: also on those. */
void model_step(bool cores);
/* After any other call: what it has done to the model's things, and whether it was to be done. */
void model_after(uint64_t number, const uint64_t a[4], int64_t result);
/* Its frames are where they should be, with what they should hold. */
void model_look(void);
/* Gives all back. */
void model_end(void);
/* What cannot be given back: the pages of the contexts that it had. */
uint64_t model_kept_bytes(void);
/* Near something that it has. */
uint64_t model_address(void);
uint64_t model_physical(void);
/* The address, or one beside it where a write by the kernel does no harm to the model. */
uint64_t model_pointer(uint64_t address);

#endif
