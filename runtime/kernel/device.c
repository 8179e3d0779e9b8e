/*
 * Invariants: a function nobody owns has memory decoding, I/O decoding and bus mastering off (but
 * bridges, which nobody may own), and none of its interrupts is unmasked. The BARs of an owned
 * function lie in whole pages of their own (pci_bus.c) and are mapped in its owner alone, at
 * addresses that follow from its place on the board; pages that hold its MSI-X table are mapped
 * nowhere.
 */
#include "device.h"
#include "bind.h"
#include "board.h"
#include "console.h"
#include "hotplug.h"
#include "iommu.h"
#include "msix.h"
#include "paging.h"
#include "pci.h"
#include "ports.h"
#include "virtio.h"

#define COMMAND_OFF  (NK_PCI_COMMAND_IO | NK_PCI_COMMAND_MEMORY | NK_PCI_COMMAND_MASTER)
#define REGION_BYTES ((NK_APP_DEVICES_END - NK_APP_DEVICES_START) / NOM_BOARD_RESOURCES_MAX)
#define RIGHTS       (NK_PAGE_WRITE | NK_PAGE_UNCACHED | NK_PAGE_NO_EXECUTE)

#define EXPRESS_CAPABILITIES 4u
#define EXPRESS_CONTROL      8u
#define EXPRESS_CAN_RESET    (1u << 28)
#define EXPRESS_RESET        (1u << 15)

/* What a mapped BAR looks like: two runs of pages, around those of the MSI-X table. */
struct run {
    uint64_t offset, bytes;
};

/* By place on the board. */
static struct device {
    uint64_t place[NOM_DEVICE_BARS];   /* physical, or the first port; 0: none */
    uint64_t bytes[NOM_DEVICE_BARS];   /* of memory */
    unsigned ports[NOM_DEVICE_BARS];   /* how many */
    uint64_t address[NOM_DEVICE_BARS]; /* in the owner; 0: not mapped */
    struct nk_msix msix;
} devices[NOM_BOARD_RESOURCES_MAX];

static struct device *device_of(uint32_t id) {
    return &devices[(id - 1) % NOM_BOARD_RESOURCES_MAX];
}

static void silence(uint16_t bdf) {
    uint16_t command = nk_pci_read16(bdf, NK_PCI_COMMAND);
    nk_pci_write16_map(bdf, NK_PCI_COMMAND,
                       (uint16_t)((command & ~COMMAND_OFF) | NK_PCI_COMMAND_INTX));
}

/* So that the next owner finds it as after power-on, with nothing left of this one. Reset is done
 * when the write returns: the device is a virtual machine's. */
static void reset(uint16_t bdf) {
    nk_virtio_reset(bdf);
    silence(bdf);
    uint32_t express = nk_pci_capability(bdf, NK_PCI_CAP_EXPR, 0);
    if (!express || !(nk_pci_read(bdf, express + EXPRESS_CAPABILITIES) & EXPRESS_CAN_RESET))
        return;
    uint16_t control = nk_pci_read16(bdf, express + EXPRESS_CONTROL);
    nk_pci_write16_map(bdf, express + EXPRESS_CONTROL, control | EXPRESS_RESET);
    silence(bdf);
}

const char *nk_device_name(uint16_t bdf, char name[NK_DEVICE_NAME_BYTES]) {
    static const char digits[] = "0123456789abcdef";
    const char text[NK_DEVICE_NAME_BYTES] = {
        digits[bdf >> 12],
        digits[bdf >> 8 & 15],
        ':',
        digits[bdf >> 7 & 1],
        digits[bdf >> 3 & 15],
        '.',
        digits[bdf & 7],
        0,
    };
    nk_copy(name, text, sizeof text);
    return name;
}

void nk_device_found(struct nom_resource r) {
    char name[NK_DEVICE_NAME_BYTES];
    bool bridge = r.pci_class == NK_PCI_CLASS_BRIDGE;
    if (!bridge) {
        silence(r.pci_bdf);
        r.bytes = nk_virtio_disk_bytes(r.pci_bdf);
        if (nk_iommu_on())
            r.flags |= NOM_RESOURCE_IOMMU;
    }
    uint32_t id = nk_board_add(r);
    if (id)
        nk_zero(device_of(id), sizeof(struct device));
    nk_line("pci %s: %h:%h, class %h.%h%s", nk_device_name(r.pci_bdf, name), (uint64_t)r.pci_vendor,
            4ULL, (uint64_t)r.pci_device, 4ULL, (uint64_t)r.pci_class, 2ULL,
            (uint64_t)r.pci_subclass, 2ULL, id ? "" : " (not on the board, which is full)");
    if (r.bytes)
        nk_line("disk %s: %u bytes", name, r.bytes);
}

void nk_device_start(void) {
    nk_pci_scan(nk_device_found);
}

static uint64_t pages(uint64_t bytes) {
    return (bytes + NK_PAGE_BYTES - 1) & ~(NK_PAGE_BYTES - 1);
}

/* Places every memory BAR. False if one finds no room. */
static bool place(uint16_t bdf, struct device *device, struct nom_device *out) {
    for (uint32_t i = 0; i < NOM_DEVICE_BARS; i++) {
        struct nk_pci_bar bar = nk_pci_bar_read(bdf, i);
        out->bar[i].bytes = bar.bytes;
        device->bytes[i] = bar.memory ? bar.bytes : 0;
        if (bar.bytes && !nk_pci_bar_place(bdf, &bar, &device->place[i]))
            return false;
        device->ports[i] = !bar.memory && device->place[i] ? (unsigned)bar.bytes : 0;
        i += bar.wide;
    }
    return true;
}

/* The pages of a BAR that the app may see: before the MSI-X table, and behind it. */
static void runs_of(const struct device *device, uint32_t bar, struct run run[2]) {
    uint64_t whole = pages(device->bytes[bar]), from = whole, to = whole;
    if (device->msix.entries && device->msix.bar == bar) {
        from = device->msix.offset & ~(NK_PAGE_BYTES - 1);
        to = pages(device->msix.offset + (uint64_t)device->msix.entries * NK_MSIX_ENTRY_BYTES);
        from = from < whole ? from : whole;
        to = to < whole ? to : whole;
    }
    run[0] = (struct run){0, from};
    run[1] = (struct run){to, whole - to};
}

static void unmap(struct nk_app *app, struct device *device) {
    for (uint32_t i = 0; i < NOM_DEVICE_BARS; i++) {
        struct run run[2];
        if (!device->address[i])
            continue;
        runs_of(device, i, run);
        for (unsigned n = 0; n < 2; n++)
            if (run[n].bytes &&
                nk_paging_mapped(app, device->address[i] + run[n].offset, run[n].bytes))
                nk_paging_unmap(app, device->address[i] + run[n].offset, run[n].bytes);
        device->address[i] = 0;
    }
}

/* Maps the BARs, with a hole between any two. All or nothing. */
static bool map(struct nk_app *app, uint32_t id, struct device *device) {
    uint64_t next = NK_APP_DEVICES_START + (id - 1) % NOM_BOARD_RESOURCES_MAX * REGION_BYTES;
    uint64_t end = next + REGION_BYTES;
    for (uint32_t i = 0; i < NOM_DEVICE_BARS; i++) {
        struct run run[2];
        uint64_t size = pages(device->bytes[i]), address = next;
        if (!size)
            continue;
        if (size >= end - next) {
            unmap(app, device);
            return false;
        }
        next = (next + size + NK_BLOCK_BYTES) & ~(NK_BLOCK_BYTES - 1);
        runs_of(device, i, run);
        for (unsigned n = 0; n < 2; n++) {
            if (!run[n].bytes)
                continue;
            device->address[i] = address;
            if (nk_paging_place(app, address + run[n].offset, device->place[i] + run[n].offset,
                                run[n].bytes, RIGHTS) != 0) {
                unmap(app, device);
                return false;
            }
        }
    }
    return true;
}

int nk_device_acquire(struct nk_app *app, uint64_t id, struct nom_device *out) {
    const struct nom_resource *r = nk_board_resource(id);
    if (!r || (r->flags & NOM_RESOURCE_GONE))
        return -NOM_ENOENT;
    if (r->kind != NOM_RESOURCE_PCI || r->pci_class == NK_PCI_CLASS_BRIDGE)
        return -NOM_EINVAL;
    if (r->owner != 0 || (r->flags & NOM_RESOURCE_LEAVING))
        return -NOM_EBUSY;

    struct device *device = device_of((uint32_t)id);
    nk_zero(out, sizeof *out);
    if (!place(r->pci_bdf, device, out))
        return -NOM_ENOMEM;
    nk_msix_find(r->pci_bdf, &device->msix);
    if (device->msix.entries && !nk_msix_place(&device->msix, device->place, device->bytes))
        device->msix.entries = 0;
    if (!map(app, (uint32_t)id, device))
        return -NOM_ENOMEM;
    int error = nk_iommu_attach(app, r->pci_bdf);
    if (error) {
        unmap(app, device);
        return error;
    }
    out->resource_id = (uint32_t)id;
    out->interrupts = device->msix.entries;
    for (uint32_t i = 0; i < NOM_DEVICE_BARS; i++)
        out->bar[i].address = device->address[i];
    nk_board_own((uint32_t)id, app->number);
    unsigned ports = 0;
    for (uint32_t i = 0; i < NOM_DEVICE_BARS; i++) {
        ports += device->ports[i];
        if (device->ports[i])
            nk_ports_give(app, (unsigned)device->place[i], device->ports[i]);
    }
    nk_pci_write16_map(r->pci_bdf, NK_PCI_COMMAND,
                       NK_PCI_COMMAND_MEMORY | NK_PCI_COMMAND_MASTER | NK_PCI_COMMAND_INTX |
                           (ports ? NK_PCI_COMMAND_IO : 0));
    for (uint32_t offset = 0; offset < sizeof out->config; offset += 4)
        *(uint32_t *)(void *)(out->config + offset) = nk_pci_read(r->pci_bdf, offset);
    return 0;
}

static void take(struct nk_app *app, const struct nom_resource *r) {
    nk_bind_end(r->id);
    reset(r->pci_bdf);
    nk_iommu_detach(app, r->pci_bdf);
    struct device *device = device_of(r->id);
    for (uint32_t i = 0; i < NOM_DEVICE_BARS; i++)
        if (device->ports[i])
            nk_ports_take(app, (unsigned)device->place[i], device->ports[i]);
    unmap(app, device);
    nk_board_own(r->id, 0);
    if (r->flags & NOM_RESOURCE_LEAVING)
        nk_hotplug_left(r->pci_bdf);
}

void nk_device_take(uint32_t id) {
    const struct nom_resource *r = nk_board_resource(id);
    struct nk_app *app = nk_app_by_number(r->owner);
    if (app)
        take(app, r);
}

int nk_device_release(struct nk_app *app, uint64_t id) {
    const struct nom_resource *r = nk_board_resource(id);
    if (!r || r->kind != NOM_RESOURCE_PCI)
        return -NOM_ENOENT;
    if (r->owner != app->number)
        return -NOM_EPERM;
    take(app, r);
    return 0;
}

unsigned nk_device_release_all(struct nk_app *app) {
    const struct nom_resource *r;
    unsigned count = 0;
    for (uint32_t i = 0; (r = nk_board_at(i)); i++) {
        if (r->owner != app->number || r->kind != NOM_RESOURCE_PCI)
            continue;
        take(app, r);
        count++;
    }
    return count;
}

const struct nk_msix *nk_device_msix(uint32_t id) {
    return &device_of(id)->msix;
}

void nk_device_fault(uint16_t bdf, uint64_t address, bool interrupt) {
    const char *did = interrupt ? "raised interrupt" : "reached for";
    char name[NK_DEVICE_NAME_BYTES];
    const struct nom_resource *r;
    nk_board_count(NK_COUNT_DMA_FAULTS);
    silence(bdf);
    nk_device_name(bdf, name);
    for (uint32_t i = 0; (r = nk_board_at(i)); i++) {
        struct nk_app *app;
        if (r->kind != NOM_RESOURCE_PCI || r->pci_bdf != bdf || r->owner == 0 ||
            !(app = nk_app_by_number(r->owner)))
            continue;
        nk_line("device %s of app %s %s %x, which is not the app's: stopped", name, app->name, did,
                address);
        nk_app_kill(app, NOM_EXIT_APP_FAULT);
        return;
    }
    nk_line("device %s, which no app owns, %s %x: stopped", name, did, address);
}
