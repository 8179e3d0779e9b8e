/*
 * Devices that change hands, and an app that uses the registers of its own meanwhile: what it
 * writes there must be there, wherever others' appear and disappear.
 */
#include "ring.h"

#define USE_MAX_US 60000000u
#define USES       256u /* between two looks at the board */

/* Until the app that began after this one has ended. The register of the virtio 1.x specification's
 * 4.1.4.3 that selects features keeps whatever is written, and acts on nothing. */
int hostile_registers(void) {
    const struct nom_board *board = plat_board();
    uint32_t self = ((const struct nom_start *)((uint64_t)board - 2 * PAGE))->app;
    struct nom_device device;
    struct virtnet_pci pci;
    char why[128];
    uint64_t end = plat_now_us() + USE_MAX_US, uses = 0, wrong = 0;
    if (!ring_take(&device) || virtnet_pci_find(&pci, &device, why, sizeof why) != 0) {
        plat_log("hostile: no device is free");
        return 1;
    }
    volatile uint32_t *select = (volatile uint32_t *)(volatile void *)pci.common;
    while (board->apps[self].state == NOM_APP_RUNS && plat_now_us() < end)
        for (unsigned i = 0; i < USES; i++) {
            uint32_t value = (uint32_t)++uses * 0x9e3779b1u;
            *select = value;
            wrong += *select != value;
        }
    plat_log("hostile: a register written and read %llu times, %llu wrong",
             (unsigned long long)uses, (unsigned long long)wrong);
    return wrong ? 1 : 0;
}

int hostile_pass(uint64_t count) {
    const struct nom_board *board = plat_board();
    static struct nom_device device;
    uint64_t passed = 0;
    while (passed < count)
        for (uint32_t i = 0; i < board->resource_count; i++) {
            const struct nom_resource *r = &board->resources[i];
            if (r->kind == NOM_RESOURCE_PCI && r->owner == 0 &&
                plat_call(NOM_SYS_ACQUIRE, r->id, (uint64_t)&device, 0) == 0)
                passed += plat_call(NOM_SYS_RELEASE, r->id, 0, 0) == 0;
        }
    plat_log("hostile: devices taken and given back %llu times", (unsigned long long)passed);
    return 0;
}
