/*
 * What happens on each way in:
 *
 *   from ring 0: interrupt    the core was idle: served; back to idle (schedule.c)
 *                exception    panic
 *   the worker's trap         worker.c
 *   from ring 3: interrupt    interrupt.c
 *                system call  syscall.c
 *                exception    an upcall if the app has a handler and is not in it, else its end
 *                             (fault.c)
 *   and then nk_schedule says who goes on. Where another core has just ended the app that was
 *   interrupted here, nothing of it is served.
 */
#include "trap.h"
#include "board.h"
#include "console.h"
#include "context.h"
#include "fault.h"
#include "interrupt.h"
#include "runtime/abi/start.h"
#include "runtime/abi/syscall.h"
#include "schedule.h"
#include "syscall.h"
#include "worker.h"

_Static_assert(NK_ASM_EXIT_PORT == NOM_EXIT_PORT && NK_ASM_EXIT_PANIC == NOM_EXIT_PANIC,
               "machine_asm.h repeats abi/start.h");

#define GATE_INTERRUPT 0x8eu /* present, ring 0 */
#define GATE_RING3     0x60u /* may be raised by an instruction in ring 3: int3, into */
#define STUB_BYTES     16

#define PIC1         0x20
#define PIC2         0xa0
#define PIT_COUNTER0 0x40
#define PIT_CONTROL  0x43

struct gate {
    uint16_t offset_low, selector;
    uint8_t ist, type;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
};
_Static_assert(sizeof(struct gate) == 16, "a gate of the IDT");

extern const uint8_t nk_trap_stubs[];

static struct gate idt[256];

/* No timer tick, and no interrupt from anything else. The PIT cannot be switched off, but as a
 * one-shot it fires once at most, into a masked PIC. */
static void interrupts_stop(void) {
    static const uint8_t pic_words[][2] = {
        {PIC1, 0x11},
        {PIC2, 0x11}, /* initialise, 4 words */
        {PIC1 + 1, NK_VECTOR_INTERRUPT},
        {PIC2 + 1, NK_VECTOR_INTERRUPT + 8},
        {PIC1 + 1, 4},
        {PIC2 + 1, 2}, /* the second on line 2 of the first */
        {PIC1 + 1, 1},
        {PIC2 + 1, 1},
        {PIC1 + 1, 0xff},
        {PIC2 + 1, 0xff}, /* all masked */
    };
    for (unsigned i = 0; i < sizeof pic_words / sizeof pic_words[0]; i++)
        nk_out8(pic_words[i][0], pic_words[i][1]);
    nk_out8(PIT_CONTROL, 0x30); /* counter 0: interrupt once, at the end of the count */
    nk_out8(PIT_COUNTER0, 1);
    nk_out8(PIT_COUNTER0, 0);
}

void nk_trap_start(void) {
    /* Those that may come where the stack is not the kernel's: stacks of their own. */
    static const uint8_t anywhere[NK_FAULT_STACKS] = {NK_VECTOR_DEBUG, NK_VECTOR_NMI,
                                                      NK_VECTOR_DOUBLE, NK_VECTOR_MACHINE};
    uint64_t stub = (uint64_t)nk_trap_stubs;
    for (unsigned i = 0; i < 256; i++, stub += STUB_BYTES) {
        idt[i].offset_low = (uint16_t)stub;
        idt[i].selector = NK_CS_KERNEL;
        idt[i].type = GATE_INTERRUPT;
        idt[i].offset_middle = (uint16_t)(stub >> 16);
        idt[i].offset_high = (uint32_t)(stub >> 32);
    }
    idt[3].type |= GATE_RING3;
    idt[4].type |= GATE_RING3;
    for (unsigned i = 0; i < NK_FAULT_STACKS; i++)
        idt[anywhere[i]].ist = (uint8_t)(i + 1);
    interrupts_stop();
}

void nk_trap_load(void) {
    nk_table_load("lidt", idt, sizeof idt);
}

static bool calls_kernel(const struct nk_frame *frame) {
    if (frame->vector == NK_VECTOR_SYSCALL)
        return true;
    return frame->vector == NK_VECTOR_INVALID && frame->rcx == NOM_FAULT_CALL_MAGIC &&
           nk_syscall_by_fault();
}

static void serve(struct nk_context *context, uint64_t address) {
    struct nk_frame *frame = &context->frame;
    if (calls_kernel(frame)) {
        nk_board_count(NK_COUNT_CALLS);
        if (frame->vector == NK_VECTOR_INVALID)
            frame->rip += 2; /* past ud2 */
        nk_syscall(context);
    } else {
        nk_board_count(NK_COUNT_EXCEPTIONS);
        nk_fault(context, address);
    }
}

struct nk_frame *nk_trap(struct nk_frame *frame) {
    struct nk_core *core = nk_core_here();
    bool interrupt = frame->vector >= NK_VECTOR_INTERRUPT && frame->vector < NK_VECTOR_SYSCALL;
    if (frame->vector < NK_VECTOR_INTERRUPT && !calls_kernel(frame))
        interrupt = nk_interrupt_forged((unsigned)frame->vector);
    if (core->worker_runs && (frame->cs & 3)) {
        nk_worker_trap(core, frame, interrupt);
        return frame;
    }
    uint64_t address = frame->vector == NK_VECTOR_PAGE ? nk_cr2() : 0;
    if (!interrupt && (frame->vector == NK_VECTOR_DOUBLE || (frame->cs & 3) == 0))
        nk_panic("%s in the kernel at %x, address %x, error %x",
                 nk_fault_name((unsigned)frame->vector), frame->rip, nk_cr2(), frame->error);
    nk_lock();
    if (interrupt)
        nk_interrupt((unsigned)frame->vector);
    else if (core->current)
        serve(core->current, address);
    if (frame->cs & 3)
        return nk_schedule(core);
    nk_unlock();
    return frame;
}
