/*
 * Apps set their FS and GS bases themselves, and save vector registers themselves, so they get all
 * of these that the processor has (but what the kernel could not wipe everywhere: protection keys,
 * tiles). The rest keeps ring 0 from running their pages, and them from asking where the kernel's
 * tables lie, where the processor can. (Not SMAP: under it QEMU's TCG faults on an app's own far
 * returns; nor is it missed, for paging.c uses no app's address.)
 */
#include "processor.h"
#include "console.h"
#include "trap.h"

#define CPUID_BASE     1u
#define CPUID_XSAVE    (1u << 26) /* ecx */
#define CPUID_FEATURES 7u
#define CPUID_FSGSBASE (1u << 0) /* ebx */
#define CPUID_SMEP     (1u << 7) /* ebx */
#define CPUID_UMIP     (1u << 2) /* ecx */
#define CPUID_STATE    0xdu
#define CPUID_MACHINE  0x40000000u /* under a hypervisor: its name */

#define STATE_X87    0x1u
#define STATE_SSE    0x2u
#define STATE_AVX    0x4u
#define STATE_AVX512 0xe0u /* all three or none */

static bool xsave;

bool nk_processor_xsave(void) {
    return xsave;
}

bool nk_processor_tcg(void) {
    struct nk_cpuid name = nk_cpuid(CPUID_MACHINE, 0);
    return name.b == 0x54474354 && name.c == 0x43544743 &&
           name.d == 0x47435447; /* "TCGTCGTCGTCG" */
}

static uint32_t states(void) {
    uint32_t has = nk_cpuid(CPUID_STATE, 0).a, wanted = STATE_X87 | STATE_SSE;
    if (has & STATE_AVX) {
        wanted |= STATE_AVX;
        if ((has & STATE_AVX512) == STATE_AVX512)
            wanted |= STATE_AVX512;
    }
    return wanted;
}

void nk_processor_start(void) {
    struct nk_cpuid features = {0};
    if (nk_cpuid(0, 0).a >= CPUID_FEATURES)
        features = nk_cpuid(CPUID_FEATURES, 0);
    if (!(features.b & CPUID_FSGSBASE))
        nk_panic("this processor has no FSGSBASE, which apps need (QEMU: -cpu max or host)");
    xsave = nk_cpuid(CPUID_BASE, 0).c & CPUID_XSAVE;
    uint64_t cr4;
    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    cr4 |= NK_CR4_FSGSBASE | (features.b & CPUID_SMEP ? NK_CR4_SMEP : 0) |
           (features.c & CPUID_UMIP ? NK_CR4_UMIP : 0) | (xsave ? NK_CR4_OSXSAVE : 0);
    __asm__ volatile("mov %0, %%cr4" : : "r"(cr4));
    if (xsave)
        __asm__ volatile("xsetbv" : : "c"(0), "a"(states()), "d"(0));

    /* sysret is not used, so its half of STAR stays empty. */
    nk_msr_write(NK_MSR_STAR, (uint64_t)NK_CS_KERNEL << 32);
    nk_msr_write(NK_MSR_FMASK, NK_FLAG_TF | NK_FLAG_IF | NK_FLAG_DF | NK_FLAG_NT | NK_FLAG_AC);
    nk_msr_write(NK_MSR_LSTAR, (uint64_t)nk_syscall_entry);
}
