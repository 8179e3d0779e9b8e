/*
 * What the parts of this floor set up for each other, at start and in this order.
 */
#ifndef PLAT_FLOOR_H
#define PLAT_FLOOR_H

#include "runtime/abi/start.h"

void plat_clock_start(const struct nom_start *start);
void plat_memory_start(const struct nom_start *start);
void plat_files_start(const struct nom_start *start);

#endif
