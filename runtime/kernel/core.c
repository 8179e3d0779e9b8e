/*
 * Invariants: at most one core is in the kernel with interrupts unanswered (the lock); CR3 of a
 * core holds core->tables; an idle core has the kernel's own. Cores are started one after the other
 * at boot and never stop.
 */
#include "core.h"
#include "acpi.h"
#include "app.h"
#include "console.h"
#include "lapic.h"
#include "paging.h"
#include "ports.h"
#include "processor.h"
#include "schedule.h"
#include "trap.h"

#define FW_CFG_SELECT    0x510
#define FW_CFG_DATA      0x511
#define FW_CFG_SIGNATURE 0
#define FW_CFG_CORES     5

#define DIRECT_TOP_ENTRY 256 /* of NK_DIRECT_BASE */

#define BOOT_MS    100 /* for a core to answer in */
#define BOOT_TRIES 10

_Static_assert(offsetof(struct nk_core, port_map) ==
                   offsetof(struct nk_core, tss) + sizeof(struct nk_tss),
               "the map of ports follows the TSS");
_Static_assert(offsetof(struct nk_core, entry_stack) == NK_CORE_ENTRY_STACK &&
                   offsetof(struct nk_core, app_rsp) == NK_CORE_APP_RSP &&
                   offsetof(struct nk_core, tss.rsp[0]) == NK_CORE_FRAME_END &&
                   sizeof(struct nk_frame) == NK_FRAME_BYTES,
               "machine_asm.h repeats core.h");
_Static_assert(NK_STACK_GUARD_BYTES + NK_STACK_BYTES + NK_FAULT_STACKS * NK_FAULT_STACK_BYTES ==
                   NK_CORE_STACKS_BYTES,
               "limits.h adds up");

extern uint64_t nk_tables_boot[];
extern const uint64_t nk_gdt[];
extern const uint8_t nk_core_stacks[], nk_trampoline[], nk_trampoline_end[];
extern struct nk_core *volatile nk_core_booting;
_Noreturn void nk_core_main(struct nk_core *core);

struct nk_core nk_cores[NK_CORES_MAX];
unsigned nk_core_count;

volatile uint32_t nk_locked;

void nk_lock_wait(void) {
    struct nk_core *core = nk_core_here();
    uint32_t was = 1;
    core->waits = true;
    while (was) {
        while (nk_locked) {
            nk_core_answer(core);
            nk_pause();
        }
        __asm__ volatile("xchgl %0, %1" : "+r"(was), "+m"(nk_locked) : : "memory");
    }
    core->waits = false;
}

void nk_core_alone(void) {
    const struct nk_core *here = nk_core_here();
    for (unsigned i = 0; i < nk_core_count; i++)
        if (&nk_cores[i] != here && !nk_cores[i].waits)
            nk_lapic_call(nk_cores[i].apic_id);
    for (unsigned i = 0; i < nk_core_count; i++)
        while (&nk_cores[i] != here && !nk_cores[i].waits)
            nk_pause();
}

uint32_t nk_core_apic_id(unsigned core) {
    return nk_cores[core].apic_id;
}

void nk_core_tables_load(struct nk_core *core, uint64_t physical) {
    core->tables = physical;
    nk_cr3_set(physical ? physical : nk_image_physical(nk_tables_boot));
}

void nk_core_answer(struct nk_core *core) {
    if (!core->flush)
        return;
    nk_core_tables(core, 0);
    core->flush = false;
}

void nk_core_flush(const struct nk_app *app) {
    const struct nk_core *here = nk_core_here();
    for (unsigned i = 0; i < nk_core_count; i++) {
        struct nk_core *core = &nk_cores[i];
        if (core->tables != app->tables_physical)
            continue;
        if (core == here) {
            nk_cr3_set(core->tables);
        } else {
            core->flush = true;
            nk_lapic_call(core->apic_id);
        }
    }
    for (unsigned i = 0; i < nk_core_count; i++)
        while (nk_cores[i].flush)
            nk_pause();
}

void nk_core_look(struct nk_core *core) {
    if (core != nk_core_here())
        nk_lapic_call(core->apic_id);
}

/* This core becomes that one. */
static void begin(struct nk_core *core) {
    uint64_t tss = (uint64_t)&core->tss;
    nk_copy_words(core->gdt, nk_gdt, NK_GDT_ENTRIES);
    core->gdt[NK_TSS / 8] = (sizeof core->tss + sizeof core->port_map - 1) |
                            (tss & 0xffffff) << 16 | 0x89ULL << 40 | (tss >> 24 & 0xff) << 56;
    core->gdt[NK_TSS / 8 + 1] = tss >> 32;
    nk_ports_start(core);
    for (unsigned i = 0; i < NK_FAULT_STACKS; i++)
        core->tss.ist[i] = core->entry_stack + (i + 1) * NK_FAULT_STACK_BYTES;
    nk_table_load("lgdt", core->gdt, sizeof core->gdt);
    __asm__ volatile("ltr %0" : : "r"((uint16_t)NK_TSS));
    nk_trap_load();
    nk_msr_write(NK_MSR_GS_BASE, (uint64_t)core);
    nk_msr_write(NK_MSR_GS_OTHER, 0);
    nk_processor_start();
    nk_lapic_start();
    core->apic_id = nk_lapic_id();
    core->up = true;
}

static struct nk_core *prepare(unsigned index, uint64_t stacks) {
    struct nk_core *core = &nk_cores[index];
    core->self = core;
    core->index = index;
    core->entry_stack = stacks + NK_STACK_GUARD_BYTES + NK_STACK_BYTES;
    return core;
}

void nk_core_start_first(void) {
    begin(prepare(0, (uint64_t)nk_core_stacks));
    nk_core_count = 1;
    nk_lock();
}

static uint32_t fw_cfg(uint16_t key, unsigned bytes) {
    uint32_t value = 0;
    nk_out16(FW_CFG_SELECT, key);
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint32_t)nk_in8(FW_CFG_DATA) << 8 * i;
    return value;
}

/* Those that ACPI lists, or as many as QEMU tells; 1 where neither says. */
static unsigned machine_cores(uint32_t apic_id[NK_CORES_MAX]) {
    unsigned count = nk_acpi_cores(apic_id);
    if (count > 0)
        return count;
    if (fw_cfg(FW_CFG_SIGNATURE, 4) == 0x554d4551) /* "QEMU" */
        count = fw_cfg(FW_CFG_CORES, 2);
    count = count == 0 ? 1 : count > NK_CORES_MAX ? NK_CORES_MAX : count;
    for (unsigned i = 0; i < count; i++)
        apic_id[i] = i;
    return count;
}

static bool boot(struct nk_core *core, uint32_t apic_id, uint64_t tsc_hz) {
    nk_core_booting = core;
    nk_lapic_reset(apic_id);
    for (unsigned i = 0; i < BOOT_TRIES; i++) {
        nk_lapic_boot(apic_id, NK_TRAMPOLINE);
        uint64_t end = nk_tsc() + tsc_hz / 1000 * BOOT_MS / BOOT_TRIES;
        while (nk_tsc() < end) {
            if (*(volatile bool *)&core->up)
                return true;
            nk_pause();
        }
    }
    return false;
}

/* A device may send a core there where it can forge interrupts (remap.h), into memory that is the
 * firmware's or nobody's: it goes back at once. */
static void smm_leave(void) {
    static const uint8_t rsm[] = {0x0f, 0xaa};
    nk_copy(nk_direct(NK_SMM_ENTRY), rsm, sizeof rsm);
}

void nk_core_start_others(uint64_t tsc_hz) {
    uint32_t apic_id[NK_CORES_MAX];
    unsigned wanted = machine_cores(apic_id);
    /* The trampoline runs at its physical address until it is in long mode. */
    nk_copy(nk_direct(NK_TRAMPOLINE), nk_trampoline,
            nk_image_physical(nk_trampoline_end) - nk_image_physical(nk_trampoline));
    smm_leave();
    nk_tables_boot[0] = nk_tables_boot[DIRECT_TOP_ENTRY] & ~NK_PAGE_NO_EXECUTE;
    uint64_t stacks = 0; /* of a core that did not start: the next one's */
    for (unsigned i = 0; i < wanted && nk_core_count < NK_CORES_MAX; i++) {
        if (apic_id[i] == nk_cores[0].apic_id)
            continue;
        if (!stacks)
            stacks = nk_paging_stacks(nk_core_count);
        if (stacks && boot(prepare(nk_core_count, stacks), apic_id[i], tsc_hz)) {
            nk_core_count++;
            stacks = 0;
        } else {
            nk_line("core %u does not start", (uint64_t)apic_id[i]);
        }
    }
    nk_tables_boot[0] = 0;
}

/* The others' first C code: what is wrong with them until then goes unseen. */
void nk_core_main(struct nk_core *core) {
    begin(core);
    nk_lock();
    nk_cr3_set(nk_image_physical(nk_tables_boot)); /* without the trampoline's addresses */
    nk_frame_enter(nk_schedule(core));
}
