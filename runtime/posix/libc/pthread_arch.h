/*
 * Where musl finds the running thread's block: takes the place of its own header of this name. FS
 * belongs to the floor.
 */
#include "../program.h"

static inline uintptr_t __get_tp(void) {
    return (uintptr_t)posix_thread_pointer;
}

#define MC_PC gregs[REG_RIP]
