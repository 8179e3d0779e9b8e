/*
 * What happens on each way in:
 *
 *   interrupt           counted by kind; nothing is ever delivered, since all sources are masked
 *   the worker's trap   worker.c
 *   exception in ring 0 panic
 *   system call         syscall.c
 *   exception in ring 3 the app ends, with one line that says why (app.c)
 */
#include "trap.h"
#include "app.h"
#include "board.h"
#include "console.h"
#include "fault.h"
#include "runtime/abi/start.h"
#include "runtime/abi/syscall.h"
#include "syscall.h"
#include "worker.h"

_Static_assert(NK_ASM_EXIT_PORT == NOM_EXIT_PORT && NK_ASM_EXIT_PANIC == NOM_EXIT_PANIC,
               "machine_asm.h repeats abi/start.h");

#define GATE_INTERRUPT 0x8eu /* present, ring 0 */
#define GATE_RING3     0x60u /* may be raised by an instruction in ring 3: int3, into */
#define STUB_BYTES     16
#define FAULT_IST      1u

#define PIC1           0x20
#define PIC2           0xa0
#define PIT_COUNTER0   0x40
#define PIT_CONTROL    0x43
#define LAPIC_SPURIOUS 0xf0

struct gate {
    uint16_t offset_low, selector;
    uint8_t ist, type;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
};
_Static_assert(sizeof(struct gate) == 16, "a gate of the IDT");

struct tss {
    uint32_t reserved0;
    uint64_t rsp[3], reserved1, ist[7], reserved2;
    uint16_t reserved3, io_map;
} __attribute__((packed));
_Static_assert(sizeof(struct tss) == 104, "the TSS");

struct table_pointer {
    uint16_t limit;
    uint64_t address;
} __attribute__((packed));

extern uint64_t nk_gdt[];
extern const uint8_t nk_trap_stubs[];
extern const uint8_t nk_stack_top[], nk_fault_stack_top[];

static struct gate idt[256];
static struct tss tss;

void nk_trap_stack(const void *top) {
    tss.rsp[0] = (uint64_t)top;
}

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

    uint64_t base = nk_msr_read(NK_MSR_APIC_BASE);
    volatile uint32_t *spurious = nk_direct((base & 0xfffff000) + LAPIC_SPURIOUS);
    *spurious = 0xff; /* disabled by software: masks its timer and its lines too */
}

void nk_trap_start(void) {
    uint64_t address = (uint64_t)&tss;
    nk_gdt[NK_TSS / 8] = (sizeof tss - 1) | (address & 0xffffff) << 16 | 0x89ULL << 40 |
                         (address >> 24 & 0xff) << 56;
    nk_gdt[NK_TSS / 8 + 1] = address >> 32;
    tss.io_map = sizeof tss; /* ring 3 may use no port */
    tss.ist[FAULT_IST - 1] = (uint64_t)nk_fault_stack_top;
    nk_trap_stack(nk_stack_top);
    __asm__ volatile("ltr %0" : : "r"((uint16_t)NK_TSS));

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
    /* Those that may come where the stack is not the kernel's yet. */
    idt[NK_VECTOR_DEBUG].ist = FAULT_IST;
    idt[NK_VECTOR_NMI].ist = FAULT_IST;
    idt[NK_VECTOR_MACHINE].ist = FAULT_IST;
    idt[NK_VECTOR_DOUBLE].ist = FAULT_IST;
    struct table_pointer pointer = {sizeof idt - 1, (uint64_t)idt};
    __asm__ volatile("lidt %0" : : "m"(pointer));
    interrupts_stop();
}

/* Masked sources can still fire once, around the masking or as the PIC's spurious lines 7 and 15.
 * Each line is acknowledged by number, which does nothing where it was spurious. */
static void interrupt(unsigned vector) {
    unsigned line = vector - NK_VECTOR_INTERRUPT;
    if (vector == NK_VECTOR_INTERRUPT)
        nk_board_count(NK_COUNT_TIMER);
    else
        nk_board_count(NK_COUNT_DEVICE);
    if (line < 16) {
        if (line >= 8)
            nk_out8(PIC2, 0x60 | (line & 7));
        nk_out8(PIC1, 0x60 | (line >= 8 ? 2 : line));
    }
}

static bool calls_kernel(const struct nk_frame *frame) {
    if (frame->vector == NK_VECTOR_SYSCALL)
        return true;
    return frame->vector == NK_VECTOR_INVALID && frame->rcx == NOM_FAULT_CALL_MAGIC &&
           nk_syscall_by_fault();
}

void nk_trap(struct nk_frame *frame) {
    if (frame->vector >= NK_VECTOR_INTERRUPT && frame->vector < NK_VECTOR_SYSCALL) {
        interrupt((unsigned)frame->vector);
    } else if (frame->vector == NK_VECTOR_NMI) {
        nk_board_count(NK_COUNT_DEVICE);
    } else if (frame->vector == NK_VECTOR_DOUBLE || (frame->cs & 3) == 0) {
        nk_panic("%s in the kernel at %x, address %x, error %x",
                 nk_fault_name((unsigned)frame->vector), frame->rip, nk_cr2(), frame->error);
    } else if (nk_worker_running()) {
        nk_worker_trap(frame);
    } else if (calls_kernel(frame)) {
        nk_board_count(NK_COUNT_CALLS);
        if (frame->vector == NK_VECTOR_INVALID)
            frame->rip += 2; /* past ud2 */
        nk_syscall(frame);
    } else {
        nk_board_count(NK_COUNT_EXCEPTIONS);
        nk_fault_end(frame);
    }
}
