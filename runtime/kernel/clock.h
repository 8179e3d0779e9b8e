/*
 * How fast the time-stamp counter runs, and how fast ring 0 does.
 */
#ifndef NK_CLOCK_H
#define NK_CLOCK_H

#include "machine.h"

/* Ticks a second; *source names what it was compared with. Takes up to 20 ms. Panics where nothing
 * can tell. */
uint64_t nk_clock_tsc_hz(const char **source);

/* Picoseconds an iteration of a dec/jnz loop takes in ring 0. */
uint32_t nk_clock_ring0_ps(uint64_t tsc_hz);

#endif
