/*
 * Events to handlers. An upcall takes from `pending` what it has handlers for before it calls them:
 * what comes meanwhile is delivered at RESUME, as another upcall.
 *
 * PREEMPT: upcall.S has saved all that the kernel does not keep, so the core is given up right
 * here, and what was interrupted never knows.
 */
#include "upcall.h"
#include "call.h"
#include "floor.h"
#include "runtime/platform/event.h"
#include <cpuid.h>

_Static_assert(UPCALL_SYS_RESUME == NOM_SYS_RESUME && UPCALL_ENTRY_SYSCALL == NOM_ENTRY_SYSCALL &&
                   UPCALL_MAGIC == NOM_FAULT_CALL_MAGIC,
               "upcall.S knows the abi's numbers");
_Static_assert(offsetof(struct plat_core, self) == 0 && offsetof(struct plat_core, index) == 8 &&
                   offsetof(struct plat_core, thread_block) == UPCALL_THREAD_BLOCK,
               "where GS and upcall.S find them");
_Static_assert(NOM_EVENTS_ALL < 1u << HANDLERS, "a handler an event");

#define UPCALL_STACK_BYTES 32768u /* of which vector registers take a tenth */
/* x87, SSE, AVX, AVX-512: all that the kernel enables. */
#define VECTOR_STATES      0xe7u
#define LEAF_STATES        0xdu
#define XSAVE_BYTES_LEAST  576u /* legacy part and header */
#define FXSAVE_BYTES       512u

struct plat_core plat_cores[PLAT_CORES_MAX];

/* For upcall.S. */
uint64_t plat_vector_bytes = FXSAVE_BYTES;
uint32_t plat_vector_mask;

/* XGETBV may show more than the kernel has enabled (some KVMs), CPUID does not. */
static void find_vectors(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & bit_OSXSAVE) == 0 ||
        !__get_cpuid_count(LEAF_STATES, 0, &a, &b, &c, &d))
        return;
    plat_vector_mask = a & VECTOR_STATES;
    plat_vector_bytes = XSAVE_BYTES_LEAST;
    for (unsigned state = 2; plat_vector_mask >> state; state++) {
        if ((plat_vector_mask >> state & 1) == 0)
            continue;
        __cpuid_count(LEAF_STATES, state, a, b, c, d); /* a bytes at b */
        if (a + b > plat_vector_bytes)
            plat_vector_bytes = a + b;
    }
}

int plat_upcall_prepare(struct plat_core *core) {
    if (plat_vector_mask == 0)
        find_vectors();
    if (!core->upcall_stack_top) {
        char *stack = plat_memory_map(UPCALL_STACK_BYTES);
        if (!stack)
            return -1;
        core->upcall_stack_top = stack + UPCALL_STACK_BYTES;
    }
    return 0;
}

void plat_core_enter(struct plat_core *core, struct nom_context *context) {
    core->self = core;
    core->index = (uint64_t)(core - plat_cores);
    core->context = context;
    for (unsigned i = 0; i < HANDLERS; i++)
        core->handle[i] = NULL;
    *(void **)(void *)core->thread_block = core->thread_block;
    __asm__ volatile("wrfsbase %0; wrgsbase %1" : : "r"(core->thread_block), "r"(core) : "memory");
    if (!context)
        return;
    context->upcall_events = 0;
    struct plat_core **top = (struct plat_core **)(void *)(core->upcall_stack_top - 16);
    *top = core; /* for upcall.S */
    context->upcall_stack = (uint64_t)top;
    __atomic_store_n(&context->upcall_entry, (uint64_t)plat_upcall_entry, __ATOMIC_RELEASE);
}

unsigned plat_core_index(void) {
    uint64_t index;
    __asm__ volatile("movq %%gs:8, %0" : "=r"(index));
    return (unsigned)index;
}

uint64_t plat_take(uint64_t events) {
    struct nom_context *context = plat_core_here()->context;
    if (!context)
        return 0;
    events &= __atomic_load_n(&context->pending, __ATOMIC_RELAXED) & NOM_EVENTS_PENDING;
    return events ? __atomic_fetch_and(&context->pending, ~events, __ATOMIC_ACQUIRE) & events : 0;
}

void plat_on_event(uint64_t events, void (*handle)(uint64_t event, uint64_t which)) {
    struct plat_core *core = plat_core_here();
    events &= NOM_EVENTS_PENDING;
    if (!core->context)
        return;
    /* Wanted last, unwanted first: an upcall always finds its handler. */
    if (!handle)
        __atomic_fetch_and(&core->context->upcall_events, ~events, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < HANDLERS; i++)
        if (events >> i & 1)
            core->handle[i] = handle;
    if (handle)
        __atomic_fetch_or(&core->context->upcall_events, events, __ATOMIC_SEQ_CST);
}

static uint64_t which_of(struct nom_context *context, uint64_t event) {
    uint64_t *word = event == NOM_EVENT_INTERRUPT ? &context->interrupts
                     : event == NOM_EVENT_CHANNEL ? &context->channels
                                                  : NULL;
    return word ? __atomic_exchange_n(word, 0, __ATOMIC_ACQUIRE) : 0;
}

void plat_handle(uint64_t events) {
    struct plat_core *core = plat_core_here();
    for (unsigned i = 0; i < HANDLERS; i++) {
        uint64_t event = events & 1u << i;
        if (event && core->handle[i])
            core->handle[i](event, which_of(core->context, event));
        else if (event == NOM_EVENT_INTERRUPT)
            which_of(core->context, event); /* or the kernel would hold back the next one */
    }
}

uint32_t plat_upcall(struct nom_context *context, uint64_t events) {
    if ((events & NOM_EVENT_FAULT) && !plat_fault(context))
        return NOM_RESUME_FAULT;
    plat_handle(plat_take(events & context->upcall_events));
    if (events & NOM_EVENT_PREEMPT)
        plat_call_losing(NOM_SYS_YIELD, 0, 0);
    return NOM_RESUME_SAVED;
}
