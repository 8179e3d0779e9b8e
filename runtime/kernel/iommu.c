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
#include "iommu_unit.h"
#include "memory.h"
#include "pci.h"
#include "remap.h"

#define ROOT          0x20u
#define FAULT_STATUS  0x34u
#define FAULT_CONTROL 0x38u
#define FAULT_DATA    0x3cu
#define FAULT_ADDRESS 0x40u
#define FAULT_HIGH    0x44u
#define FAULT_RECORD  16u /* bytes of one */
#define REGISTERS_END 4096u

#define CAPABILITY_39_BITS (1ULL << 9)
#define FAULT_OVERFLOW     1u
#define FAULT_PENDING      2u
#define FAULT_THERE        (1u << 31)
#define FAULT_REASON       0xffu
#define REASON_INTERRUPT   0x20u /* and the 15 that follow: of interrupts; the rest, of memory */
#define INTERRUPT_ENTRY    48    /* bits of the address from there on */

#define ENTRY_PRESENT 1ULL
#define ENTRY_39_BITS 1ULL
#define ENTRY_DOMAIN  8
#define TABLE_ADDRESS 0x000ffffffffff000ULL
#define DEVICES_START 0xc0000000ULL /* of the direct map: uncached from there on */

static uint64_t root; /* physical address of the root table; 0: no unit, or it is not used */
static unsigned attached[NOM_APPS_MAX + 1];

static void records(uint64_t *first, uint64_t *count) {
    uint64_t capability = *nk_unit_64(NK_UNIT_CAPABILITY);
    *first = (capability >> 24 & 0x3ff) * 16;
    *count = (capability >> 40 & 0xff) + 1;
}

/* What is recorded of a function that its owner has given back is not its next owner's. */
static void drop_faults(uint16_t bdf) {
    uint64_t record, count;
    for (records(&record, &count); count > 0; count--, record += FAULT_RECORD)
        if ((*nk_unit_64(record + 8) & 0xffff) == bdf)
            *nk_unit_32(record + 12) = FAULT_THERE;
}

static void fault(uint64_t record) {
    uint64_t address = *nk_unit_64(record), who = *nk_unit_64(record + 8);
    if (!(who >> 32 & FAULT_THERE))
        return;
    *nk_unit_32(record + 12) = FAULT_THERE;
    *nk_unit_32(FAULT_STATUS) = FAULT_OVERFLOW;
    bool interrupt = (who >> 32 & FAULT_REASON & ~0xfULL) == REASON_INTERRUPT;
    nk_device_fault((uint16_t)who, interrupt ? address >> INTERRUPT_ENTRY : address & TABLE_ADDRESS,
                    interrupt);
}

/* What is recorded while something is pending raises no interrupt of its own: so until nothing is.
 * Each round that finds a record silences a device; the bound is for a unit that is broken. */
static void faulted(uint64_t ignored) {
    (void)ignored;
    uint64_t first, count;
    records(&first, &count);
    for (unsigned round = 0; round < NK_IOMMU_ROUNDS; round++) {
        for (uint64_t i = 0; i < count; i++)
            fault(first + i * FAULT_RECORD);
        *nk_unit_32(FAULT_STATUS) = FAULT_OVERFLOW;
        if (!(*nk_unit_32(FAULT_STATUS) & FAULT_PENDING))
            return;
    }
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
    nk_unit_use(registers);
    bool fits = *nk_unit_64(NK_UNIT_CAPABILITY) & CAPABILITY_39_BITS;
    if (!fits || !(*nk_unit_64(NK_UNIT_EXTENDED) & NK_UNIT_EXTENDED_QUEUE)) {
        nk_line("iommu at %x: not used, it has no %s", registers,
                fits ? "queue of orders" : "tables of 39 bits");
        return;
    }
    int vector = nk_vector_take(faulted, 0);
    uint64_t pages = vector ? nk_memory_kernel_pages(2) : 0;
    if (!pages) {
        nk_line("iommu at %x: not used, no memory or no vector for it", registers);
        return;
    }
    root = pages;
    nk_unit_queue(pages + NK_PAGE_BYTES);
    *nk_unit_64(ROOT) = root;
    nk_unit_command(NK_UNIT_ROOT, true);
    nk_unit_forget(NK_FORGET_CONTEXTS, NK_FORGET_ALL);
    struct nk_message message = nk_remap_plain(nk_core_apic_id(0), vector); /* never remapped */
    *nk_unit_32(FAULT_DATA) = message.data;
    *nk_unit_32(FAULT_ADDRESS) = message.address;
    *nk_unit_32(FAULT_HIGH) = 0;
    *nk_unit_32(FAULT_CONTROL) = 0;
    nk_unit_command(NK_UNIT_ON, true);
    nk_line("iommu at %x: devices reach their owner's memory only", registers);
    nk_remap_start();
}

bool nk_iommu_on(void) {
    return root != 0;
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
    if (!root)
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
    nk_unit_forget(NK_FORGET_CONTEXTS, NK_FORGET_DOMAIN(app->number));
    return 0;
}

void nk_iommu_detach(struct nk_app *app, uint16_t bdf) {
    uint64_t *entry = root ? entry_of(bdf, false) : NULL;
    if (!entry || !(entry[0] & ENTRY_PRESENT))
        return;
    entry[0] = 0;
    entry[1] = 0;
    nk_unit_forget(NK_FORGET_CONTEXTS, NK_FORGET_DOMAIN(app->number));
    attached[app->number]--;
    drop_faults(bdf);
}

void nk_iommu_flush(const struct nk_app *app) {
    if (root && attached[app->number] > 0)
        nk_unit_forget(NK_FORGET_DOMAIN(app->number), 0);
}
