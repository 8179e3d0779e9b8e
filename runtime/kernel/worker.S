/*
 * The worker's code: ring 3, in tables of its own where address = physical address. Each routine
 * ends with ud2, which worker.c takes as the end of the job.
 */
    .section .worker, "ax"
    .global nk_worker_zero, nk_worker_copy, nk_worker_syscall, nk_worker_registers
    .global nk_worker_keys, nk_worker_end
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
nk_worker_registers: /* rdi = the state to restore, rcx: whether there is XSAVE */
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
    xrstor (%rdi)
    ud2
1:  fxrstor (%rdi)
    ud2

    .section .note.GNU-stack, "", @progbits
