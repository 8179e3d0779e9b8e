/*
 * The scan follows bridges only to buses numbered higher than their own, each bus once, so that no
 * configuration, however wrong, makes it run in circles.
 */
#include "pci.h"

#define ADDRESS_PORT        0xcf8
#define DATA_PORT           0xcfc
#define HEADER_MULTI        0x80u
#define HEADER_BRIDGE       0x01u
#define BRIDGE_BUSES        0x18u
#define SUBCLASS_PCI_BRIDGE 0x04u

#define LPC_BDF     (31u << 3)
#define LPC_ICH9    0x29188086u
#define LPC_PM_BASE 0x40u
#define LPC_ACPI    0x44u
#define LPC_ACPI_ON 0x80u
#define PM_TIMER    8u

uint32_t nk_pci_read(uint16_t bdf, uint32_t offset) {
    nk_out32(ADDRESS_PORT, 0x80000000u | (uint32_t)bdf << 8 | (offset & 0xfc));
    return nk_in32(DATA_PORT);
}

void nk_pci_write(uint16_t bdf, uint32_t offset, uint32_t value) {
    nk_out32(ADDRESS_PORT, 0x80000000u | (uint32_t)bdf << 8 | (offset & 0xfc));
    nk_out32(DATA_PORT, value);
}

struct scan {
    void (*found)(struct nom_resource resource);
    unsigned count;
    uint32_t pending[8]; /* buses still to visit, one bit each */
};

/* False if there is no such function. */
static bool visit(struct scan *scan, uint16_t bdf, bool *multi) {
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
    scan->found(r);
    if (r.pci_class == NK_PCI_CLASS_BRIDGE && r.pci_subclass == SUBCLASS_PCI_BRIDGE &&
        (header & ~HEADER_MULTI) == HEADER_BRIDGE) {
        uint32_t bus = nk_pci_read(bdf, BRIDGE_BUSES) >> 8 & 0xff;
        if (bus > bdf >> 8)
            scan->pending[bus / 32] |= 1u << bus % 32;
    }
    return true;
}

void nk_pci_scan(void (*found)(struct nom_resource resource)) {
    struct scan scan = {.found = found, .pending = {1}};
    for (unsigned bus = 0; bus < 256; bus++) {
        if (!(scan.pending[bus / 32] & 1u << bus % 32))
            continue;
        for (unsigned device = 0; device < 32; device++) {
            uint16_t bdf = (uint16_t)(bus << 8 | device << 3);
            bool multi = false, ignored;
            if (!visit(&scan, bdf, &multi) || !multi)
                continue;
            for (unsigned function = 1; function < 8; function++)
                visit(&scan, (uint16_t)(bdf | function), &ignored);
        }
    }
}

uint16_t nk_pci_pm_timer_port(void) {
    if (nk_pci_read(LPC_BDF, NK_PCI_ID) != LPC_ICH9 ||
        !(nk_pci_read(LPC_BDF, LPC_ACPI) & LPC_ACPI_ON))
        return 0;
    uint16_t base = nk_pci_read(LPC_BDF, LPC_PM_BASE) & 0xff80;
    return base ? (uint16_t)(base + PM_TIMER) : 0;
}
