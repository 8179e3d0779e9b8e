/*
 * Bulletin board (spec K5): a page the kernel writes and every app reads, read-only, without a lock
 * or a call: what resources there are, who owns them, which apps run. The prices of resources stand
 * on a second page beside it (prices.h).
 *
 * A reader that wants several fields of one moment reads `sequence` before and after: equal and
 * even means that nothing was written between.
 */
#ifndef NOM_ABI_BOARD_H
#define NOM_ABI_BOARD_H

#include "start.h"
#include "syscall.h"
#include <stdint.h>

#define NOM_BOARD_MAGIC         0x6472616f626d6f6eULL /* "nomboard" */
#define NOM_BOARD_VERSION       3u
#define NOM_BOARD_RESOURCES_MAX 64u

/* What the kernel did since boot: proof of K4 and K14. */
struct nom_kernel_counters {
    uint64_t system_calls;
    uint64_t timer_interrupts;
    uint64_t device_interrupts;
    uint64_t exceptions; /* taken from ring 3, system calls by fault entry not included */
};

/* More of it, by what it stands for. */
struct nom_kernel_events {
    uint64_t cross_core_interrupts; /* received */
    uint64_t upcalls;
    uint64_t preemptions; /* times that a context had to leave its core for another */
    uint64_t cuts;        /* of which without having answered in time */
    uint64_t dma_faults;  /* a device reached for memory that its owner has not (K8) */
};

enum nom_app_state {
    NOM_APP_NONE = 0,
    NOM_APP_RUNS = 1,
    NOM_APP_ENDED = 2,
};

struct nom_board_app {
    char name[24]; /* NUL-terminated, cut off */
    uint32_t state;
    uint32_t exit_value; /* once ended: as NOM_EXIT_* in start.h */
};

struct nom_board {
    uint64_t magic;
    uint32_t version;
    uint32_t sequence;   /* odd while the kernel writes */
    uint64_t generation; /* changes of resources and apps, so far */
    uint64_t tsc_hz;
    uint64_t entry_tsc;         /* at the kernel's first instruction */
    uint64_t entry_wall_ns;     /* since the start of 1970 (UTC), by a clock that counts seconds; 0:
                                   the machine has none */
    uint64_t memory_bytes;      /* usable memory of the machine */
    uint64_t memory_free_bytes; /* not granted to an app */
    uint32_t cores;
    uint32_t ring0_ps_per_iteration; /* time of dec/jnz in ring 0, measured at boot: tells the
                                        kind of virtualisation (doctor) */
    struct nom_kernel_counters counters;
    struct nom_kernel_events events;
    uint32_t resource_count;
    uint32_t syscall_entry;                  /* enum nom_syscall_entry */
    struct nom_board_app apps[NOM_APPS_MAX]; /* by app number - 1 */
    struct nom_resource resources[NOM_BOARD_RESOURCES_MAX];
};
_Static_assert(sizeof(struct nom_board) <= 4096, "struct nom_board fits one page");

#endif
