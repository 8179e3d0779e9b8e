/*
 * Where a core other than the first starts: in real mode, at NK_TRAMPOLINE, to which core.c copies
 * this; one core at a time. It ends in long mode, in the kernel's own tables and image, on the stack
 * of nk_core_booting, in nk_core_main.
 */
#include "limits.h"
#include "machine_asm.h"

#define PHYSICAL(symbol) (symbol - NK_IMAGE_BASE)
#define LOW(symbol)      (symbol - nk_trampoline + NK_TRAMPOLINE)

    .section .rodata
    .global nk_trampoline, nk_trampoline_end
    .code16
nk_trampoline:
    cli
    cld
    xorw %ax, %ax
    movw %ax, %ds
    lgdtl LOW(pointer)
    movl $NK_CR0_PE, %eax
    movl %eax, %cr0
    ljmpl $0x08, $LOW(protected)

    .code32
protected:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl $(NK_CR4_PAE | NK_CR4_OSFXSR | NK_CR4_OSXMMEXCPT), %eax
    movl %eax, %cr4
    movl $PHYSICAL(nk_tables_boot), %eax
    movl %eax, %cr3
    movl $NK_MSR_EFER, %ecx
    movl $(NK_EFER_SCE | NK_EFER_LME | NK_EFER_NXE), %eax
    xorl %edx, %edx
    wrmsr
    movl $(NK_CR0_PG | NK_CR0_WP | NK_CR0_NE | NK_CR0_ET | NK_CR0_MP | NK_CR0_PE), %eax
    movl %eax, %cr0
    ljmpl $0x18, $LOW(long_mode)

    .code64
long_mode:
    movl $0x10, %eax
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
    movabsq $high, %rax
    jmp *%rax

    .balign 8
table:
    .quad 0
    .quad 0x00cf9b000000ffff /* 32-bit code */
    .quad 0x00cf93000000ffff /* data */
    .quad 0x00af9b000000ffff /* 64-bit code */
table_end:
pointer:
    .word table_end - table - 1
    .long LOW(table)
nk_trampoline_end:

    .text
high:
    lgdt nk_gdt_pointer(%rip) /* whose selectors are the kernel's */
    movq nk_core_booting(%rip), %rdi
    movq NK_CORE_ENTRY_STACK(%rdi), %rsp
    movl $NK_SS_KERNEL, %eax
    movl %eax, %ss
    pushq $NK_CS_KERNEL
    leaq 1f(%rip), %rax
    pushq %rax
    lretq
1:  call nk_core_main
    ud2

    .bss
    .balign 8
    .global nk_core_booting
nk_core_booting:
    .skip 8

    .section .note.GNU-stack, "", @progbits
