/*
 * Cores that the app has beside its first. A place in plat_cores is taken from plat_core_start
 * until its function has returned; its stacks stay with the place.
 *
 *   free --plat_core_start()--> taken --run returned, core released--> free
 */
#include "call.h"
#include "runtime/abi/start.h"
#include "upcall.h"

#define STACK_BYTES 65536u
#define USUAL_MXCSR 0x1f80u

/* Frees the place and gives the core back. Whoever takes the place may start on this stack at once,
 * so nothing of it is used any more. */
static _Noreturn void leave(struct plat_core *core) {
    if (plat_call_entry() == NOM_ENTRY_SYSCALL)
        __asm__ volatile("movb $0, %0\n syscall\n ud2"
                         : "=m"(core->taken)
                         : "a"((uint64_t)NOM_SYS_RELEASE), "D"(core->resource_id)
                         : "memory", "rcx", "r11");
    else
        __asm__ volatile("movb $0, %0\n ud2\n ud2"
                         : "=m"(core->taken)
                         : "a"((uint64_t)NOM_SYS_RELEASE), "D"(core->resource_id),
                           "c"(NOM_FAULT_CALL_MAGIC)
                         : "memory", "r11");
    __builtin_unreachable();
}

/* The core's first function. */
static _Noreturn void begin(struct plat_core *core, struct nom_context *context) {
    plat_core_enter(core, context);
    __asm__ volatile("fninit");
    __builtin_ia32_ldmxcsr(USUAL_MXCSR);
    core->run(core->argument);
    __atomic_store_n(&context->upcall_entry, 0, __ATOMIC_RELEASE);
    leave(core);
}

static struct plat_core *free_place(void) {
    for (unsigned i = 1; i < PLAT_CORES_MAX; i++)
        if (!__atomic_load_n(&plat_cores[i].taken, __ATOMIC_ACQUIRE))
            return &plat_cores[i];
    return NULL;
}

static int prepare(struct plat_core *core) {
    if (!core->stack_top) {
        char *stack = plat_memory_map(STACK_BYTES);
        if (!stack)
            return -1;
        core->stack_top = stack + STACK_BYTES;
    }
    return plat_upcall_prepare(core);
}

int plat_core_start(void (*run)(void *argument), void *argument) {
    const struct nom_board *board = plat_board();
    struct plat_core *core = free_place();
    if (!core || prepare(core) != 0)
        return -1;
    struct nom_core_start start = {.entry = (uint64_t)begin,
                                   /* as if it had been called */
                                   .stack_top = (uint64_t)core->stack_top - sizeof(uint64_t),
                                   .argument = (uint64_t)core};
    core->run = run;
    core->argument = argument;
    core->taken = true;
    for (uint32_t i = 0; i < board->resource_count; i++) {
        const struct nom_resource *r = &board->resources[i];
        if (r->kind != NOM_RESOURCE_CORE || r->owner != 0)
            continue;
        core->resource_id = r->id;
        if (plat_call(NOM_SYS_ACQUIRE, r->id, (uint64_t)&start, 0) >= 0)
            return (int)(core - plat_cores);
    }
    core->taken = false;
    return -1;
}

void plat_core_notify(unsigned index) {
    const struct plat_core *core = &plat_cores[index];
    const struct nom_context *context = __atomic_load_n(&core->context, __ATOMIC_ACQUIRE);
    if (context)
        plat_call(NOM_SYS_NOTIFY, NOM_NOTIFY_CORE, context->index, 0);
}
