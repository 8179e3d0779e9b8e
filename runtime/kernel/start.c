/*
 * The order in which the machine is taken over. Nothing here is undone: the last step enters the
 * apps. The first core does all of it, holding the lock; the others wait for that.
 */
#include "acpi.h"
#include "app.h"
#include "board.h"
#include "boot.h"
#include "clock.h"
#include "console.h"
#include "core.h"
#include "device.h"
#include "hotplug.h"
#include "iommu.h"
#include "lapic.h"
#include "memory.h"
#include "paging.h"
#include "runtime/abi/syscall.h"
#include "schedule.h"
#include "syscall.h"
#include "trap.h"
#include "wall.h"
#include "worker.h"

void nk_start(uint64_t start_info);

static struct nk_boot boot;

static void list(void) {
    for (uint64_t i = 0; i < nk_core_count; i++) {
        nk_line("core %u", i);
        nk_board_add((struct nom_resource){.kind = NOM_RESOURCE_CORE});
    }
    nk_line("memory %u KiB", nk_memory_usable_bytes() / 1024);
    nk_board_add(
        (struct nom_resource){.kind = NOM_RESOURCE_MEMORY, .bytes = nk_memory_usable_bytes()});
    nk_board_add((struct nom_resource){.kind = NOM_RESOURCE_PRICES});
    nk_iommu_start();
    nk_device_start();
    nk_hotplug_start();
}

void nk_start(uint64_t start_info) {
    const char *source;
    nk_console_start();
    nk_boot_read(start_info, &boot);
    nk_paging_start();
    nk_trap_start();
    nk_core_start_first();
    nk_acpi_start(boot.rsdp);
    nk_memory_start(&boot);
    uint64_t tsc_hz = nk_clock_tsc_hz(&source);
    uint32_t ring0_ps = nk_clock_ring0_ps(tsc_hz);
    nk_lapic_timer_start(tsc_hz);
    uint32_t entry = nk_worker_probe();
    nk_syscall_start(entry);
    nk_core_start_others(tsc_hz);
    nk_board_start(tsc_hz, nk_wall_s(), ring0_ps, nk_core_count, entry);
    nk_line("clock %u Hz (%s), calls by %s", tsc_hz, source,
            entry == NOM_ENTRY_SYSCALL ? "syscall" : "fault");
    list();
    nk_app_start(&boot, entry);
    nk_frame_enter(nk_schedule(nk_core_here()));
}
