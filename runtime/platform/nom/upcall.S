/*
 * Upcalls: what was interrupted has its general registers saved by the kernel (abi/context.h); the
 * rest is saved here, on the upcall's stack, before any C runs: FS and GS base, and all vector and
 * floating-point registers that the processor says an app may have, by XSAVE, or where the kernel
 * has not enabled it, by FXSAVE. What was interrupted may be without bases (plat_call_losing, just
 * after its call), so the handlers get those of the core, which lies where the stack begins.
 *
 *   rbx context page  r12 events  r13, r14 FS and GS base  rbp the top of the stack
 */
#include "upcall.h"

    .text
    .global plat_upcall_entry
plat_upcall_entry:
    cld
    movq %rsp, %rbp
    movq %rdi, %rbx
    movq %rsi, %r12
    rdfsbase %r13
    rdgsbase %r14
    movq (%rbp), %rax /* struct plat_core */
    wrgsbase %rax
    addq $UPCALL_THREAD_BLOCK, %rax
    wrfsbase %rax
    subq plat_vector_bytes(%rip), %rsp
    andq $-64, %rsp
    movl plat_vector_mask(%rip), %eax
    xorl %edx, %edx
    testl %eax, %eax
    jz 1f
    .set offset, 512 /* the header: XSAVE leaves in it what it does not write */
    .rept 8
    movq %rdx, offset(%rsp)
    .set offset, offset + 8
    .endr
    xsave64 (%rsp)
    jmp 2f
1:  fxsave64 (%rsp)
2:  fninit
    ldmxcsr usual_mxcsr(%rip)
    movq %rbx, %rdi
    movq %r12, %rsi
    call plat_upcall
    movl %eax, %edi
    movl plat_vector_mask(%rip), %eax
    xorl %edx, %edx
    testl %eax, %eax
    jz 1f
    xrstor64 (%rsp)
    jmp 2f
1:  fxrstor64 (%rsp)
2:  wrfsbase %r13
    wrgsbase %r14
    movq %rbp, %rsp
    movl $UPCALL_SYS_RESUME, %eax
    cmpl $UPCALL_ENTRY_SYSCALL, plat_call_kind(%rip)
    jne 3f
    syscall
3:  movabsq $UPCALL_MAGIC, %rcx
    ud2

/* int64_t plat_call_losing(number, a, b) */
    .global plat_call_losing
plat_call_losing:
    pushq %rbx
    pushq %rbp
    subq $8, %rsp
    rdfsbase %rbx
    rdgsbase %rbp
    stmxcsr (%rsp)
    fnstcw 4(%rsp)
    movq %rdi, %rax
    movq %rsi, %rdi
    movq %rdx, %rsi
    xorl %edx, %edx
    xorl %r8d, %r8d
    cmpl $UPCALL_ENTRY_SYSCALL, plat_call_kind(%rip)
    jne 1f
    syscall
    jmp 2f
1:  movabsq $UPCALL_MAGIC, %rcx
    ud2
2:  wrfsbase %rbx
    wrgsbase %rbp
    fninit
    fldcw 4(%rsp)
    ldmxcsr (%rsp)
    addq $8, %rsp
    popq %rbp
    popq %rbx
    ret

    .section .rodata
    .balign 4
usual_mxcsr:
    .long 0x1f80

    .section .note.GNU-stack, "", @progbits
