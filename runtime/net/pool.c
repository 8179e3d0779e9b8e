/*
 * The pools of pool.h. A free block's first word links to the next free one; the pool a block
 * belongs to follows from its address, since each pool is one piece of memory.
 */
#include "runtime/net/pool.h"
#include "runtime/platform/platform.h"
#include <floor_poison.h>
#include <string.h>

struct block {
    struct block *next;
};

struct pool {
    size_t block_bytes, blocks;
    char *memory;
    struct block *free;
};

/* Headers alone (pure ACKs, data sent without a copy), small replies, full segments. All are whole
 * cache lines. */
static struct pool pools[] = {
    {.block_bytes = 128, .blocks = 16384},
    {.block_bytes = 512, .blocks = 8192},
    {.block_bytes = 1664, .blocks = 4096},
};
#define POOLS (sizeof pools / sizeof pools[0])

static size_t taken;

int net_pool_open(void) {
    for (struct pool *p = pools; p < pools + POOLS; p++) {
        p->memory = plat_dma_alloc(p->block_bytes * p->blocks);
        if (p->memory == NULL) {
            return -1;
        }
        for (size_t i = p->blocks; i-- > 0;) {
            struct block *b = (struct block *)(void *)(p->memory + i * p->block_bytes);
            b->next = p->free;
            p->free = b;
            plat_memory_back(b, p->block_bytes);
        }
    }
    return 0;
}

void *net_pool_take(size_t bytes) {
    for (struct pool *p = pools; p < pools + POOLS; p++) {
        struct block *b = p->free;
        if (bytes <= p->block_bytes && b != NULL) {
            plat_memory_out(b, bytes < sizeof *b ? sizeof *b : bytes);
            p->free = b->next;
            taken++;
            return b;
        }
    }
    return NULL;
}

void *net_pool_take_zeroed(size_t count, size_t bytes) {
    void *memory = net_pool_take(count * bytes);
    return memory == NULL ? NULL : memset(memory, 0, count * bytes);
}

void net_pool_give(void *memory) {
    for (struct pool *p = pools; p < pools + POOLS; p++) {
        size_t offset = (size_t)((char *)memory - p->memory);
        if (offset < p->block_bytes * p->blocks) {
            struct block *b = memory;
            plat_memory_out(b, sizeof *b);
            b->next = p->free;
            p->free = b;
            plat_memory_back(b, p->block_bytes);
            taken--;
            return;
        }
    }
}

size_t net_pool_taken(void) {
    return taken;
}
