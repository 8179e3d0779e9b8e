/*
 * lwIP's heap (lwipopts.h), which is packet memory: blocks of a few sizes, each a pool. One that
 * runs dry borrows from the next larger one; after that there is no memory, which TCP bears (it
 * sends later).
 */
#ifndef NET_HEAP_H
#define NET_HEAP_H

#include <stdbool.h>
#include <stddef.h>

/* It is to hold about bytes_max at most, or less. 0, or -1 if the floor has not even a little of
 * each size. Once, before anything is taken. */
int net_heap_open(size_t bytes_max);

/* NULL if there is none left or bytes is more than a frame needs. Of what holds full segments the
 * last quarter is kept for received ones, so that what waits to be sent cannot keep out the
 * acknowledgements and the data that it waits for. */
void *net_heap_take(size_t bytes);
void *net_heap_take_zeroed(size_t count, size_t bytes);
void net_heap_give(void *memory);

/* What is taken until it is called with false may be of that quarter. */
void net_heap_receiving(bool receiving);
/* Less than half of that quarter is left. */
bool net_heap_scarce(void);

#endif
