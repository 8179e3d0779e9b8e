/*
 * The board lists what exists and who owns it; the kernel has the last word on both.
 *
 * The app with number n asks for the n-th device of a kind first, so that who gets which does not
 * depend on who starts first; where that is another's, or there are fewer, it takes any that is
 * free.
 */
#include "runtime/platform/device.h"
#include "call.h"
#include "floor.h"
#include "runtime/platform/platform.h"
#include <stdbool.h>

static bool wanted(const struct nom_resource *r, uint16_t vendor, const uint16_t *devices,
                   unsigned n) {
    if (r->kind != NOM_RESOURCE_PCI || r->pci_vendor != vendor)
        return false;
    for (unsigned i = 0; i < n; i++)
        if (r->pci_device == devices[i])
            return true;
    return false;
}

static int acquire(const struct nom_resource *r, struct nom_device *out) {
    if (r->flags & NOM_RESOURCE_IOMMU)
        plat_memory_translated();
    return (int)plat_call(NOM_SYS_ACQUIRE, r->id, (uint64_t)out, 0);
}

static bool is_free(const struct nom_resource *r) {
    return r->owner == 0 && !(r->flags & (NOM_RESOURCE_GONE | NOM_RESOURCE_LEAVING));
}

int plat_device_acquire(uint16_t vendor, const uint16_t *devices, unsigned n,
                        struct nom_device *out) {
    const struct nom_board *board = plat_board();
    int error = -NOM_ENOENT;
    uint32_t number = 0;
    for (uint32_t i = 0; i < board->resource_count; i++) {
        const struct nom_resource *r = &board->resources[i];
        if (!wanted(r, vendor, devices, n) || ++number != plat_app_number() || !is_free(r))
            continue;
        error = acquire(r, out);
        if (error != -NOM_EBUSY)
            return error;
    }
    for (uint32_t i = 0; i < board->resource_count; i++) {
        const struct nom_resource *r = &board->resources[i];
        if (!wanted(r, vendor, devices, n) || !is_free(r))
            continue;
        error = acquire(r, out);
        if (error != -NOM_EBUSY)
            return error;
    }
    return error;
}

int plat_device_interrupt(uint32_t resource_id, uint32_t entry) {
    int64_t bit = plat_call(NOM_SYS_INTERRUPT, resource_id, entry, NOM_INTERRUPT_BIND);
    return bit < 0 ? (int)bit : 0;
}

bool plat_device_leaves(uint32_t resource_id, uint64_t *generation) {
    const volatile struct nom_board *board = plat_board();
    uint64_t now = board->generation;
    if (now == *generation)
        return false;
    *generation = now;
    for (uint32_t i = 0; i < board->resource_count; i++) {
        const volatile struct nom_resource *r = &board->resources[i];
        if (r->id == resource_id)
            return r->owner == 0 || (r->flags & (NOM_RESOURCE_GONE | NOM_RESOURCE_LEAVING)) != 0;
    }
    return true;
}

void plat_device_release(uint32_t resource_id) {
    plat_call(NOM_SYS_RELEASE, resource_id, 0, 0);
}
