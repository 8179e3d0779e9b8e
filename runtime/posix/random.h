/* Random bytes that others cannot guess, by ChaCha20 with a key of the floor's entropy. */
#ifndef POSIX_RANDOM_H
#define POSIX_RANDOM_H

#include <stddef.h>

/* While the app starts, before the other. */
void posix_random_start(void);
void posix_random(void *out, size_t bytes);

#endif
