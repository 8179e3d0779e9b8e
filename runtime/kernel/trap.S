/*
 * Ways into the kernel and out of it. Every way in builds a struct nk_frame and calls nk_trap with
 * it; every way out is iretq from the frame that nk_trap gives. (iretq and not sysret: it works
 * wherever ring 0 is interpreted, and does not fault in ring 0 on stacks an app chose.)
 *
 *   ring 3 --exception, interrupt--> stub --> nk_trap     The processor saves into the frame of the
 *   ring 3 --syscall instruction--> nk_syscall_entry -^   context that runs, or the worker's; the
 *                                                         kernel then has its core's stack.
 *   ring 0, idle --interrupt--> stub --> nk_trap          Frame on the core's stack.
 *   any instruction --NMI, #DB, #DF, #MC--> stub          Frame on a stack of their own: moved to
 *                                                         the context's if ring 3 was interrupted.
 *   kernel --nk_worker_enter--> worker --trap--> nk_trap --nk_worker_leave--> kernel
 *
 * GS is the app's in ring 3 and the core's in ring 0, but in an NMI, which therefore does nothing.
 */
#include "limits.h"
#include "machine_asm.h"

    .macro SAVE
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
    .endm

    .text
    .balign 16
    .global nk_trap_stubs
/* One stub of 16 bytes a vector; those for which the processor pushes no error code push 0. Those
 * for which it does push 0 too if it did not, since a device has forged that vector (remap.h): the
 * processor begins at a multiple of 16, so five words leave bit 3 of rsp set and six do not. */
nk_trap_stubs:
    .set vector, 0
    .rept 256
    .balign 16
    .if (vector != 8) && (vector != 10) && (vector != 11) && (vector != 12) && (vector != 13) && \
        (vector != 14) && (vector != 17) && (vector != 21) && (vector != 29) && (vector != 30)
    pushq $0
    .else
    testb $8, %spl
    jz 1f
    pushq $0
1:
    .endif
    pushq $vector
    .if (vector == 1) || (vector == 8) || (vector == 18)
    jmp trap_anywhere
    .elseif vector == 2
    jmp trap_ignored
    .else
    jmp trap_common
    .endif
    .set vector, vector + 1
    .endr

    .balign 16
trap_common:
    testb $3, 24(%rsp) /* cs */
    jz from_kernel
    swapgs
from_app:
    SAVE
    movq %gs:NK_CORE_ENTRY_STACK, %rsp
    call nk_trap
leave:
    movq %rax, %rsp
restore:
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
    testb $3, 8(%rsp) /* cs */
    jz 1f
    swapgs
1:  iretq

from_kernel:
    SAVE
    call nk_trap
    jmp leave

trap_anywhere:
    testb $3, 24(%rsp)
    jz from_kernel
    swapgs
    SAVE
    movq %rdi, %rsi
    movq %gs:NK_CORE_FRAME_END, %rdi
    subq $NK_FRAME_BYTES, %rdi
    movq %rdi, %rax
    movl $NK_FRAME_BYTES / 8, %ecx
    rep movsq
    movq %rax, %rdi
    movq %gs:NK_CORE_ENTRY_STACK, %rsp
    call nk_trap
    jmp leave

trap_ignored:
    addq $16, %rsp
    iretq

/* The syscall instruction: rcx = return address, r11 = flags, the stack still the app's. */
    .global nk_syscall_entry
nk_syscall_entry:
    swapgs
    movq %rsp, %gs:NK_CORE_APP_RSP
    movq %gs:NK_CORE_FRAME_END, %rsp
    pushq $NK_SS_USER
    pushq %gs:NK_CORE_APP_RSP
    pushq %r11
    pushq $NK_CS_USER
    pushq %rcx
    pushq $0
    pushq $NK_VECTOR_SYSCALL
    jmp from_app

/* void nk_frame_enter(struct nk_frame *): leaves the kernel for good. */
    .global nk_frame_enter
nk_frame_enter:
    movq %rdi, %rsp
    jmp restore

/* void nk_worker_enter(struct nk_frame *): returns when somebody on this core calls
 * nk_worker_leave. Until then entries find the stack below what is pushed here. */
    .global nk_worker_enter, nk_worker_leave
nk_worker_enter:
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    pushq %gs:NK_CORE_ENTRY_STACK
    movq %rsp, %gs:NK_CORE_ENTRY_STACK
    movq %rdi, %rsp
    jmp restore
nk_worker_leave:
    movq %gs:NK_CORE_ENTRY_STACK, %rsp
    popq %gs:NK_CORE_ENTRY_STACK
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    ret

    .section .note.GNU-stack, "", @progbits
