/*
 * What the firmware's ACPI tables say of the machine: its cores and its IOMMU. Read once, before
 * any memory is handed out, for the tables may lie in memory.
 */
#ifndef NK_ACPI_H
#define NK_ACPI_H

#include "machine.h"

struct nk_acpi {
    uint32_t apic_id[NK_CORES_MAX]; /* of the cores that can be started, in the tables' order */
    unsigned cores;
    uint64_t iommu; /* physical address of the registers of the one VT-d unit; 0: there is none, or
                       there are several */
};

/* Physical memory below `bytes`, as it lies at base. */
struct nk_acpi_memory {
    const uint8_t *base;
    uint64_t bytes;
};

/* Fills out from the tables behind rsdp. Believes only what lies in memory as a whole and has its
 * signature and checksum; what is damaged is as if it were not there. */
void nk_acpi_parse(const struct nk_acpi_memory *memory, uint64_t rsdp, struct nk_acpi *out);

/* rsdp as the start information has it; 0: looked for where PC firmware puts it. */
void nk_acpi_start(uint64_t rsdp);

/* The usable cores, at most NK_CORES_MAX of them; 0: the tables say nothing of them. */
unsigned nk_acpi_cores(uint32_t apic_id[NK_CORES_MAX]);
/* struct nk_acpi's iommu. */
uint64_t nk_acpi_iommu(void);

#endif
