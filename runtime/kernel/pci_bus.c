/*
 * Buses and BARs. Invariants: bus numbers are given in the order in which bridges are met, so no
 * configuration, however wrong, makes the scan run in circles; every memory BAR that the kernel
 * has placed lies in the window of its bus, which lies in that of the bus above, in whole pages of
 * its own: mapping it shows nothing of another device.
 *
 * One window a bus serves prefetchable BARs and others alike; that is always allowed.
 */
#include "pci.h"

#define HEADER_MULTI        0x80u
#define HEADER_BRIDGE       0x01u
#define SUBCLASS_PCI_BRIDGE 0x04u

#define BRIDGE_IO            0x1cu
#define BRIDGE_MEMORY        0x20u
#define BRIDGE_PREFETCH      0x24u
#define BRIDGE_PREFETCH_HIGH 0x28u
#define BRIDGE_LIMIT_HIGH    0x2cu
#define CLOSED_IO            0x00f0u     /* base above limit */
#define CLOSED_MEMORY        0x0000fff0u /* base above limit */
#define BRIDGE_UNIT          0x100000ULL

#define EXPRESS_KIND       4u /* bits of the capability's second half */
#define EXPRESS_ROOT_PORT  4u
#define EXPRESS_DOWNSTREAM 6u
#define EXPRESS_TO_PCI     7u

#define BAR_IO    0x1u
#define BAR_64    0x4u
#define BAR_FLAGS 0xfu

static struct bus {
    uint64_t start, next, end; /* its window; what lies behind `next` is free */
    bool express, port;        /* port: device 0 is the only one */
} buses[NK_PCI_BUSES_MAX] = {
    {NK_PCI_WINDOW_START, NK_PCI_WINDOW_START, NK_PCI_WINDOW_END, true, false}};
static struct bus ports = {NK_IO_START, NK_IO_START, NK_IO_END, false, false};
static unsigned last_bus;

struct scan {
    void (*found)(struct nom_resource resource);
    unsigned count;
};

/* A place in the bus's window, aligned to its size (a power of two); 0 if there is no room. */
static uint64_t take(struct bus *bus, uint64_t bytes) {
    uint64_t address = (bus->next + bytes - 1) & ~(bytes - 1);
    if (bytes > bus->end - bus->start || address > bus->end - bytes)
        return 0;
    bus->next = address + bytes;
    return address;
}

/* False if there is no such function. */
static bool visit(struct scan *scan, uint16_t bdf, bool *multi, bool *bridge) {
    uint32_t id = nk_pci_read(bdf, NK_PCI_ID);
    if ((id & 0xffff) == 0xffff || scan->count == NK_PCI_FUNCTIONS_MAX)
        return false;
    scan->count++;
    uint32_t class = nk_pci_read(bdf, NK_PCI_CLASS);
    uint32_t header = nk_pci_read(bdf, NK_PCI_HEADER) >> 16 & 0xff;
    *multi = header & HEADER_MULTI;
    struct nom_resource r = {
        .kind = NOM_RESOURCE_PCI,
        .pci_vendor = (uint16_t)id,
        .pci_device = (uint16_t)(id >> 16),
        .pci_bdf = bdf,
        .pci_class = (uint8_t)(class >> 24),
        .pci_subclass = (uint8_t)(class >> 16),
    };
    *bridge = r.pci_class == NK_PCI_CLASS_BRIDGE && r.pci_subclass == SUBCLASS_PCI_BRIDGE &&
              (header & ~HEADER_MULTI) == HEADER_BRIDGE;
    if (*bridge) /* no bus but those numbered here, and no window, answers */
        nk_pci_write(bdf, NK_PCI_BUSES, 0);
    scan->found(r);
    return true;
}

/* Functions of one device; bridges among them are added to the list. */
static unsigned visit_device(struct scan *scan, uint16_t bdf, uint16_t *bridges, unsigned count) {
    bool multi = false, bridge = false, ignored;
    for (unsigned function = 0; function < 8; function++) {
        uint16_t one = (uint16_t)(bdf | function);
        if (!visit(scan, one, function == 0 ? &multi : &ignored, &bridge)) {
            if (function == 0)
                return count;
            continue;
        }
        if (bridge && count < NK_PCI_BUSES_MAX)
            bridges[count++] = one;
        if (!multi)
            break;
    }
    return count;
}

static void scan_bus(struct scan *scan, unsigned number, unsigned depth);

/* Numbers the bus behind a bridge, gives it a window, and looks at what is there. */
static void open_bridge(struct scan *scan, uint16_t bdf, struct bus *above, unsigned depth) {
    if (last_bus + 1 == NK_PCI_BUSES_MAX || depth == NK_PCI_DEPTH_MAX)
        return;
    unsigned number = ++last_bus;
    struct bus *bus = &buses[number];
    uint64_t bytes = above == buses ? NK_PCI_BRIDGE_BYTES : BRIDGE_UNIT;
    uint64_t start = take(above, bytes);
    *bus = (struct bus){.start = start, .next = start, .end = start ? start + bytes : 0};
    uint32_t express = nk_pci_capability(bdf, NK_PCI_CAP_EXPR, 0);
    if (express) {
        unsigned kind = nk_pci_read16(bdf, express + 2) >> EXPRESS_KIND & 0xf;
        bus->port = kind == EXPRESS_ROOT_PORT || kind == EXPRESS_DOWNSTREAM;
        bus->express = above->express && kind != EXPRESS_TO_PCI;
    }

    nk_pci_write16(bdf, BRIDGE_IO, CLOSED_IO);
    nk_pci_write(bdf, BRIDGE_PREFETCH, CLOSED_MEMORY);
    nk_pci_write(bdf, BRIDGE_PREFETCH_HIGH, 0);
    nk_pci_write(bdf, BRIDGE_LIMIT_HIGH, 0);
    nk_pci_write(bdf, BRIDGE_MEMORY,
                 start ? (uint32_t)((start + bytes - 1) & 0xfff00000) | (uint32_t)(start >> 16)
                       : CLOSED_MEMORY);
    uint32_t numbers = (unsigned)(above - buses) | number << 8;
    nk_pci_write(bdf, NK_PCI_BUSES, numbers | 0xff0000);
    nk_pci_write16(bdf, NK_PCI_COMMAND,
                   NK_PCI_COMMAND_MEMORY | NK_PCI_COMMAND_MASTER | NK_PCI_COMMAND_INTX);
    scan_bus(scan, number, depth + 1);
    nk_pci_write(bdf, NK_PCI_BUSES, numbers | last_bus << 16);
}

static void scan_bus(struct scan *scan, unsigned number, unsigned depth) {
    uint16_t bridges[NK_PCI_BUSES_MAX];
    unsigned count = 0, devices = buses[number].port ? 1 : 32;
    for (unsigned device = 0; device < devices; device++)
        count = visit_device(scan, (uint16_t)(number << 8 | device << 3), bridges, count);
    for (unsigned i = 0; i < count; i++)
        open_bridge(scan, bridges[i], &buses[number], depth);
}

void nk_pci_scan(void (*found)(struct nom_resource resource)) {
    struct scan scan = {.found = found};
    scan_bus(&scan, 0, 0);
}

void nk_pci_scan_port(unsigned bus, void (*found)(struct nom_resource resource)) {
    struct scan scan = {.found = found};
    uint16_t ignored[NK_PCI_BUSES_MAX];
    visit_device(&scan, (uint16_t)(bus << 8), ignored, 0);
}

void nk_pci_bus_empty(unsigned bus) {
    buses[bus].next = buses[bus].start;
}

bool nk_pci_bus_express(unsigned bus) {
    return bus <= last_bus && buses[bus].express;
}

struct nk_pci_bar nk_pci_bar_read(uint16_t bdf, uint32_t index) {
    uint32_t offset = NK_PCI_BAR0 + index * 4;
    uint32_t low = nk_pci_read(bdf, offset);
    struct nk_pci_bar bar = {.index = index, .memory = !(low & BAR_IO)};
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
        uint32_t high = nk_pci_read(bdf, offset + 4);
        nk_pci_write(bdf, offset + 4, 0xffffffff);
        mask |= (uint64_t)nk_pci_read(bdf, offset + 4) << 32;
        nk_pci_write(bdf, offset + 4, high);
    } else {
        mask |= 0xffffffffULL << 32;
    }
    bar.bytes = ~(mask & ~(uint64_t)BAR_FLAGS) + 1;
    return bar;
}

bool nk_pci_bar_place(uint16_t bdf, const struct nk_pci_bar *bar, uint64_t *place) {
    if (!*place && !bar->memory) {
        bool fits = bdf >> 8 == 0 && (bar->bytes & (bar->bytes - 1)) == 0;
        *place = fits ? take(&ports, bar->bytes) : 0;
        if (!*place)
            return true;
    } else if (!*place) {
        uint64_t bytes = bar->bytes > NK_PAGE_BYTES ? bar->bytes : NK_PAGE_BYTES;
        if ((bytes & (bytes - 1)) != 0 || bdf >> 8 > last_bus)
            return false;
        *place = take(&buses[bdf >> 8], bytes);
        if (!*place)
            return false;
    }
    uint32_t offset = NK_PCI_BAR0 + bar->index * 4;
    uint32_t flags = nk_pci_read(bdf, offset) & (bar->memory ? BAR_FLAGS : BAR_IO);
    nk_pci_write(bdf, offset, (uint32_t)*place | flags);
    if (bar->wide)
        nk_pci_write(bdf, offset + 4, 0);
    return true;
}
