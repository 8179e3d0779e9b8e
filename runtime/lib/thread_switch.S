/*
 * From one thread's stack to another's. What the ABI lets a function lose is lost; saved are the
 * registers it must keep, the x87 control word and mxcsr, in this order from the stack pointer up:
 *
 *   mxcsr, control word | r15 r14 r13 r12 rbx rbp | return address
 */
    .text

/* void thread_switch(void **stack_pointer, void *to) */
    .global thread_switch
    .type thread_switch, @function
thread_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    subq $8, %rsp
    stmxcsr (%rsp)
    fnstcw 4(%rsp)
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    ldmxcsr (%rsp)
    fldcw 4(%rsp)
    addq $8, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size thread_switch, . - thread_switch

/* void *thread_switch_prepare(void *stack_top, void *argument): stack_top on a 16-byte boundary */
    .global thread_switch_prepare
    .type thread_switch_prepare, @function
thread_switch_prepare:
    xorl %eax, %eax
    movq %rax, -8(%rdi)  /* the end, for those who walk stacks */
    movq %rax, -16(%rdi)
    leaq first(%rip), %rax
    movq %rax, -24(%rdi) /* the return address */
    xorl %eax, %eax
    movq %rax, -32(%rdi) /* rbp */
    movq %rsi, -40(%rdi) /* rbx */
    movq %rax, -48(%rdi)
    movq %rax, -56(%rdi)
    movq %rax, -64(%rdi)
    movq %rax, -72(%rdi)
    leaq -80(%rdi), %rax
    stmxcsr (%rax)
    fnstcw 4(%rax)
    ret
    .size thread_switch_prepare, . - thread_switch_prepare

    .type first, @function
first: /* rsp = stack_top - 16 */
    movq %rbx, %rdi
    call thread_begin
    ud2
    .size first, . - first

    .section .note.GNU-stack, "", @progbits
