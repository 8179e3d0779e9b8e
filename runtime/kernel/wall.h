/*
 * The date, of the machine's battery-backed clock.
 */
#ifndef NK_WALL_H
#define NK_WALL_H

#include "machine.h"

/* Seconds since the start of 1970, of a clock that is set to UTC; 0 where there is none that makes
 * sense. */
uint64_t nk_wall_s(void);

#endif
