/*
 * Bulletin board (spec K5, first form): one page the kernel writes and every app reads, read-only,
 * without a lock or a call. Prices join it with priced; until then they reach an app through its
 * control port.
 *
 * A reader that wants several fields of one moment reads `sequence` before and after: equal and
 * even means that nothing was written between.
 */
#ifndef NOM_ABI_BOARD_H
#define NOM_ABI_BOARD_H

#include "syscall.h"
#include <stdint.h>

#define NOM_BOARD_MAGIC         0x6472616f626d6f6eULL /* "nomboard" */
#define NOM_BOARD_VERSION       1u
#define NOM_BOARD_RESOURCES_MAX 64u

/* What the kernel did since boot: proof of K4 and K14. */
struct nom_kernel_counters {
    uint64_t system_calls;
    uint64_t timer_interrupts;
    uint64_t device_interrupts;
    uint64_t exceptions; /* taken from ring 3, system calls by fault entry not included */
};

struct nom_board {
    uint64_t magic;
    uint32_t version;
    uint32_t sequence; /* odd while the kernel writes */
    uint64_t tsc_hz;
    uint64_t entry_tsc;         /* at the kernel's first instruction */
    uint64_t memory_bytes;      /* usable memory of the machine */
    uint64_t memory_free_bytes; /* not granted to an app yet */
    uint32_t cores;
    uint32_t ring0_ps_per_iteration; /* time of dec/jnz in ring 0, measured at boot: tells the
                                        kind of virtualisation (doctor) */
    struct nom_kernel_counters counters;
    uint32_t resource_count;
    uint32_t syscall_entry; /* enum nom_syscall_entry */
    struct nom_resource resources[NOM_BOARD_RESOURCES_MAX];
};
_Static_assert(sizeof(struct nom_board) <= 4096, "struct nom_board fits one page");

#endif
