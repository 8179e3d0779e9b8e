/*
 * What the parts of this floor set up for each other at start, beside platform/shared.
 */
#ifndef PLAT_FLOOR_H
#define PLAT_FLOOR_H

#include <stdbool.h>
#include <stdint.h>

/* Ticks of the TSC a second, by comparison with the kernel's clock; takes some 50 ms. */
uint64_t plat_clock_measure_hz(void);
/* Whether the processor promises a TSC of one frequency, in all its states of sleep and speed. */
bool plat_clock_is_invariant(void);

/* Maps a whole file read-only, for as long as the process lives. 0 or -errno. */
int plat_memory_map_file(const char *path, const void **data, uint64_t *bytes);

/* Fills the board, which is read-only from then on; after plat_clock_start. 0 or -errno. */
int plat_board_start(uint64_t entry_tsc);

/* The price page: of this file, that apps on this machine share and that is made where it is
 * missing; or with NULL one of our own that stays empty. After plat_wait_start. 0 or -errno. */
int plat_prices_start(const char *path);

/* Before any plat_wait or plat_notify. 0 or -errno. */
int plat_wait_start(void);
/* The same for a core beside core 0. */
int plat_wait_core(unsigned core);
/* From now on plat_wait also ends when fd can be read. A descriptor in trouble would end each wait
 * at once: trouble is called then, and is to clear it. */
void plat_wait_on(int fd, void (*trouble)(void));

/* Likewise ends when fd, an inotify descriptor, has something to say, which is thrown away. */
void plat_wait_on_changes(int fd);

/* The interface that plat_nic_open takes; NULL: none. */
void plat_nic_start(const char *interface);

#endif
