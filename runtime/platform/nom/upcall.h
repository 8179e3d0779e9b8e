/*
 * This floor's side of contexts (abi/context.h): each core that the app has, its upcalls, and the
 * calls that lose the processor's state. GS base points to the core's struct plat_core, FS base to
 * its block of the C library.
 */
#ifndef PLAT_UPCALL_H
#define PLAT_UPCALL_H

/* For upcall.S; upcall.c asserts that they are the abi's. */
#define UPCALL_SYS_RESUME    12
#define UPCALL_ENTRY_SYSCALL 1
#define UPCALL_MAGIC         0x6c6c61636d6f6e
#define UPCALL_THREAD_BLOCK  192 /* in struct plat_core */

#ifndef __ASSEMBLER__
#include "runtime/abi/context.h"
#include "runtime/platform/platform.h"

#define THREAD_BLOCK_BYTES 512
#define HANDLERS           8u /* one an event */

struct plat_core {
    struct plat_core *self;      /* at %gs:0 */
    uint64_t index;              /* at %gs:8 */
    struct nom_context *context; /* NULL: a kernel without contexts */
    void (*handle[HANDLERS])(uint64_t event, uint64_t which);
    void (*run)(void *argument); /* of a core that was acquired */
    void *argument;
    uint64_t resource_id;
    char *stack_top, *upcall_stack_top; /* kept for the next that takes this place */
    bool taken;
    _Alignas(64) unsigned char thread_block[THREAD_BLOCK_BYTES];
};

extern struct plat_core plat_cores[PLAT_CORES_MAX];

static inline struct plat_core *plat_core_here(void) {
    struct plat_core *core;
    __asm__ volatile("movq %%gs:0, %0" : "=r"(core));
    return core;
}

/* Makes this the core `index`: its bases, its upcalls. On its own stack, before anything else. */
void plat_core_enter(struct plat_core *core, struct nom_context *context);
/* 0, or -1 if there is no memory for its upcalls. Before plat_core_enter. */
int plat_upcall_prepare(struct plat_core *core);

/* Calls the handlers of events that were taken from `pending`, those that have one. */
void plat_handle(uint64_t events);
/* A fault of this core: true if it was repaired or a handler says so. */
bool plat_fault(struct nom_context *context);
/* Memory there at once, not lazily; a page below it is never there. NULL if there is none. */
void *plat_memory_map(size_t bytes);

/* Vector and floating-point states that an upcall saves (bits as of XCR0; 0: FXSAVE's), and how
 * many bytes that takes. */
extern uint32_t plat_vector_mask;
extern uint64_t plat_vector_bytes;

/* upcall.S: where the kernel enters; and a call (NOM_SYS_WAIT, NOM_SYS_YIELD) that loses vector
 * and floating-point registers and the bases, of which it keeps what a function must. */
extern const char plat_upcall_entry[];
int64_t plat_call_losing(uint64_t number, uint64_t a, uint64_t b);
/* upcall.c, called there: enum nom_resume. */
uint32_t plat_upcall(struct nom_context *context, uint64_t events);
#endif

#endif
