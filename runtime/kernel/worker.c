/*
 * One job of the worker at a time, with interrupts off in the kernel:
 *
 *   idle --run()--> running --ud2 at the end of a routine--> idle
 *                   running --any other trap--> panic, but while probing: "syscall does not work"
 *
 * While it runs, traps land on its own stack, for the kernel's holds the caller of run().
 */
#include "worker.h"
#include "console.h"
#include "paging.h"
#include "runtime/abi/syscall.h"
#include "trap.h"

extern const uint8_t nk_worker_code_start[], nk_worker_zero[], nk_worker_copy[],
    nk_worker_syscall[];
extern uint8_t nk_worker_stack_top[], nk_stack_top[];
extern const uint8_t nk_tables_boot[], nk_tables_worker[];
extern void nk_syscall_entry(void), nk_probe_entry(void);
void nk_worker_enter(const struct nk_frame *frame, uint64_t *kernel_rsp);
_Noreturn void nk_worker_leave(uint64_t kernel_rsp);
_Noreturn void nk_worker_probed(void);

static bool running, probing, probed;
static uint64_t kernel_rsp, home_tables;

void nk_worker_tables(uint64_t pml4_physical) {
    home_tables = pml4_physical;
}

bool nk_worker_running(void) {
    return running;
}

static void run(const uint8_t *routine, uint64_t rdi, uint64_t rsi, uint64_t rcx) {
    struct nk_frame frame = {
        .rdi = rdi,
        .rsi = rsi,
        .rcx = rcx,
        .rip = NK_WORKER_ADDRESS + (uint64_t)(routine - nk_worker_code_start),
        .cs = NK_CS_USER,
        .rflags = 2,
        .ss = NK_SS_USER,
    };
    running = true;
    nk_trap_stack(nk_worker_stack_top);
    nk_cr3_set(nk_image_physical(nk_tables_worker));
    nk_worker_enter(&frame, &kernel_rsp);
    nk_cr3_set(home_tables ? home_tables : nk_image_physical(nk_tables_boot));
    nk_trap_stack(nk_stack_top);
    running = false;
}

void nk_worker_trap(const struct nk_frame *frame) {
    if (frame->vector != NK_VECTOR_INVALID && !probing)
        nk_panic("trap %u in the worker at %x, address %x", frame->vector, frame->rip, nk_cr2());
    nk_worker_leave(kernel_rsp);
}

void nk_worker_probed(void) {
    probed = true;
    nk_worker_leave(kernel_rsp);
}

void nk_worker_clear(uint64_t physical, uint64_t bytes) {
    run(nk_worker_zero, physical, 0, bytes / 8);
}

void nk_worker_move(uint64_t to_physical, uint64_t from_physical, uint64_t bytes) {
    run(nk_worker_copy, to_physical, from_physical, bytes);
}

uint32_t nk_worker_probe(void) {
    /* sysret is not used, so its half of STAR stays empty. */
    nk_msr_write(NK_MSR_STAR, (uint64_t)NK_CS_KERNEL << 32);
    nk_msr_write(NK_MSR_FMASK, NK_FLAG_TF | NK_FLAG_IF | NK_FLAG_DF | NK_FLAG_NT | NK_FLAG_AC);
    nk_msr_write(NK_MSR_LSTAR, (uint64_t)nk_probe_entry);
    probing = true;
    run(nk_worker_syscall, 0, 0, 0);
    probing = false;
    nk_msr_write(NK_MSR_LSTAR, (uint64_t)nk_syscall_entry);
    return probed ? NOM_ENTRY_SYSCALL : NOM_ENTRY_FAULT;
}
