/* What the files of this folder tell each other. */
#ifndef PRICED_LINUX_H
#define PRICED_LINUX_H

#include <stdbool.h>
#include <stdint.h>

/* Waits for news of the fetch under way, a moment at most; false: there is none. */
bool fetch_wait(uint32_t most_us);

#endif
