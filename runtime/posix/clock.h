/* Clocks as programs count them, and times of theirs as times of the TSC. */
#ifndef POSIX_CLOCK_H
#define POSIX_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* What the clock shows, in nanoseconds; false: there is no such clock. */
bool posix_clock_ns(long clock, uint64_t *ns);
/* Nanoseconds of a time that makes sense (no part negative, less than a second of nanoseconds), not
 * more than fit; false for others. */
bool posix_timespec_ns(const struct timespec *t, uint64_t *ns);
struct timespec posix_ns_timespec(uint64_t ns);
/* The TSC's time after an interval, or POSIX_FOREVER where that is beyond a hundred years. */
uint64_t posix_tsc_after_ns(uint64_t ns);

#endif
