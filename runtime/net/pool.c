/*
 * The pools of pool.h. A free block's first word links to the next free one; last given, first
 * taken. A piece is aligned to its size and begins with the name of its pool: so a block's address
 * tells where it goes back to.
 */
#include "runtime/net/pool.h"
#include "runtime/platform/platform.h"
#include <floor_poison.h>

struct net_block {
    struct net_block *next;
};

struct piece {
    struct net_pool *pool;
} __attribute__((aligned(64))); /* blocks of whole cache lines begin with one */

static size_t all_taken;

static bool grow(struct net_pool *pool) {
    const uint32_t fits = (NET_POOL_PIECE_BYTES - sizeof(struct piece)) / pool->block_bytes;
    if (pool->blocks >= pool->blocks_max) {
        return false;
    }
    struct piece *piece = plat_dma_alloc(NET_POOL_PIECE_BYTES);
    if (piece == NULL) {
        return false;
    }
    uint32_t missing = pool->blocks_max - pool->blocks;
    piece->pool = pool;
    pool->fresh = (char *)(piece + 1);
    pool->fresh_blocks = missing < fits ? missing : fits;
    pool->blocks += pool->fresh_blocks;
    plat_memory_back(pool->fresh, NET_POOL_PIECE_BYTES - sizeof *piece);
    return true;
}

bool net_pool_start(struct net_pool *pool) {
    return pool->blocks > 0 || grow(pool);
}

void *net_pool_take(struct net_pool *pool, size_t bytes) {
    struct net_block *block = pool->free;
    if (bytes < sizeof *block) {
        bytes = sizeof *block;
    }
    if (block != NULL) {
        plat_memory_out(block, bytes);
        pool->free = block->next;
    } else {
        if (pool->fresh_blocks == 0 && !grow(pool)) {
            return NULL;
        }
        block = (struct net_block *)(void *)pool->fresh;
        plat_memory_out(block, bytes);
        pool->fresh += pool->block_bytes;
        pool->fresh_blocks--;
    }
    pool->taken++;
    all_taken++;
    return block;
}

void net_pool_give(void *memory) {
    uintptr_t start = (uintptr_t)memory & ~(uintptr_t)(NET_POOL_PIECE_BYTES - 1);
    struct net_pool *pool = ((const struct piece *)start)->pool;
    struct net_block *block = memory;
    plat_memory_out(block, sizeof *block);
    block->next = pool->free;
    pool->free = block;
    plat_memory_back(block, pool->block_bytes);
    pool->taken--;
    all_taken--;
}

size_t net_pool_taken(void) {
    return all_taken;
}
