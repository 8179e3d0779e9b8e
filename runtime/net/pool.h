/*
 * Packet memory: blocks of a few sizes, all taken from plat_dma_alloc at start-up, so that a device
 * reaches every byte of it. Take and give are O(1); a pool that runs dry borrows from the next
 * larger one; after that there is no memory, which TCP bears (it sends later).
 */
#ifndef NET_POOL_H
#define NET_POOL_H

#include <stdbool.h>
#include <stddef.h>

/* 0, or -1 if the floor has not that much memory. Once, before anything is taken. */
int net_pool_open(void);

/* lwIP's heap (lwipopts.h). NULL if there is none left or bytes is more than a frame needs. */
void *net_pool_take(size_t bytes);
void *net_pool_take_zeroed(size_t count, size_t bytes);
void net_pool_give(void *memory);

/* Blocks taken and not given back: 0 while nothing is under way. */
size_t net_pool_taken(void);

#endif
