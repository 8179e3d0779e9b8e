/* Bits of the processor that assembly needs too: plain numbers only. */
#ifndef NK_MACHINE_ASM_H
#define NK_MACHINE_ASM_H

#define NK_CS_KERNEL 0x08
#define NK_SS_KERNEL 0x10
#define NK_SS_USER   0x1b
#define NK_CS_USER   0x23
#define NK_TSS       0x28

#define NK_GDT_ENTRIES 7 /* null, 2 of the kernel, 2 of apps, the TSS's 2 */

/* struct nk_core, relative to GS in ring 0; core.c asserts them. */
#define NK_CORE_ENTRY_STACK 8
#define NK_CORE_APP_RSP     16
#define NK_CORE_FRAME_END   32 /* tss.rsp[0] */
#define NK_FRAME_BYTES      176

#define NK_CR0_PE 0x1
#define NK_CR0_MP 0x2
#define NK_CR0_ET 0x10
#define NK_CR0_NE 0x20
#define NK_CR0_WP 0x10000
#define NK_CR0_PG 0x80000000

#define NK_CR4_PAE        0x20
#define NK_CR4_OSFXSR     0x200
#define NK_CR4_OSXMMEXCPT 0x400
#define NK_CR4_UMIP       0x800
#define NK_CR4_FSGSBASE   0x10000
#define NK_CR4_OSXSAVE    0x40000
#define NK_CR4_SMEP       0x100000

#define NK_MSR_EFER 0xc0000080
#define NK_EFER_SCE 0x1
#define NK_EFER_LME 0x100
#define NK_EFER_NXE 0x800

/* x87, SSE, AVX, AVX-512: the states of vector registers that apps may have. Kept in a page, which
 * ends with FS and GS base. */
#define NK_STATES  0xe7
#define NK_KEPT_FS 4080
#define NK_KEPT_GS 4088

#define NK_CPUID_LONG_MODE 0x20000000
#define NK_CPUID_NX        0x100000

#define NK_VECTOR_SYSCALL 256 /* of a frame made by the syscall instruction */

/* abi/start.h, which has C in it, says the same; trap.c asserts that. */
#define NK_ASM_EXIT_PORT  0xf4
#define NK_ASM_EXIT_PANIC 0x3f

#endif
