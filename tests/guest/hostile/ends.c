/*
 * Ways of ending. Each must end this app alone, with one line of the kernel's.
 */
#include "hostile.h"
#include "runtime/platform/nom/upcall.h"
#include <string.h>

#define STACK_BYTES 16384u

static uint8_t stack[STACK_BYTES] __attribute__((aligned(16)));
static uint64_t zero;

static void fault(void) {
    __asm__ volatile("ud2" : : "c"(0ULL));
}

/* The upcall has no stack. */
static void upcall_stack(void) {
    hostile_context()->upcall_stack = KERNEL_IMAGE + PAGE;
    fault();
}
static void upcall_entry(void) {
    hostile_context()->upcall_entry = KERNEL_IMAGE;
    fault();
}
static void upcall_unmapped(void) {
    hostile_context()->upcall_entry = PAGE;
    fault();
}
static bool resume_to_kernel(struct nom_context *context) {
    context->saved.rip = KERNEL_IMAGE + PAGE;
    context->saved.rflags = ~0ULL;
    return true;
}
static void resume_kernel(void) {
    plat_on_fault(resume_to_kernel);
    fault();
}
static bool resume_without_stack(struct nom_context *context) {
    context->saved.rsp = NOT_CANONICAL;
    context->saved.rip = (uint64_t)hostile_push;
    context->saved.rdi = KERNEL_IMAGE + PAGE;
    plat_on_fault(NULL);
    return true;
}
static void resume_stack(void) {
    plat_on_fault(resume_without_stack);
    fault();
}
static bool fault_again(struct nom_context *context) {
    (void)context;
    fault();
    return true;
}
static void fault_in_fault(void) {
    plat_on_fault(fault_again);
    fault();
}
static void no_upcall(void) {
    hostile_context()->upcall_entry = 0;
    fault();
}
/* Its own stack goes away under it. */
static void recursion(void) {
    volatile uint8_t *p = __builtin_frame_address(0);
    for (;;)
        *(p -= 512) = 1;
}
/* The memory of its upcalls goes away. */
static void unmapped_upcalls(void) {
    uint64_t top = hostile_context()->upcall_stack;
    plat_call(NOM_SYS_UNMAP, (top - 2 * STACK_BYTES) & ~(PAGE - 1), 2 * STACK_BYTES, 0);
    fault();
}

static _Noreturn void guest_fault(uint64_t address) {
    (void)*(volatile uint8_t *)address;
    for (;;)
        __asm__ volatile("pause");
}
/* A second core of the app faults, or the app ends while it has one. */
static bool second_core(uint64_t entry, uint64_t argument) {
    const struct nom_board *board = plat_board();
    struct nom_core_start start = {entry, (uint64_t)stack + STACK_BYTES - 8, argument};
    for (uint32_t i = 0; i < board->resource_count; i++)
        if (board->resources[i].kind == NOM_RESOURCE_CORE &&
            plat_call(NOM_SYS_ACQUIRE, i + 1, (uint64_t)&start, 0) >= 0)
            return true;
    return false;
}
static void core_fault(void) {
    if (!second_core((uint64_t)guest_fault, KERNEL_IMAGE))
        fault();
    for (;;)
        plat_call_losing(NOM_SYS_YIELD, 0, 0);
}
static void core_unmapped(void) {
    if (!second_core(PAGE, 0))
        fault();
    for (;;)
        __asm__ volatile("pause");
}
static void exit_with_cores(void) {
    second_core((uint64_t)guest_fault, (uint64_t)&zero);
    plat_exit(0);
}
/* Where a hypervisor leaves protection keys to ring 3: the kernel's own work for this app, and then
 * the neighbour's, must not suffer. */
static void keys(void) {
    struct nom_frames frames;
    if (plat_call_entry() != NOM_ENTRY_FAULT)
        fault();
    __asm__ volatile("wrpkru\n xorl %%eax, %%eax\n ud2" : : "a"(~0U), "c"(0), "d"(0), "b"(&frames));
}
static void data_segment(void) {
    hostile_iretq_data(0, 0);
    fault();
}

static const struct {
    const char *name;
    void (*run)(void);
} kinds[] = {
    {"upcall-stack", upcall_stack},
    {"upcall-entry", upcall_entry},
    {"upcall-unmapped", upcall_unmapped},
    {"resume-kernel", resume_kernel},
    {"resume-stack", resume_stack},
    {"fault-in-fault", fault_in_fault},
    {"no-upcall", no_upcall},
    {"recursion", recursion},
    {"unmapped-upcalls", unmapped_upcalls},
    {"core-fault", core_fault},
    {"core-unmapped", core_unmapped},
    {"exit-with-cores", exit_with_cores},
    {"keys", keys},
    {"data-segment", data_segment},
};

int hostile_end(const char *kind) {
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].name, kind) == 0) {
            kinds[i].run();
            plat_log("hostile: survived %s", kind);
            return 1;
        }
    return 2;
}
