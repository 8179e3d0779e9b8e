/*
 * Invariants: a function nobody owns has memory decoding, I/O decoding and bus mastering off (but
 * bridges, which nobody may own). Every memory BAR of an owned function on the root bus lies where
 * the kernel put it: in whole pages of its own, so that mapping it shows nothing of another
 * device, wherever the firmware had put it, or not. Behind a bridge the bridge's window dictates
 * the addresses: there the firmware's are kept, and a BAR that has none or shares its page is not
 * mapped.
 */
#include "device.h"
#include "board.h"
#include "console.h"
#include "memory.h"
#include "paging.h"
#include "pci.h"

#define BAR_IO      0x1u
#define BAR_64      0x4u
#define BAR_FLAGS   0xfu
#define BARS_BRIDGE 2u
#define COMMAND_OFF (NK_PCI_COMMAND_IO | NK_PCI_COMMAND_MEMORY | NK_PCI_COMMAND_MASTER)

static uint64_t window_next = NK_PCI_WINDOW_START;
static uint64_t placed[NOM_BOARD_RESOURCES_MAX + 1][NOM_DEVICE_BARS]; /* by resource id; 0: not */

static void silence(uint16_t bdf) {
    uint32_t command = nk_pci_read(bdf, NK_PCI_COMMAND) & 0xffff;
    nk_pci_write(bdf, NK_PCI_COMMAND, (command & ~COMMAND_OFF) | NK_PCI_COMMAND_INTX);
}

static void found(struct nom_resource r) {
    if (r.pci_class != NK_PCI_CLASS_BRIDGE)
        silence(r.pci_bdf);
    nk_line("pci %h:%h.%u: %h:%h, class %h.%h%s", (uint64_t)(r.pci_bdf >> 8), 2ULL,
            (uint64_t)(r.pci_bdf >> 3 & 31), 2ULL, (uint64_t)(r.pci_bdf & 7),
            (uint64_t)r.pci_vendor, 4ULL, (uint64_t)r.pci_device, 4ULL, (uint64_t)r.pci_class, 2ULL,
            (uint64_t)r.pci_subclass, 2ULL,
            nk_board_add(r) ? "" : " (not on the board, which is full)");
}

void nk_device_start(void) {
    nk_pci_scan(found);
}

struct bar {
    uint32_t index; /* of its first register */
    uint64_t base, bytes;
    bool memory, wide;
};

/* Reads and sizes the BAR at index (decoding is off, so that nothing answers at the trial
 * addresses). bytes = 0 where there is none. */
static struct bar bar_read(uint16_t bdf, uint32_t index) {
    uint32_t offset = NK_PCI_BAR0 + index * 4;
    uint32_t low = nk_pci_read(bdf, offset), high = 0;
    struct bar bar = {.index = index, .memory = !(low & BAR_IO)};
    bar.wide = bar.memory && (low & BAR_64) && index + 1 < NOM_DEVICE_BARS;

    nk_pci_write(bdf, offset, 0xffffffff);
    uint64_t mask = nk_pci_read(bdf, offset);
    nk_pci_write(bdf, offset, low);
    if (mask == 0)
        return bar;
    if (!bar.memory) {
        bar.bytes = (~(mask & ~3ULL) + 1) & 0xffff;
        return bar;
    }
    if (bar.wide) {
        high = nk_pci_read(bdf, offset + 4);
        nk_pci_write(bdf, offset + 4, 0xffffffff);
        mask |= (uint64_t)nk_pci_read(bdf, offset + 4) << 32;
        nk_pci_write(bdf, offset + 4, high);
    } else {
        mask |= 0xffffffffULL << 32;
    }
    bar.base = ((uint64_t)high << 32 | low) & ~(uint64_t)BAR_FLAGS;
    bar.bytes = ~(mask & ~(uint64_t)BAR_FLAGS) + 1;
    return bar;
}

static uint64_t pages(uint64_t bytes) {
    return (bytes + NK_PAGE_BYTES - 1) & ~(NK_PAGE_BYTES - 1);
}

/* Gives the BAR its place, once. False if the window has no room. */
static bool bar_place(uint16_t bdf, struct bar *bar, uint64_t *place) {
    if (bdf >> 8) {
        *place = bar->base && bar->base % NK_PAGE_BYTES == 0 && bar->base < NK_PHYSICAL_END
                     ? bar->base
                     : 0;
        return true;
    }
    if (!*place) {
        uint64_t size = pages(bar->bytes);
        if (size > NK_PCI_WINDOW_END - NK_PCI_WINDOW_START)
            return false;
        uint64_t address = (window_next + size - 1) & ~(size - 1);
        if (address > NK_PCI_WINDOW_END - size)
            return false;
        window_next = address + size;
        *place = address;
    }
    uint32_t offset = NK_PCI_BAR0 + bar->index * 4;
    uint32_t flags = nk_pci_read(bdf, offset) & BAR_FLAGS;
    nk_pci_write(bdf, offset, (uint32_t)*place | flags);
    if (bar->wide)
        nk_pci_write(bdf, offset + 4, 0);
    return true;
}

static void bars_unmap(struct nk_app *app, const struct nom_device *device) {
    for (uint32_t i = 0; i < NOM_DEVICE_BARS; i++)
        if (device->bar[i].address)
            nk_paging_unmap(app, device->bar[i].address, pages(device->bar[i].bytes));
}

/* Maps the BARs at places into the app, with a hole between any two. All or nothing. */
static bool bars_map(struct nk_app *app, const uint64_t *places, struct nom_device *out) {
    uint64_t next = app->device_next;
    for (uint32_t i = 0; i < NOM_DEVICE_BARS; i++) {
        uint64_t size = pages(out->bar[i].bytes);
        if (!places[i])
            continue;
        if (size > NK_APP_DEVICES_END - next ||
            !nk_paging_map(app, next, places[i], size,
                           NK_PAGE_WRITE | NK_PAGE_UNCACHED | NK_PAGE_NO_EXECUTE)) {
            bars_unmap(app, out);
            return false;
        }
        out->bar[i].address = next;
        next = (next + size + NK_BLOCK_BYTES) & ~(NK_BLOCK_BYTES - 1);
    }
    app->device_next = next;
    return true;
}

int nk_device_acquire(struct nk_app *app, uint64_t id, struct nom_device *out) {
    const struct nom_resource *r = nk_board_resource(id);
    if (!r)
        return -NOM_ENOENT;
    if (r->kind != NOM_RESOURCE_PCI || r->pci_class == NK_PCI_CLASS_BRIDGE)
        return -NOM_EINVAL;
    if (r->owner != 0)
        return -NOM_EBUSY;

    nk_zero(out, sizeof *out);
    out->resource_id = (uint32_t)id;
    for (uint32_t i = 0; i < NOM_DEVICE_BARS; i++) {
        struct bar bar = bar_read(r->pci_bdf, i);
        out->bar[i].bytes = bar.bytes;
        if (bar.memory && bar.bytes > 0 && !bar_place(r->pci_bdf, &bar, &placed[id][i]))
            return -NOM_ENOMEM;
        i += bar.wide;
    }
    if (!bars_map(app, placed[id], out))
        return -NOM_ENOMEM;
    nk_board_own((uint32_t)id, app->number);
    nk_pci_write(r->pci_bdf, NK_PCI_COMMAND,
                 NK_PCI_COMMAND_MEMORY | NK_PCI_COMMAND_MASTER | NK_PCI_COMMAND_INTX);
    for (uint32_t offset = 0; offset < sizeof out->config; offset += 4)
        *(uint32_t *)(void *)(out->config + offset) = nk_pci_read(r->pci_bdf, offset);
    return 0;
}

void nk_device_release(uint32_t app_number) {
    const struct nom_resource *r;
    for (uint32_t id = 1; (r = nk_board_resource(id)); id++) {
        if (r->owner != app_number || r->kind != NOM_RESOURCE_PCI)
            continue;
        silence(r->pci_bdf);
        nk_board_own(id, 0);
    }
}
