/* heap.h, on pool.h. */
#include "runtime/net/heap.h"
#include "runtime/net/pool.h"
#include <string.h>

/* Headers alone (pure ACKs, data sent without a copy), small replies, full segments. All are whole
 * cache lines. */
static struct net_pool pools[] = {
    {.block_bytes = 128, .blocks_max = 16384},
    {.block_bytes = 512, .blocks_max = 8192},
    {.block_bytes = 1664, .blocks_max = 8192},
};
#define POOLS (sizeof pools / sizeof pools[0])

static struct net_pool *const segments = &pools[POOLS - 1];
static bool receiving;

int net_heap_open(size_t bytes_max) {
    size_t all = 0;
    for (const struct net_pool *p = pools; p < pools + POOLS; p++) {
        all += (size_t)p->block_bytes * p->blocks_max;
    }
    for (struct net_pool *p = pools; p < pools + POOLS; p++) {
        if (bytes_max < all) {
            p->blocks_max = (uint32_t)((double)p->blocks_max * (double)bytes_max / (double)all) + 1;
        }
        if (!net_pool_start(p)) {
            return -1;
        }
    }
    return 0;
}

void net_heap_receiving(bool on) {
    receiving = on;
}

static bool all_but(uint32_t part) {
    return segments->taken >= segments->blocks_max - segments->blocks_max / part;
}

bool net_heap_scarce(void) {
    return all_but(8);
}

static bool may_take(const struct net_pool *p) {
    return p != segments || receiving || !all_but(4);
}

void *net_heap_take(size_t bytes) {
    void *block = NULL;
    for (struct net_pool *p = pools; block == NULL && p < pools + POOLS; p++) {
        if (bytes <= p->block_bytes && may_take(p)) {
            block = net_pool_take(p, bytes);
        }
    }
    return block;
}

void *net_heap_take_zeroed(size_t count, size_t bytes) {
    void *memory = net_heap_take(count * bytes);
    return memory == NULL ? NULL : memset(memory, 0, count * bytes);
}

void net_heap_give(void *memory) {
    net_pool_give(memory);
}
