/*
 * Invariants: a function has a context entry exactly while an app owns it; the entry leads to the
 * owner's page tables, which stay until after nk_iommu_detach (device.c runs before memory is
 * released); the unit's domain is the app's number.
 *
 * What the processor's entries and the unit's have in common: bit 0 present = may read, bit 1 may
 * write, bit 7 a large page, the address. The unit ignores the others that paging.c uses.
 */
#include "iommu.h"
#include "acpi.h"
#include "app.h"
#include "console.h"
#include "core.h"
#include "device.h"
#include "interrupt.h"
#include "memory.h"
#include "msix.h"
#include "pci.h"

#define CAPABILITY    0x08u
#define EXTENDED      0x10u
#define COMMAND       0x18u
#define STATUS        0x1cu
#define ROOT          0x20u
#define CONTEXT       0x28u
#define FAULT_STATUS  0x34u
#define FAULT_CONTROL 0x38u
#define FAULT_DATA    0x3cu
#define FAULT_ADDRESS 0x40u
#define FAULT_HIGH    0x44u
#define FAULT_RECORD  16u /* bytes of one */
#define FLUSH         8u  /* from where EXTENDED says */
#define REGISTERS_END 4096u

#define CAPABILITY_39_BITS (1ULL << 9)
#define COMMAND_ON         (1u << 31)
#define COMMAND_ROOT       (1u << 30)
#define COMMAND_STICKY     0x96ffffffu /* the rest are orders, once each */
#define CONTEXT_GO         (1ULL << 63)
#define CONTEXT_ALL        (1ULL << 61)
#define FLUSH_GO           (1ULL << 63)
#define FLUSH_ALL          (1ULL << 60)
#define FLUSH_DOMAIN       (2ULL << 60)
#define FLUSH_DRAIN        (3ULL << 48) /* reads and writes under way end first */
#define FLUSH_DOMAIN_SHIFT 32
#define FAULT_OVERFLOW     1u
#define FAULT_THERE        (1u << 31)

#define ENTRY_PRESENT 1ULL
#define ENTRY_39_BITS 1ULL
#define ENTRY_DOMAIN  8
#define TABLE_ADDRESS 0x000ffffffffff000ULL
#define DEVICES_START 0xc0000000ULL /* of the direct map: uncached from there on */

static uint64_t base; /* physical; 0: no unit, or it is off */
static uint64_t root; /* physical address of the root table */
static unsigned attached[NOM_APPS_MAX + 1];

static volatile uint32_t *reg32(uint64_t offset) {
    return nk_direct(base + offset);
}
static volatile uint64_t *reg64(uint64_t offset) {
    return nk_direct(base + offset);
}

/* Waits for the bits of a register to be so. A unit that never answers protects nobody. */
static void await32(uint64_t offset, uint32_t bits, uint32_t value) {
    for (unsigned i = 0; (*reg32(offset) & bits) != value; i++)
        if (i == NK_IOMMU_POLLS_MAX)
            nk_panic("the IOMMU does not answer (register %x)", offset);
}

static void command(uint32_t bit) {
    *reg32(COMMAND) = (*reg32(STATUS) & COMMAND_STICKY) | bit;
    await32(STATUS, bit, bit);
}

static void forget_contexts(void) {
    *reg64(CONTEXT) = CONTEXT_GO | CONTEXT_ALL;
    await32(CONTEXT + 4, (uint32_t)(CONTEXT_GO >> 32), 0);
}

static void forget(uint64_t what) {
    uint64_t at = (*reg64(EXTENDED) >> 8 & 0x3ff) * 16 + FLUSH;
    *reg64(at) = FLUSH_GO | FLUSH_DRAIN | what;
    await32(at + 4, (uint32_t)(FLUSH_GO >> 32), 0);
}

static void faulted(uint64_t ignored) {
    (void)ignored;
    uint64_t capability = *reg64(CAPABILITY), record = (capability >> 24 & 0x3ff) * 16;
    unsigned count = (capability >> 40 & 0xff) + 1;
    for (; count > 0; count--, record += FAULT_RECORD) {
        uint64_t address = *reg64(record) & ~(NK_PAGE_BYTES - 1);
        uint64_t who = *reg64(record + 8);
        if (!(who >> 32 & FAULT_THERE))
            continue;
        *reg32(record + 12) = FAULT_THERE;
        *reg32(FAULT_STATUS) = FAULT_OVERFLOW;
        nk_device_fault((uint16_t)who, address);
    }
    *reg32(FAULT_STATUS) = FAULT_OVERFLOW;
}

void nk_iommu_start(void) {
    uint64_t registers = nk_acpi_iommu();
    if (!registers)
        return;
    if (registers < DEVICES_START || registers > NK_PHYSICAL_END - REGISTERS_END ||
        registers % NK_PAGE_BYTES) {
        nk_line("iommu at %x: not used, its registers are out of reach", registers);
        return;
    }
    base = registers;
    bool fits = *reg64(CAPABILITY) & CAPABILITY_39_BITS;
    int vector = fits ? nk_vector_take(faulted, 0) : 0;
    root = vector ? nk_memory_kernel_pages(1) : 0;
    if (!root) {
        base = 0;
        nk_line("iommu at %x: not used, %s", registers,
                fits ? "no memory or no vector for it" : "it has no tables of 39 bits");
        return;
    }
    *reg64(ROOT) = root;
    command(COMMAND_ROOT);
    forget_contexts();
    forget(FLUSH_ALL);
    *reg32(FAULT_DATA) = (uint32_t)vector;
    *reg32(FAULT_ADDRESS) = nk_msi_address(nk_core_apic_id(0));
    *reg32(FAULT_HIGH) = 0;
    *reg32(FAULT_CONTROL) = 0;
    command(COMMAND_ON);
    nk_line("iommu at %x: devices reach their owner's memory only", registers);
}

bool nk_iommu_on(void) {
    return base != 0;
}

/* The context entry of a function; NULL if its bus has no table and none is to be made, or there
 * is no memory for it. */
static uint64_t *entry_of(uint16_t bdf, bool make) {
    uint64_t *bus = (uint64_t *)nk_direct(root) + (size_t)(bdf >> 8) * 2;
    if (!(*bus & ENTRY_PRESENT)) {
        uint64_t table = make ? nk_memory_kernel_pages(1) : 0;
        if (!table)
            return NULL;
        *bus = table | ENTRY_PRESENT;
    }
    return (uint64_t *)nk_direct(*bus & TABLE_ADDRESS) + (size_t)(bdf & 0xff) * 2;
}

int nk_iommu_attach(struct nk_app *app, uint16_t bdf) {
    if (!base)
        return 0;
    if (!nk_pci_bus_express(bdf >> 8))
        return -NOM_EINVAL;
    uint64_t *entry = entry_of(bdf, true);
    if (!entry)
        return -NOM_ENOMEM;
    uint64_t tables = *(const uint64_t *)nk_direct(app->tables_physical) & TABLE_ADDRESS;
    entry[1] = (uint64_t)app->number << ENTRY_DOMAIN | ENTRY_39_BITS;
    entry[0] = tables | ENTRY_PRESENT;
    attached[app->number]++;
    forget_contexts();
    forget(FLUSH_DOMAIN | (uint64_t)app->number << FLUSH_DOMAIN_SHIFT);
    return 0;
}

void nk_iommu_detach(struct nk_app *app, uint16_t bdf) {
    uint64_t *entry = base ? entry_of(bdf, false) : NULL;
    if (!entry || !(entry[0] & ENTRY_PRESENT))
        return;
    entry[0] = 0;
    entry[1] = 0;
    forget_contexts();
    nk_iommu_flush(app);
    attached[app->number]--;
}

void nk_iommu_flush(const struct nk_app *app) {
    if (base && attached[app->number] > 0)
        forget(FLUSH_DOMAIN | (uint64_t)app->number << FLUSH_DOMAIN_SHIFT);
}
