/*
 * lwIP's pools of structures, in the place of its own core/memp.c, whose pools are static and are
 * linked together when it starts: those of many connections would cost a small machine all it has.
 */
#include "lwip/memp.h"
#include "lwip/etharp.h"
#include "lwip/ip4_frag.h"
#include "lwip/pbuf.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/udp.h"
#include "runtime/net/lwip/memp.h"
#include "runtime/net/pool.h"

static struct net_pool pools[MEMP_MAX] = {
#define LWIP_MEMPOOL(name, num, size, desc)                                                        \
    [MEMP_##name] = {.block_bytes = LWIP_MEM_ALIGN_SIZE(size), .blocks_max = (num)},
#include "lwip/priv/memp_std.h"
};

int net_memp_open(uint32_t connections) {
    static const memp_t needed[] = {MEMP_TCP_PCB, MEMP_TCP_PCB_LISTEN, MEMP_TCP_SEG, MEMP_PBUF};
    if (connections > 0) {
        uint32_t all = connections + connections / 8 + NET_PCBS_BESIDE;
        pools[MEMP_TCP_PCB].blocks_max = LWIP_MIN(all, MEMP_NUM_TCP_PCB);
    }
    for (size_t i = 0; i < LWIP_ARRAYSIZE(needed); i++) {
        if (!net_pool_start(&pools[needed[i]])) {
            return -1;
        }
    }
    return 0;
}

void memp_init(void) {}

void *memp_malloc(memp_t type) {
    return net_pool_take(&pools[type], pools[type].block_bytes);
}

void memp_free(memp_t type, void *memory) {
    (void)type;
    if (memory != NULL) {
        net_pool_give(memory);
    }
}
