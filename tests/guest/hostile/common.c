/* What the parts of the hostile app share. */
#include "hostile.h"
#include "runtime/platform/nom/upcall.h"

#define VIRTIO_VENDOR    0x1af4u
#define CLASS_NETWORK    2u
#define CLASS_BRIDGE     6u
#define QUIET_US         500000u
#define NEIGHBOUR_MAX_US 10000000u

struct nom_context *hostile_context(void) {
    return plat_cores[0].context;
}

uint64_t hostile_behind(uint64_t address) {
    uint64_t physical = 0;
    if (plat_call(NOM_SYS_QUERY, NOM_QUERY_PHYSICAL, address, (uint64_t)&physical) < 0)
        return 0;
    return physical;
}

static bool nic_is_free(void) {
    const struct nom_board *board = plat_board();
    for (uint32_t i = 0; i < board->resource_count; i++) {
        const struct nom_resource *r = &board->resources[i];
        if (r->kind == NOM_RESOURCE_PCI && r->pci_vendor == VIRTIO_VENDOR &&
            r->pci_class == CLASS_NETWORK && r->owner == 0)
            return true;
    }
    return false;
}

static unsigned others(void) {
    unsigned count = 0;
    for (unsigned i = 0; i < NOM_APPS_MAX; i++)
        count += plat_board()->apps[i].state == NOM_APP_RUNS;
    return count - 1;
}

void hostile_wait_for_neighbours(void) {
    uint64_t end = plat_now_us() + NEIGHBOUR_MAX_US;
    while (others() > 0 && nic_is_free() && plat_now_us() < end)
        plat_wait(1000);
    /* And the memory: until none has been taken for a while. */
    uint64_t free_bytes = 0, since = plat_now_us();
    while (others() > 0 && plat_now_us() < since + QUIET_US && plat_now_us() < end) {
        if (free_bytes != plat_board()->memory_free_bytes) {
            free_bytes = plat_board()->memory_free_bytes;
            since = plat_now_us();
        }
        plat_wait(1000);
    }
}

const struct nom_resource *hostile_resource(uint64_t id) {
    const struct nom_board *board = plat_board();
    uint64_t place = (id - 1) % NOM_BOARD_RESOURCES_MAX;
    bool there = id && place < board->resource_count && board->resources[place].id == id;
    return there ? &board->resources[place] : NULL;
}

int hostile_left(void) {
    const struct nom_board *board = plat_board();
    uint32_t self = ((const struct nom_start *)((uint64_t)board - 2 * PAGE))->app;
    unsigned all[NOM_RESOURCE_PRICES + 1] = {0}, left[NOM_RESOURCE_PRICES + 1] = {0};
    while (others() > 0)
        plat_wait(1000);
    for (uint32_t i = 0; i < board->resource_count; i++) {
        const struct nom_resource *r = &board->resources[i];
        if ((r->flags & NOM_RESOURCE_GONE) || r->pci_class == CLASS_BRIDGE)
            continue;
        all[r->kind]++;
        left[r->kind] += r->owner == 0 || (r->kind == NOM_RESOURCE_CORE && r->owner == self);
    }
    plat_log("hostile: free are %llu bytes, %u of %u cores, %u of %u devices, %u of %u prices",
             (unsigned long long)board->memory_free_bytes, left[NOM_RESOURCE_CORE],
             all[NOM_RESOURCE_CORE], left[NOM_RESOURCE_PCI], all[NOM_RESOURCE_PCI],
             left[NOM_RESOURCE_PRICES], all[NOM_RESOURCE_PRICES]);
    return 0;
}
