/*
 * Invariant: entry N of the table is present exactly while a device may raise vector N, and names
 * that device; so a device raises its own vectors only.
 */
#include "remap.h"
#include "console.h"
#include "iommu_unit.h"
#include "memory.h"

#define TABLE_AT   0xb8u
#define TABLE_SIZE 7u /* 2 to this + 1 entries: a page, an entry for each vector */

/* An entry: fixed, edge-triggered, physical destination. */
#define ENTRY_PRESENT  1ULL
#define ENTRY_VECTOR   16
#define ENTRY_CORE     40
#define ENTRY_VERIFIED (1ULL << 18) /* in the second word, with the function that may use it */

#define MESSAGE       0xfee00000u
#define MESSAGE_CORE  12
#define MESSAGE_ENTRY 5
#define MESSAGE_NEW   0x18u /* names an entry, the data 0 to be added to it */

static uint64_t table; /* physical; 0: interrupts are not remapped */
static bool forgeable;

/* Whether it stops the old format: only of a unit that knows it can the format be switched on, and
 * off. (QEMU's, to 11.1 at least, remaps but lets the old format pass.) */
static bool stops_compatible(void) {
    bool knows = nk_unit_try(NK_UNIT_COMPATIBLE);
    nk_unit_command(NK_UNIT_COMPATIBLE, false);
    return knows;
}

void nk_remap_start(void) {
    bool able = *nk_unit_64(NK_UNIT_EXTENDED) & NK_UNIT_EXTENDED_REMAPS;
    table = able ? nk_memory_kernel_pages(1) : 0;
    forgeable = true;
    if (!table) {
        nk_line("iommu: no interrupt remapping: a device could forge interrupts");
        return;
    }
    *nk_unit_64(TABLE_AT) = table | TABLE_SIZE;
    nk_unit_command(NK_UNIT_REMAP_TABLE, true);
    nk_unit_forget(NK_FORGET_INTERRUPTS, 0);
    forgeable = !stops_compatible();
    nk_unit_command(NK_UNIT_REMAPS, true);
    nk_line(forgeable ? "iommu: interrupts remapped, but those of the old format are not stopped: "
                        "a device could forge interrupts"
                      : "iommu: interrupts remapped: devices raise their own only");
}

bool nk_remap_forgeable(void) {
    return forgeable;
}

struct nk_message nk_remap_plain(uint32_t apic_id, int vector) {
    return (struct nk_message){MESSAGE | apic_id << MESSAGE_CORE, (uint32_t)vector};
}

struct nk_message nk_remap_allow(uint16_t bdf, uint32_t apic_id, int vector) {
    if (!table)
        return nk_remap_plain(apic_id, vector);
    volatile uint64_t *entry = (uint64_t *)nk_direct(table) + (size_t)vector * 2;
    entry[1] = bdf | ENTRY_VERIFIED;
    entry[0] = (uint64_t)apic_id << ENTRY_CORE | (uint64_t)vector << ENTRY_VECTOR | ENTRY_PRESENT;
    nk_unit_forget(NK_FORGET_INTERRUPTS, 0);
    return (struct nk_message){MESSAGE | MESSAGE_NEW | (uint32_t)vector << MESSAGE_ENTRY, 0};
}

void nk_remap_end(int vector) {
    if (!table)
        return;
    volatile uint64_t *entry = (uint64_t *)nk_direct(table) + (size_t)vector * 2;
    entry[0] = 0;
    entry[1] = 0;
    nk_unit_forget(NK_FORGET_INTERRUPTS, 0);
}
