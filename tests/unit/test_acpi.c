/*
 * The kernel's reading of ACPI tables, whole and damaged. The kernel's own source runs here. All of
 * memory is a heap block of exactly its length, so that the address sanitizer sees any step
 * outside.
 */
#include "runtime/kernel/acpi.c"

#include "seeded.h"
#include "within.h"
#include <stdlib.h>
#include <string.h>

#define BYTES   0x1000u
#define RSDP    0x40u
#define RSDT    0x100u
#define XSDT    0x180u
#define MADT    0x200u
#define DMAR    0x400u
#define MUTANTS 200000u

static uint8_t *memory;
static struct nk_acpi acpi;

static void put(uint64_t at, uint64_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; i++)
        memory[at + i] = (uint8_t)(value >> 8 * i);
}

static void sum(uint64_t at, uint64_t bytes, uint64_t place) {
    uint8_t total = 0;
    memory[at + place] = 0;
    for (uint64_t i = 0; i < bytes; i++)
        total = (uint8_t)(total + memory[at + i]);
    memory[at + place] = (uint8_t)(0 - total);
}

static void table(uint64_t at, const char *signature, uint32_t bytes) {
    memcpy(memory + at, signature, 4);
    put(at + 4, bytes, 4);
    sum(at, bytes, 9);
}

/* Three cores, one of them off, one by its 32-bit id; one too many to be reached; one IOMMU. */
static void build(bool wide) {
    memset(memory, 0, BYTES);
    memcpy(memory + RSDP, "RSD PTR ", 8);
    put(RSDP + 15, wide ? 2 : 0, 1);
    put(RSDP + 16, RSDT, 4);
    put(RSDP + 20, 36, 4);
    put(RSDP + 24, wide ? XSDT : 0, 8);
    sum(RSDP, 20, 8);
    sum(RSDP, 36, 32);
    put(RSDT + 36, MADT, 4);
    put(RSDT + 40, DMAR, 4);
    table(RSDT, "RSDT", 44);
    put(XSDT + 36, DMAR, 8);
    put(XSDT + 44, MADT, 8);
    table(XSDT, "XSDT", 52);
    uint64_t at = MADT + 44;
    static const uint8_t cores[][8] = {{0, 8, 0, 0, 1}, {0, 8, 1, 4, 1}, {0, 8, 2, 5, 0}};
    for (unsigned i = 0; i < 3; i++, at += 8)
        memcpy(memory + at, cores[i], 8);
    put(at, 9 | 16 << 8, 2);
    put(at + 4, 7, 4);
    put(at + 8, 1, 4);
    at += 16;
    put(at, 9 | 16 << 8, 2);
    put(at + 4, 300, 4);
    put(at + 8, 1, 4);
    table(MADT, "APIC", (uint32_t)(at + 16 - MADT));
    put(DMAR + 48 + 2, 16, 2);
    put(DMAR + 48 + 8, 0xfed90000, 8);
    table(DMAR, "DMAR", 64);
}

static void parse(void) {
    struct nk_acpi_memory all = {memory, BYTES};
    nk_acpi_parse(&all, RSDP, &acpi);
}

static void nothing(void) {
    parse();
    assert_int_equal(acpi.cores, 0);
    assert_int_equal(acpi.iommu, 0);
}

static void whole(void **state) {
    (void)state;
    for (unsigned wide = 0; wide < 2; wide++) {
        build(wide);
        parse();
        assert_int_equal(acpi.cores, 3);
        assert_int_equal(acpi.apic_id[0], 0);
        assert_int_equal(acpi.apic_id[1], 4);
        assert_int_equal(acpi.apic_id[2], 7);
        assert_int_equal(acpi.iommu, 0xfed90000);
    }
}

static void damaged_roots(void **state) {
    (void)state;
    build(false);
    memory[RSDP]++;
    nothing();
    build(false);
    memory[RSDP + 10]++; /* not summed up again */
    nothing();
    build(false);
    memory[RSDT + 20]++;
    nothing();
    build(false);
    put(RSDT + 4, 0xffffffff, 4);
    nothing();
    build(false);
    put(RSDP + 16, BYTES - 8, 4);
    sum(RSDP, 20, 8);
    nothing();
    build(true); /* the wide part is not to be believed: the narrow one serves */
    memory[RSDP + 33]++;
    parse();
    assert_int_equal(acpi.cores, 3);
}

static void damaged_tables(void **state) {
    (void)state;
    build(false);
    memory[MADT + 46]++; /* without the sum: no cores, but an IOMMU */
    parse();
    assert_int_equal(acpi.cores, 0);
    assert_int_equal(acpi.iommu, 0xfed90000);
    build(false);
    put(MADT + 44 + 8 + 1, 0, 1); /* a record of no length ends the list */
    table(MADT, "APIC", 100);
    parse();
    assert_int_equal(acpi.cores, 1);
    build(false);
    put(MADT + 44 + 1, 250, 1); /* a record longer than the table */
    table(MADT, "APIC", 100);
    parse();
    assert_int_equal(acpi.cores, 0);
    build(false);
    put(DMAR + 48 + 16 + 2, 16, 2); /* two units: none */
    put(DMAR + 48 + 16 + 8, 0xfed91000, 8);
    table(DMAR, "DMAR", 80);
    parse();
    assert_int_equal(acpi.iommu, 0);
}

static void too_many_cores(void **state) {
    (void)state;
    build(false);
    for (unsigned i = 0; i < 40; i++)
        put(MADT + 44 + i * 8, 0 | 8 << 8 | (uint64_t)i << 24 | 1ULL << 32, 8);
    table(MADT, "APIC", 44 + 40 * 8);
    parse();
    assert_int_equal(acpi.cores, NK_CORES_MAX);
}

/* Random damage, sums put right again so that it is looked at. */
static void random_damage(void **state) {
    (void)state;
    struct seeded seed = {0xac91};
    static const struct {
        uint64_t at, bytes, sum;
    } parts[] = {{RSDP, 20, 8}, {RSDT, 44, 9}, {XSDT, 52, 9}, {MADT, 100, 9}, {DMAR, 64, 9}};
    for (unsigned i = 0; i < MUTANTS; i++) {
        build(i & 1);
        for (unsigned n = 1 + (unsigned)seeded_below(&seed, 4); n > 0; n--) {
            unsigned part = (unsigned)seeded_below(&seed, 5);
            memory[parts[part].at + seeded_below(&seed, parts[part].bytes)] =
                (uint8_t)seeded_next(&seed);
            sum(parts[part].at, parts[part].bytes, parts[part].sum);
        }
        parse();
        assert_true(acpi.cores <= NK_CORES_MAX);
        for (unsigned n = 0; n < acpi.cores; n++)
            assert_true(acpi.apic_id[n] <= APIC_ID_MAX);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole),          cmocka_unit_test(damaged_roots),
        cmocka_unit_test(damaged_tables), cmocka_unit_test(too_many_cores),
        cmocka_unit_test(random_damage),
    };
    memory = malloc(BYTES);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(memory);
    return failed;
}
