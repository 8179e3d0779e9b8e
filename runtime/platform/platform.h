/*
 * What an application stands on, whichever floor is below: our kernel (platform/nom), an ordinary
 * Linux process (platform/linux), or a link in memory for tests (platform/memory). Interfaces here
 * are at the bottom; the folders that implement them are at the top and may include anything of
 * runtime/ but kernel/. What floors share lies in platform/shared.
 */
#ifndef PLATFORM_PLATFORM_H
#define PLATFORM_PLATFORM_H

#include "runtime/abi/board.h"
#include "runtime/abi/prices.h"
#include <floor_tsc.h> /* plat_now_tsc, of the floor that is built for */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Time. The TSC is the clock of the data path; tsc_hz is set before plat_main runs. */
extern uint64_t plat_tsc_hz;
/* Microseconds since plat_start; nanoseconds of an interval. Both without overflow for years. */
uint64_t plat_now_us(void);
uint64_t plat_tsc_to_ns(uint64_t tsc);
uint64_t plat_us_to_tsc(double us);
/* Nanoseconds since the start of 1970 (UTC), as the machine's clock has it: to a second, on a
 * guest. 0: it has none. */
uint64_t plat_wall_ns(void);

/* Memory that devices may reach: zeroed, physically contiguous, never given back; aligned to 4096
 * bytes, and to its size where that is a power of two, up to 65536. NULL where there is none left;
 * asking again costs no system call until memory has come free. Other calls may cost one, so it is
 * meant for start-up, and for pools that grow to what they once needed. */
void *plat_dma_alloc(size_t bytes);
/* How much of the machine's memory this app may count on beside what it has: what is free, in equal
 * parts for all apps that run. SIZE_MAX where the floor knows no limit. */
size_t plat_memory_share(void);
/* Address by which a device reaches p, which lies in memory of plat_dma_alloc or in a file of the
 * initrd (both contiguous). Pure arithmetic: no call, safe on the data path. 0 if p is neither. */
uint64_t plat_dma_address(const void *p);

/* Address space for memory that fills as it is touched: reads as 0 at first; the page below it, and
 * that above, are never there. Never given back. bytes is rounded up to 4096. NULL where there is
 * no room (whether memory suffices shows when it is touched: the app ends where it does not). */
void *plat_reserve(size_t bytes);

/* Cores. An app starts on one, its core 0, and may have others run a function of its own. */
#define PLAT_CORES_MAX 8u
/* The core that this runs on: 0, or what plat_core_start gave. */
unsigned plat_core_index(void);
/* Takes a core that nobody has and calls run(argument) there; when run returns the core is given
 * back. Its number (1..PLAT_CORES_MAX - 1), or -1 if there is none left. From one core at a
 * time. */
int plat_core_start(void (*run)(void *argument), void *argument);
/* Ends a plat_wait on that core, the present one or else the next. From any core. */
void plat_core_notify(unsigned core);

/* Files packed with the app, read-only, whole in memory. 0 and sets *data, *bytes, or -1. Path as
 * packed: "www/index.html". plat_file_next lists them: index from 0; NULL past the last. */
int plat_file(const char *path, const void **data, size_t *bytes);
const char *plat_file_next(size_t index, const void **data, size_t *bytes);

/* The bulletin board, and the page of prices beside it (lib/prices.h), both read-only. */
const struct nom_board *plat_board(void);
const struct nom_prices *plat_prices(void);
/* The same page, for writing: this app is the one that publishes, until it ends. NULL if another
 * app is, or if the floor has no page that others see. */
struct nom_prices *plat_prices_own(void);
/* By the page's owner, after it published: whoever waits (plat_wait) looks at it now. */
void plat_prices_notify(void);

/* Gives the core up until the NIC has a frame, prices change, plat_notify is called, or most_us
 * have passed; a floor that can only poll returns at once. For an app that has been idle: waking up
 * costs tens of microseconds. */
void plat_wait(uint32_t most_us);
/* Ends a plat_wait, the present one or else the next. From a signal handler or another thread. */
void plat_notify(void);
/* The floor has been asked to end this app (SIGTERM to a Linux process): it should return from
 * plat_main soon. */
bool plat_asked_to_end(void);

/* 64 bits that others cannot guess. Start-up only. */
uint64_t plat_entropy(void);

/* One line to the console; printf-like, newline added, cut at 1,000 characters. Control plane. */
void plat_log(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Prints a line, its end included, in one piece: at most so many bytes, whatever they are. */
#define PLAT_PRINT_MAX 1000u
void plat_print(const char *line, size_t bytes);
/* Ends the app; 0 is success, at most NOM_EXIT_STATUS_MAX. */
_Noreturn void plat_exit(int status);

/* The app's entry point, defined by the app. Its return value is the exit status. */
int plat_main(int argc, char **argv);

#endif
