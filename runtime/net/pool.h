/*
 * Pools: blocks of one size, in memory that a device reaches. A pool grows by pieces of memory as
 * it is used, up to its limit, and keeps what it has: so it costs what was once needed at one time,
 * and a floor that has no more memory only makes it give NULL. Take and give are O(1); growing may
 * cost a call of plat_dma_alloc, never in a steady state.
 */
#ifndef NET_POOL_H
#define NET_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_POOL_PIECE_BYTES 32768u /* as far as plat_dma_alloc aligns to the size */

/* Declared with its first two fields; the rest starts as zeroes. */
struct net_pool {
    uint32_t block_bytes; /* a multiple of 8, much smaller than a piece */
    uint32_t blocks_max;  /* may be changed at any time; what there is stays */
    uint32_t blocks;      /* there are: handed out, given back, or fresh */
    uint32_t taken;       /* of those, handed out */
    uint32_t fresh_blocks;
    char *fresh; /* never handed out yet: the newest piece's end */
    struct net_block *free;
};

/* Takes the pool's first piece, so that it is never without any; false if there is no memory. */
bool net_pool_start(struct net_pool *pool);
/* A block of which `bytes` will be used (a sanitizer watches the rest); NULL: none is left. */
void *net_pool_take(struct net_pool *pool, size_t bytes);
/* Of any pool. */
void net_pool_give(void *block);

/* Blocks taken and not given back, of all pools. */
size_t net_pool_taken(void);

#endif
