/*
 * What a pool tells the floor of its memory: nobody may touch what is not handed out. Floors that
 * apps really run on have no use for it.
 */
#ifndef PLATFORM_FLOOR_POISON_H
#define PLATFORM_FLOOR_POISON_H

#include <stddef.h>

static inline void plat_memory_out(void *memory, size_t bytes) {
    (void)memory;
    (void)bytes;
}

static inline void plat_memory_back(void *memory, size_t bytes) {
    (void)memory;
    (void)bytes;
}

#endif
