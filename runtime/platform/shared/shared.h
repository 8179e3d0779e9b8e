/*
 * What floors share: each floor's start-up code sets it up before plat_main.
 */
#ifndef PLATFORM_SHARED_H
#define PLATFORM_SHARED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sets plat_tsc_hz; plat_now_us counts from now on. */
void plat_clock_start(uint64_t tsc_hz);
/* plat_file and plat_file_next serve the regular files of this cpio archive (abi/cpio.h), which
 * stays where it is. After memory is to be had. */
void plat_files_start(const void *archive, uint64_t bytes);

/* How plat_dma_alloc aligns so many bytes. */
static inline size_t plat_dma_alignment(size_t bytes) {
    bool power_of_two = (bytes & (bytes - 1)) == 0;
    return power_of_two && bytes > 4096 ? (bytes < 65536 ? bytes : 65536) : 4096;
}

#endif
