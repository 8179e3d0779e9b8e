/*
 * Invariant: no byte is looked at that does not lie in the memory given; every list is followed for
 * at most NK_ACPI_TABLES_MAX or NK_ACPI_BYTES_MAX steps.
 */
#include "acpi.h"

#define RSDP_BYTES      20u
#define RSDP_BYTES_2    36u
#define RSDP_SEARCH     0xe0000u
#define RSDP_SEARCH_END 0x100000u
#define HEADER_BYTES    36u
#define MADT_BYTES      44u
#define DMAR_BYTES      48u

#define MADT_APIC       0u
#define MADT_APIC_BYTES 8u
#define MADT_X2APIC     9u
#define MADT_X2_BYTES   16u
#define MADT_ENABLED    1u
#define APIC_ID_MAX     254u /* those above need the x2APIC, and are not used */

#define DMAR_UNIT       0u
#define DMAR_UNIT_BYTES 16u

static struct nk_acpi found;

static uint64_t number(const uint8_t *at, unsigned bytes) {
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)at[i] << 8 * i;
    return value;
}

static const uint8_t *memory_at(const struct nk_acpi_memory *m, uint64_t physical, uint64_t bytes) {
    if (physical == 0 || bytes > m->bytes || physical > m->bytes - bytes)
        return NULL;
    return m->base + physical;
}

static bool sums_up(const uint8_t *at, uint64_t bytes) {
    uint8_t sum = 0;
    for (uint64_t i = 0; i < bytes; i++)
        sum = (uint8_t)(sum + at[i]);
    return sum == 0;
}

static bool named(const uint8_t *at, const char *signature) {
    for (unsigned i = 0; signature[i]; i++)
        if (at[i] != (uint8_t)signature[i])
            return false;
    return true;
}

/* The table at physical if it has this signature and is whole: *bytes long, at least `least`. */
static const uint8_t *table_at(const struct nk_acpi_memory *m, uint64_t physical,
                               const char *signature, uint64_t least, uint64_t *bytes) {
    const uint8_t *table = memory_at(m, physical, HEADER_BYTES);
    if (!table || !named(table, signature))
        return NULL;
    *bytes = number(table + 4, 4);
    if (*bytes < least || *bytes > NK_ACPI_BYTES_MAX || !memory_at(m, physical, *bytes) ||
        !sums_up(table, *bytes))
        return NULL;
    return table;
}

/* Each record of both tables begins with type and length; `wide`: in 16 bits each. Bytes of the
 * record at `at`, 0 if it is not whole. */
static uint64_t record_bytes(const uint8_t *table, uint64_t at, uint64_t bytes, bool wide) {
    unsigned head = wide ? 4 : 2;
    if (bytes - at < head)
        return 0;
    uint64_t length = wide ? number(table + at + 2, 2) : table[at + 1];
    return length >= head && length <= bytes - at ? length : 0;
}

static void take_core(struct nk_acpi *out, uint64_t id, uint64_t flags) {
    if ((flags & MADT_ENABLED) && id <= APIC_ID_MAX && out->cores < NK_CORES_MAX)
        out->apic_id[out->cores++] = (uint32_t)id;
}

static void madt(const uint8_t *table, uint64_t bytes, struct nk_acpi *out) {
    uint64_t length;
    for (uint64_t at = MADT_BYTES; (length = record_bytes(table, at, bytes, false)); at += length) {
        const uint8_t *record = table + at;
        if (record[0] == MADT_APIC && length >= MADT_APIC_BYTES)
            take_core(out, record[3], number(record + 4, 4));
        else if (record[0] == MADT_X2APIC && length >= MADT_X2_BYTES)
            take_core(out, number(record + 4, 4), number(record + 8, 4));
    }
}

/* Which devices a unit serves is not looked at: all, if it is the only one. */
static void dmar(const uint8_t *table, uint64_t bytes, struct nk_acpi *out) {
    unsigned units = 0;
    uint64_t length;
    for (uint64_t at = DMAR_BYTES; (length = record_bytes(table, at, bytes, true)); at += length) {
        const uint8_t *record = table + at;
        if (number(record, 2) != DMAR_UNIT || length < DMAR_UNIT_BYTES)
            continue;
        out->iommu = units == 0 && number(record + 6, 2) == 0 ? number(record + 8, 8) : 0;
        units++;
    }
}

void nk_acpi_parse(const struct nk_acpi_memory *m, uint64_t rsdp, struct nk_acpi *out) {
    uint64_t bytes = 0, list;
    *out = (struct nk_acpi){0};
    const uint8_t *root = memory_at(m, rsdp, RSDP_BYTES);
    if (!root || !named(root, "RSD PTR ") || !sums_up(root, RSDP_BYTES))
        return;
    bool wide = root[15] >= 2 && memory_at(m, rsdp, RSDP_BYTES_2) && sums_up(root, RSDP_BYTES_2) &&
                number(root + 24, 8) != 0;
    list = wide ? number(root + 24, 8) : number(root + 16, 4);
    unsigned step = wide ? 8 : 4, tables = 0;
    const uint8_t *all = table_at(m, list, wide ? "XSDT" : "RSDT", HEADER_BYTES, &bytes);
    if (!all)
        return;
    for (uint64_t at = HEADER_BYTES; bytes - at >= step && tables < NK_ACPI_TABLES_MAX;
         at += step, tables++) {
        uint64_t physical = number(all + at, step), size = 0;
        const uint8_t *table = table_at(m, physical, "APIC", MADT_BYTES, &size);
        if (table && out->cores == 0)
            madt(table, size, out);
        table = table_at(m, physical, "DMAR", DMAR_BYTES, &size);
        if (table)
            dmar(table, size, out);
    }
}

static uint64_t search(void) {
    for (uint64_t at = RSDP_SEARCH; at < RSDP_SEARCH_END; at += 16)
        if (*(const uint64_t *)nk_direct(at) == 0x2052545020445352) /* "RSD PTR " */
            return at;
    return 0;
}

void nk_acpi_start(uint64_t rsdp) {
    struct nk_acpi_memory memory = {nk_direct(0), NK_PHYSICAL_END};
    nk_acpi_parse(&memory, rsdp ? rsdp : search(), &found);
}

unsigned nk_acpi_cores(uint32_t apic_id[NK_CORES_MAX]) {
    for (unsigned i = 0; i < found.cores; i++)
        apic_id[i] = found.apic_id[i];
    return found.cores;
}

uint64_t nk_acpi_iommu(void) {
    return found.iommu;
}
