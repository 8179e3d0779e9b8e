/*
 * The instructions C has no words for, and the layouts the processor dictates. Only instructions
 * that every KVM interprets in ring 0 may stand here: see tests/guest/kernel.bats for the list of
 * those that may not.
 */
#ifndef NK_MACHINE_H
#define NK_MACHINE_H

#include "limits.h"
#include "machine_asm.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NK_MSR_STAR      0xc0000081u
#define NK_MSR_LSTAR     0xc0000082u
#define NK_MSR_FMASK     0xc0000084u
#define NK_MSR_APIC_BASE 0x1bu
#define NK_MSR_GS_BASE   0xc0000101u
#define NK_MSR_GS_OTHER  0xc0000102u /* what swapgs swaps with */

#define NK_FLAG_TF   0x100ULL
#define NK_FLAG_IF   0x200ULL
#define NK_FLAG_DF   0x400ULL
#define NK_FLAG_NT   0x4000ULL
#define NK_FLAG_AC   0x40000ULL
#define NK_FLAGS_APP (NK_FLAG_IF | 2) /* with which an app starts */

/* What trap.S pushes, lowest address first. */
struct nk_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};
_Static_assert(sizeof(struct nk_frame) == 22 * 8, "struct nk_frame as trap.S builds it");

static inline void nk_out8(uint16_t port, uint8_t value) {
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}
static inline void nk_out32(uint16_t port, uint32_t value) {
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}
static inline void nk_out16(uint16_t port, uint16_t value) {
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}
static inline uint8_t nk_in8(uint16_t port) {
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
static inline uint32_t nk_in32(uint16_t port) {
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint64_t nk_msr_read(uint32_t msr) {
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}
static inline void nk_msr_write(uint32_t msr, uint64_t value) {
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

static inline uint64_t nk_tsc(void) {
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

struct nk_cpuid {
    uint32_t a, b, c, d;
};
static inline struct nk_cpuid nk_cpuid(uint32_t leaf, uint32_t subleaf) {
    struct nk_cpuid r;
    __asm__ volatile("cpuid"
                     : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d)
                     : "a"(leaf), "c"(subleaf));
    return r;
}

static inline uint64_t nk_cr2(void) {
    uint64_t value;
    __asm__ volatile("mov %%cr2, %0" : "=r"(value));
    return value;
}
static inline void nk_cr3_set(uint64_t physical) {
    __asm__ volatile("mov %0, %%cr3" : : "r"(physical) : "memory");
}

/* lgdt and lidt. */
#define nk_table_load(instruction, table, bytes)                                                   \
    do {                                                                                           \
        const struct {                                                                             \
            uint16_t limit;                                                                        \
            uint64_t address;                                                                      \
        } __attribute__((packed)) nk_table = {(uint16_t)((bytes)-1), (uint64_t)(table)};           \
        __asm__ volatile(instruction " %0" : : "m"(nk_table));                                     \
    } while (0)

static inline void nk_pause(void) {
    __asm__ volatile("pause" : : : "memory");
}

_Noreturn static inline void nk_halt(void) {
    for (;;)
        __asm__ volatile("cli; hlt");
}

static inline void nk_copy(void *to, const void *from, size_t bytes) {
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
}
static inline void nk_copy_words(void *to, const void *from, size_t words) {
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
}
/* bytes is a multiple of 8; rep stos costs per iteration where ring 0 is interpreted. */
static inline void nk_zero(void *to, size_t bytes) {
    size_t words = bytes / 8;
    __asm__ volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(0ULL) : "memory");
}

/* The kernel's view of physical memory. */
static inline void *nk_direct(uint64_t physical) {
    return (void *)(NK_DIRECT_BASE + physical);
}
/* Physical address of something in the kernel's image. */
static inline uint64_t nk_image_physical(const void *p) {
    return (uint64_t)p - NK_IMAGE_BASE;
}

#endif
