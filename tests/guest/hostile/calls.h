/* The parts of the fuzzer of system calls: calls.c; model.c, which keeps account of the frames,
 * channels and the price page that it has; spare.h, of the devices. */
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

/* Of devices: the same. spare_after: false if it was not about any. */
void spare_step(void);
bool spare_after(uint64_t number, const uint64_t a[4], int64_t result);
void spare_look(void);
/* Whether this one is not to be released. */
bool spare_keeps(uint64_t id);
/* Whether it has done whatever can be done with a device; and lost one that was unplugged. */
bool spare_done(bool lose);
void spare_end(void);
/* Takes its memory, and the kernel's for each device there is: before memory is counted. keeps: it
 * gives no device back that can be unplugged, before it has lost one. */
void spare_start(bool keeps);
void spare_report(void);
/* The id of a device, or nearly; an address in or near one that it has. */
uint64_t spare_pick(void);
uint64_t spare_address(void);
/* An interrupt that the guest on another core may bind: 0, or of a device that was acquired; and
 * how many of its calls have succeeded. */
extern volatile uint64_t spare_guests_id, spare_guests_entry, spare_guests_done;

#endif
