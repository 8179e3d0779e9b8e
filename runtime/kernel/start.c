/*
 * The order in which the machine is taken over. Nothing here is undone: the last step enters the
 * app.
 */
#include "app.h"
#include "board.h"
#include "boot.h"
#include "clock.h"
#include "console.h"
#include "device.h"
#include "memory.h"
#include "paging.h"
#include "runtime/abi/syscall.h"
#include "syscall.h"
#include "trap.h"
#include "worker.h"

#define CPUID_FEATURES 7u
#define CPUID_FSGSBASE (1u << 0) /* ebx */
#define CPUID_SMEP     (1u << 7) /* ebx */
#define CPUID_UMIP     (1u << 2) /* ecx */

#define FW_CFG_SELECT    0x510
#define FW_CFG_DATA      0x511
#define FW_CFG_SIGNATURE 0
#define FW_CFG_CORES     5

void nk_start(uint64_t start_info);

static struct nk_boot boot;

/* Apps set their FS base themselves; the rest keeps ring 0 from running their pages, and them from
 * asking where the kernel's tables lie, where the processor can. (Not SMAP: under it QEMU's TCG
 * faults on an app's own far returns; nor is it missed, for paging.c uses no app's address.) */
static void processor_start(void) {
    struct nk_cpuid features = {0};
    if (nk_cpuid(0, 0).a >= CPUID_FEATURES)
        features = nk_cpuid(CPUID_FEATURES, 0);
    if (!(features.b & CPUID_FSGSBASE))
        nk_panic("this processor has no FSGSBASE, which apps need (QEMU: -cpu max or host)");
    uint64_t cr4;
    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    cr4 |= NK_CR4_FSGSBASE | (features.b & CPUID_SMEP ? NK_CR4_SMEP : 0) |
           (features.c & CPUID_UMIP ? NK_CR4_UMIP : 0);
    __asm__ volatile("mov %0, %%cr4" : : "r"(cr4));
}

static uint32_t fw_cfg(uint16_t key, unsigned bytes) {
    uint32_t value = 0;
    nk_out16(FW_CFG_SELECT, key);
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint32_t)nk_in8(FW_CFG_DATA) << 8 * i;
    return value;
}

/* As QEMU tells; 1 where it is another machine. */
static uint32_t cores(void) {
    if (fw_cfg(FW_CFG_SIGNATURE, 4) != 0x554d4551) /* "QEMU" */
        return 1;
    uint32_t count = fw_cfg(FW_CFG_CORES, 2);
    return count ? count : 1;
}

static void list(uint32_t core_count) {
    for (uint32_t i = 0; i < core_count && i < NK_CORES_MAX; i++) {
        nk_line("core %u%s", (uint64_t)i, i == 0 ? "" : " (not used yet)");
        nk_board_add((struct nom_resource){.kind = NOM_RESOURCE_CORE});
    }
    nk_line("memory %u KiB", nk_memory_usable_bytes() / 1024);
    nk_board_add(
        (struct nom_resource){.kind = NOM_RESOURCE_MEMORY, .bytes = nk_memory_usable_bytes()});
    nk_device_start();
}

void nk_start(uint64_t start_info) {
    const char *source;
    nk_console_start();
    nk_boot_read(start_info, &boot);
    nk_paging_start();
    nk_trap_start();
    processor_start();
    nk_memory_start(&boot);
    uint64_t tsc_hz = nk_clock_tsc_hz(&source);
    uint32_t ring0_ps = nk_clock_ring0_ps(tsc_hz), core_count = cores();
    uint32_t entry = nk_worker_probe();
    nk_syscall_start(entry);
    nk_board_start(tsc_hz, ring0_ps, core_count, entry);
    nk_line("clock %u Hz (%s), calls by %s", tsc_hz, source,
            entry == NOM_ENTRY_SYSCALL ? "syscall" : "fault");
    list(core_count);
    nk_app_run(&boot, entry);
}
