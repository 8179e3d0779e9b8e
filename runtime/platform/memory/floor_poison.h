/*
 * What a pool tells the floor of its memory, here for the address sanitizer: who touches what is
 * not handed out, or runs past what he asked for, is caught. Without the sanitizer, nothing.
 */
#ifndef PLATFORM_FLOOR_POISON_H
#define PLATFORM_FLOOR_POISON_H

#include <sanitizer/asan_interface.h>
#include <stddef.h>

static inline void plat_memory_out(void *memory, size_t bytes) {
    (void)memory;
    (void)bytes;
    ASAN_UNPOISON_MEMORY_REGION(memory, bytes);
}

static inline void plat_memory_back(void *memory, size_t bytes) {
    (void)memory;
    (void)bytes;
    ASAN_POISON_MEMORY_REGION(memory, bytes);
}

#endif
