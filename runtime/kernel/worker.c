/*
 * One job of the worker at a time, with the lock held:
 *
 *   idle --run()--> running --ud2 at the end of a routine--> idle
 *                   running --interrupt--> running (deferred)
 *                   running --any other trap--> panic, but while probing
 *
 * Protection keys are off (processor.c), but where a hypervisor runs ring 3 on the host's own
 * state, WRPKRU works all the same: an app could take the worker its memory, and then the next app
 * its own. There each job begins by undoing that.
 *
 * While it runs, traps save into the core's worker_frame, and entries find their stack below the
 * caller of run().
 */
#include "worker.h"
#include "console.h"
#include "interrupt.h"
#include "processor.h"
#include "runtime/abi/syscall.h"
#include "trap.h"

extern const uint8_t nk_worker_code_start[], nk_worker_zero[], nk_worker_copy[],
    nk_worker_syscall[], nk_worker_registers[], nk_worker_save[], nk_worker_keys[], nk_worker_end[];
extern const uint8_t nk_tables_worker[];
void nk_worker_enter(struct nk_frame *frame);
_Noreturn void nk_worker_leave(void);

/* As the processor starts: nothing but zeroes and two control words. As large as any processor's
 * XSAVE area, for it looks at the last byte even where it reads none. */
static struct {
    uint16_t x87_control;
    uint8_t zero1[22];
    uint32_t vector_control;
    uint8_t zero2[NK_XSAVE_BYTES_MAX - 28];
} clean __attribute__((aligned(64)));
_Static_assert(sizeof clean == NK_XSAVE_BYTES_MAX, "layout of an XSAVE area");

static struct { uint64_t vector, rip; } probed;
static bool keys; /* ring 3 may write protection keys */

static uint64_t address_of(const uint8_t *routine) {
    return NK_WORKER_ADDRESS + (uint64_t)(routine - nk_worker_code_start);
}

static void run(const uint8_t *routine, uint64_t rdi, uint64_t rsi, uint64_t rcx) {
    struct nk_core *core = nk_core_here();
    struct nk_frame frame = {
        .rdi = rdi,
        .rsi = rsi,
        .rcx = rcx,
        .rbx = address_of(routine),
        .r8 = rcx,
        .rip = address_of(keys ? nk_worker_keys : routine),
        .cs = NK_CS_USER,
        .rflags = 2,
        .ss = NK_SS_USER,
    };
    uint64_t tables = core->tables, frame_end = core->tss.rsp[0];
    core->worker_runs = true;
    core->tss.rsp[0] = (uint64_t)(&core->worker_frame + 1);
    nk_core_tables(core, nk_image_physical(nk_tables_worker));
    nk_worker_enter(&frame);
    nk_core_tables(core, tables);
    core->tss.rsp[0] = frame_end;
    core->worker_runs = false;
}

void nk_worker_trap(struct nk_core *core, const struct nk_frame *frame, bool interrupt) {
    if (interrupt) {
        nk_interrupt_defer((unsigned)frame->vector);
        return;
    }
    probed.vector = frame->vector;
    probed.rip = frame->rip;
    if (!core->worker_probes && frame->vector != NK_VECTOR_INVALID)
        nk_panic("trap %u in the worker at %x, address %x", frame->vector, frame->rip, nk_cr2());
    nk_worker_leave();
}

void nk_worker_clear(uint64_t physical, uint64_t bytes) {
    run(nk_worker_zero, physical, 0, bytes / 8);
}

void nk_worker_move(uint64_t to_physical, uint64_t from_physical, uint64_t bytes) {
    run(nk_worker_copy, to_physical, from_physical, bytes);
}

void nk_worker_load(uint64_t page) {
    clean.x87_control = 0x37f;
    clean.vector_control = 0x1f80;
    run(nk_worker_registers, nk_image_physical(&clean), page, nk_processor_xsave());
}

void nk_worker_keep(uint64_t page) {
    run(nk_worker_save, page, 0, nk_processor_xsave());
}

uint32_t nk_worker_probe(void) {
    struct nk_core *core = nk_core_here();
    core->worker_probes = true;
    run(nk_worker_syscall, 0, 0, 0);
    bool syscall = probed.vector == NK_VECTOR_SYSCALL;
    keys = true;
    run(nk_worker_end, 0, 0, 0);
    keys = probed.rip == address_of(nk_worker_end);
    core->worker_probes = false;
    return syscall ? NOM_ENTRY_SYSCALL : NOM_ENTRY_FAULT;
}
