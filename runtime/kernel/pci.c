/*
 * Configuration space. Each access is two ports, each an exit from the VM.
 */
#include "pci.h"
#include "core.h"
#include "processor.h"

#define ADDRESS_PORT 0xcf8
#define DATA_PORT    0xcfc

#define STATUS_CAPABILITIES 0x100000u /* in the command's upper half */
#define CAPABILITIES        0x34u
#define CAPABILITIES_MAX    48u
#define CAPABILITY_FIRST    0x40u

#define LPC_BDF     (31u << 3)
#define LPC_ICH9    0x29188086u
#define LPC_PM_BASE 0x40u
#define LPC_ACPI    0x44u
#define LPC_ACPI_ON 0x80u
#define PM_TIMER    8u

static void select(uint16_t bdf, uint32_t offset) {
    nk_out32(ADDRESS_PORT, 0x80000000u | (uint32_t)bdf << 8 | (offset & 0xfc));
}

uint32_t nk_pci_read(uint16_t bdf, uint32_t offset) {
    select(bdf, offset);
    return nk_in32(DATA_PORT);
}

void nk_pci_write(uint16_t bdf, uint32_t offset, uint32_t value) {
    select(bdf, offset);
    nk_out32(DATA_PORT, value);
}

uint16_t nk_pci_read16(uint16_t bdf, uint32_t offset) {
    return (uint16_t)(nk_pci_read(bdf, offset) >> 8 * (offset & 2));
}

void nk_pci_write16(uint16_t bdf, uint32_t offset, uint16_t value) {
    select(bdf, offset);
    nk_out16((uint16_t)(DATA_PORT + (offset & 2)), value);
}

void nk_pci_write16_map(uint16_t bdf, uint32_t offset, uint16_t value) {
    if (nk_processor_tcg())
        nk_core_alone();
    nk_pci_write16(bdf, offset, value);
}

uint32_t nk_pci_capability(uint16_t bdf, uint8_t id, uint32_t after) {
    if (!(nk_pci_read(bdf, NK_PCI_COMMAND) & STATUS_CAPABILITIES))
        return 0;
    uint32_t at = after ? nk_pci_read(bdf, after) >> 8 : nk_pci_read(bdf, CAPABILITIES);
    for (unsigned i = 0; i < CAPABILITIES_MAX; i++) {
        at &= 0xfc;
        if (at < CAPABILITY_FIRST)
            return 0;
        uint32_t head = nk_pci_read(bdf, at);
        if ((head & 0xff) == id)
            return at;
        at = head >> 8;
    }
    return 0;
}

uint16_t nk_pci_pm_timer_port(void) {
    if (nk_pci_read(LPC_BDF, NK_PCI_ID) != LPC_ICH9 ||
        !(nk_pci_read(LPC_BDF, LPC_ACPI) & LPC_ACPI_ON))
        return 0;
    uint16_t base = nk_pci_read(LPC_BDF, LPC_PM_BASE) & 0xff80;
    return base ? (uint16_t)(base + PM_TIMER) : 0;
}
