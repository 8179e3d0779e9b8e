/*
 * The app's first instruction (abi/start.h): rdi = struct nom_start, rsp 16-aligned. Gives the
 * floating-point units their usual state and the C library a thread block, until plat_core_enter
 * gives this core its own; then calls plat_start, which does not return.
 */
    .text
    .global _start
_start:
    xorl %ebp, %ebp
    leaq thread_block(%rip), %rax
    movq %rax, (%rax)
    wrfsbase %rax
    fninit
    ldmxcsr initial_mxcsr(%rip)
    call plat_start
    ud2

    .section .rodata
    .balign 4
initial_mxcsr:
    .long 0x1f80 /* round to nearest, no exception raised */

/* What musl finds through %fs: its first word points to itself; errno and the stack protector's
 * canary lie in it. Its functions that want more (locales, threads) are not for apps. */
    .bss
    .balign 64
thread_block:
    .skip 512

    .section .note.GNU-stack, "", @progbits
