/*
 * Cores: what the kernel keeps of each vCPU, the one lock, and what cores say to each other.
 *
 * The kernel runs with interrupts off and holds the lock from its entry to its exit, so only one
 * core is ever in it; while a core waits for the lock, or is idle, it still answers
 * nk_core_flush. Code may therefore be written as if there were one core.
 */
#ifndef NK_CORE_H
#define NK_CORE_H

#include "machine.h"
#include "runtime/abi/start.h"

struct nk_app;
struct nk_context;

struct nk_tss {
    uint32_t reserved0;
    uint64_t rsp[3], reserved1, ist[7], reserved2;
    uint16_t reserved3, io_map;
} __attribute__((packed));
_Static_assert(sizeof(struct nk_tss) == 104, "the TSS");

/* Offset of a map of ports that lies outside the TSS: none may be used. */
#define NK_PORT_MAP_NONE 0xffff

/* In ring 0 GS points to it. trap.S knows the first fields by their offsets (machine_asm.h). */
struct nk_core {
    struct nk_core *self;
    uint64_t entry_stack; /* rsp of kernel code after an entry from ring 3 */
    uint64_t app_rsp;     /* scratch of the system-call entry */
    uint32_t reserved0;
    struct nk_tss tss; /* tss.rsp[0]: end of the frame into which an entry from ring 3 saves */
    uint8_t port_map[NK_IO_END / 8 + 1]; /* part of the TSS (ports.h); the last byte stays ones */

    uint32_t index, apic_id;
    uint64_t gdt[NK_GDT_ENTRIES];
    uint64_t tables; /* physical: what CR3 holds */

    /* schedule.c: the contexts that live here, in their turn; the one in ring 3 or being served. */
    struct nk_context *contexts[NOM_APPS_MAX], *current;
    const struct nk_context *registers; /* whose vector registers, FS and GS these are; or NULL */
    unsigned context_count, turn;
    uint64_t timer_tsc; /* for when the timer is set; 0: not */

    volatile bool flush; /* another core waits until this one has left its app's tables */
    volatile bool waits; /* for the lock */
    bool up;

    /* worker.c */
    bool worker_runs, worker_probes;
    struct nk_frame worker_frame __attribute__((aligned(16)));
    uint8_t deferred[256]; /* vectors of interrupts that came meanwhile, each once */
    unsigned deferred_count;
} __attribute__((aligned(64)));

extern struct nk_core nk_cores[NK_CORES_MAX];
extern unsigned nk_core_count; /* that run; their indices are 0 .. nk_core_count - 1 */

static inline struct nk_core *nk_core_here(void) {
    struct nk_core *core;
    __asm__("movq %%gs:0, %0" : "=r"(core));
    return core;
}

/* For the destination of a device's interrupts. */
uint32_t nk_core_apic_id(unsigned core);

/* The core that starts the others; then all others, which wait for the lock. */
void nk_core_start_first(void);
void nk_core_start_others(uint64_t tsc_hz);

/* Taken at every entry from ring 3, given at every exit to it. */
extern volatile uint32_t nk_locked;
void nk_lock_wait(void); /* somebody else has it */
static inline void nk_lock(void) {
    uint32_t was = 1;
    __asm__ volatile("xchgl %0, %1" : "+r"(was), "+m"(nk_locked) : : "memory");
    if (was)
        nk_lock_wait();
}
static inline void nk_unlock(void) {
    __asm__ volatile("movl $0, %0" : "=m"(nk_locked) : : "memory");
}

/* In the middle of something long: whoever waits for the lock may have it first. Anything may have
 * happened when it returns, also the end of the app that this is done for. */
static inline void nk_lock_lend(void) {
    nk_unlock();
    for (unsigned i = 0; i < NK_LEND_PAUSES; i++)
        nk_pause();
    nk_lock();
}

/* No core uses an old translation of this app's afterwards: for mappings taken away or changed. */
void nk_core_flush(const struct nk_app *app);

/* Every other core waits for the lock afterwards: until it is given, no code runs but this core's.
 */
void nk_core_alone(void);

/* Makes a core look at its contexts again soon (nk_schedule): nothing to do for this core, which
 * does so on its way out. */
void nk_core_look(struct nk_core *core);

/* Loads tables where they are not loaded; 0: the kernel's own. */
void nk_core_tables_load(struct nk_core *core, uint64_t physical);
static inline void nk_core_tables(struct nk_core *core, uint64_t physical) {
    if (core->tables != physical)
        nk_core_tables_load(core, physical);
}

/* Answers the flag of nk_core_flush. Needs no lock. */
void nk_core_answer(struct nk_core *core);

#endif
