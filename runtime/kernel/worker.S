/*
 * The worker's code: ring 3, in tables of its own where address = physical address. Each routine
 * ends with ud2, which worker.c takes as the end of the job.
 */
#include "machine_asm.h"

    .section .worker, "ax"
    .global nk_worker_zero, nk_worker_copy, nk_worker_syscall, nk_worker_registers
    .global nk_worker_save, nk_worker_keys, nk_worker_end
nk_worker_keys: /* rbx = the routine, r8 = its rcx; first, all memory may be used again */
    xorl %eax, %eax
    xorl %ecx, %ecx
    xorl %edx, %edx
    wrpkru
    movq %r8, %rcx
    jmp *%rbx
nk_worker_end:
    ud2
nk_worker_zero: /* rdi = address, rcx = bytes / 8 */
    xorl %eax, %eax
    rep stosq
    ud2
nk_worker_copy: /* rdi = to, rsi = from, rcx = bytes */
    rep movsb
    ud2
nk_worker_syscall:
    syscall
    ud2
nk_worker_registers: /* rdi = the state as the processor starts, rsi = what was kept, or 0; rcx: XSAVE? */
    xorl %eax, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
    wrfsbase %rax
    wrgsbase %rax
    jrcxz 1f
    decl %eax
    movl %eax, %edx
    xrstor64 (%rdi)
    testq %rsi, %rsi
    jz 3f
    movl $NK_STATES, %eax
    xorl %edx, %edx
    xrstor64 (%rsi)
    jmp 2f
1:  fxrstor64 (%rdi)
    testq %rsi, %rsi
    jz 3f
    fxrstor64 (%rsi)
2:  movq NK_KEPT_FS(%rsi), %rax
    wrfsbase %rax
    movq NK_KEPT_GS(%rsi), %rax
    wrgsbase %rax
3:  ud2
nk_worker_save: /* rdi = where, a page of zeroes or of what was kept before; rcx: XSAVE? */
    rdfsbase %rax
    movq %rax, NK_KEPT_FS(%rdi)
    rdgsbase %rax
    movq %rax, NK_KEPT_GS(%rdi)
    jrcxz 1f
    movl $NK_STATES, %eax /* a hypervisor may show ring 3 more of them, for which there is no room */
    xorl %edx, %edx
    xsave64 (%rdi)
    ud2
1:  fxsave64 (%rdi)
    ud2

    .section .note.GNU-stack, "", @progbits
