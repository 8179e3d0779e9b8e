/*
 * Ways into the kernel and out of it. Every way in builds a struct nk_frame on a kernel stack and
 * calls nk_trap with it; every way out is iretq from such a frame. (iretq and not sysret: it works
 * wherever ring 0 is interpreted, and does not fault in ring 0 on addresses an app chose.)
 *
 *   ring 3 --exception, interrupt--> trap_stub --> nk_trap --> iretq     TSS.rsp0: nk_stack_top,
 *   ring 3 --syscall instruction---> nk_syscall_entry --^                while the worker runs:
 *   kernel --nk_worker_enter--> worker --trap--> nk_trap --nk_worker_leave--> kernel     its own
 */
#include "limits.h"
#include "machine_asm.h"

    .text
    .balign 16
    .global nk_trap_stubs
/* One stub of 16 bytes a vector; those for which the processor pushes no error code push 0. */
nk_trap_stubs:
    .set vector, 0
    .rept 256
    .balign 16
    .if (vector != 8) && (vector != 10) && (vector != 11) && (vector != 12) && (vector != 13) && \
        (vector != 14) && (vector != 17) && (vector != 21) && (vector != 29) && (vector != 30)
    pushq $0
    .endif
    pushq $vector
    jmp trap_common
    .set vector, vector + 1
    .endr

    .balign 16
trap_common:
    pushq %rax
    pushq %rbx
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %rbp
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    cld
    movq %rsp, %rdi
    call nk_trap
leave_frame:
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rbp
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rbx
    popq %rax
    addq $16, %rsp
    iretq

/* The syscall instruction: rcx = return address, r11 = flags, the stack still the app's. One core
 * and interrupts off: a static place for its stack pointer serves. */
    .global nk_syscall_entry
nk_syscall_entry:
    movq %rsp, app_rsp(%rip)
    leaq nk_stack_top(%rip), %rsp
    pushq $NK_SS_USER
    pushq app_rsp(%rip)
    pushq %r11
    pushq $NK_CS_USER
    pushq %rcx
    pushq $0
    pushq $NK_VECTOR_SYSCALL
    jmp trap_common

/* Where syscall leads while the kernel finds out whether it works. */
    .global nk_probe_entry
nk_probe_entry:
    leaq nk_worker_stack_top(%rip), %rsp
    jmp nk_worker_probed

/* void nk_frame_enter(const struct nk_frame *): leaves the kernel for good. */
    .global nk_frame_enter
nk_frame_enter:
    movq %rdi, %rsp
    jmp leave_frame

/* void nk_worker_enter(const struct nk_frame *, uint64_t *kernel_rsp): returns when somebody calls
 * nk_worker_leave(*kernel_rsp). */
    .global nk_worker_enter, nk_worker_leave
nk_worker_enter:
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rsi)
    movq %rdi, %rsp
    jmp leave_frame
nk_worker_leave:
    movq %rdi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    ret

    .bss
    .balign 8
app_rsp:
    .skip 8

    .section .note.GNU-stack, "", @progbits
