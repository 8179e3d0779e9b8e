/*
 * The first instructions: QEMU (through SeaBIOS or qboot) enters nk_pvh_entry as the PVH protocol
 * says: 32-bit protected mode, flat segments, paging off, ebx = physical address of the start
 * information. From there to long mode in the kernel's own tables, to nk_start.
 */
#include "limits.h"
#include "machine_asm.h"

#define PHYSICAL(symbol) (symbol - NK_IMAGE_BASE)

    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 8, 18 /* name and descriptor bytes, XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .quad PHYSICAL(nk_pvh_entry)

    .section .boot, "ax"
    .code32
    .global nk_pvh_entry
nk_pvh_entry:
    cli
    cld
    rdtsc
    movl %eax, PHYSICAL(nk_entry_tsc)
    movl %edx, PHYSICAL(nk_entry_tsc) + 4
    movl %ebx, %esi

    movl $0x80000001, %eax
    cpuid
    andl $(NK_CPUID_LONG_MODE | NK_CPUID_NX), %edx
    cmpl $(NK_CPUID_LONG_MODE | NK_CPUID_NX), %edx
    jne no_long_mode

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
    lgdt PHYSICAL(gdt_pointer_low)
    ljmp $NK_CS_KERNEL, $PHYSICAL(long_mode)

/* Nothing works without these: say so on the serial port and stop the machine. */
no_long_mode:
    movl $PHYSICAL(no_long_mode_text), %esi
    movw $0x3f8, %dx
    movl $no_long_mode_bytes, %ecx
    rep outsb
    movw $NK_ASM_EXIT_PORT, %dx
    movb $NK_ASM_EXIT_PANIC, %al
    outb %al, %dx
    hlt

    .code64
long_mode:
    movl $NK_SS_KERNEL, %eax
    movl %eax, %ss
    movl %eax, %ds
    movl %eax, %es
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movabsq $high, %rax
    jmp *%rax
high:
    lgdt nk_gdt_pointer(%rip)
    leaq nk_core_stacks + NK_STACK_GUARD_BYTES + NK_STACK_BYTES(%rip), %rsp
    movl %esi, %edi
    call nk_start
    ud2

    .section .rodata
no_long_mode_text:
    .ascii "nom: panic: this processor has no long mode or cannot protect pages from execution\n"
    .set no_long_mode_bytes, . - no_long_mode_text

    .data
    .balign 8
    .global nk_gdt, nk_gdt_pointer, nk_entry_tsc
nk_entry_tsc:
    .quad 0
nk_gdt:
    .quad 0
    .quad 0x00af9b000000ffff /* kernel code */
    .quad 0x00cf93000000ffff /* kernel data */
    .quad 0x00cff3000000ffff /* user data */
    .quad 0x00affb000000ffff /* user code */
    .quad 0, 0               /* TSS: of each core's own copy, core.c */
gdt_end:
nk_gdt_pointer:
    .word gdt_end - nk_gdt - 1
    .quad nk_gdt
gdt_pointer_low:
    .word gdt_end - nk_gdt - 1
    .long PHYSICAL(nk_gdt)

    .bss
    .balign 4096
    .global nk_core_stacks
nk_core_stacks: /* of the first core; limits.h; the first page is the guard, which paging.c unmaps */
    .skip NK_CORE_STACKS_BYTES

    .section .note.GNU-stack, "", @progbits
