/*
 * For test apps of cores and upcalls: an upcall entry of their own, which saves what the interface
 * leaves to the app (vector and floating-point registers, FS and GS base), and loops that watch
 * every vector register there is.
 */
#ifndef TESTS_GUEST_UPCALL_H
#define TESTS_GUEST_UPCALL_H

#include "check.h"
#include "runtime/abi/context.h"
#include "runtime/abi/start.h"
#include "runtime/platform/nom/call.h"
#include <cpuid.h>
#include <stdbool.h>
#include <string.h>

#define CORES      8u
#define AREA_BYTES 16384u
#define STACK      65536u

/* What the entry calls: enum nom_resume. */
typedef uint64_t upcall_handler(struct nom_context *context, uint64_t events);

static struct {
    upcall_handler *handler;
    uint8_t area[CORES][AREA_BYTES] __attribute__((aligned(64)));
    uint8_t stack[CORES][STACK] __attribute__((aligned(64)));
} upcall;

uint32_t upcall_vectors __attribute__((used)); /* bytes of one register: 16, 32 or 64 */
uint32_t upcall_xsave __attribute__((used));
uint32_t upcall_usual __attribute__((used)) = 0x1f80; /* MXCSR as C wants it */
uint32_t upcall_syscall __attribute__((used));        /* whether that is the way in */
extern const uint8_t upcall_entry[];

uint64_t upcall_handle(struct nom_context *context, uint64_t events);
void *upcall_area(const struct nom_context *context);

/* Callee-saved registers hold what is needed after the handler: those of what was interrupted are
 * in the context's page. */
__asm__(".text\n"
        ".global upcall_entry\n"
        "upcall_entry:\n"
        "  movq %rdi, %rbx\n"
        "  movq %rsi, %r12\n"
        "  rdfsbase %r14\n"
        "  rdgsbase %r15\n"
        "  call upcall_area\n"
        "  movq %rax, %r13\n"
        "  movl $-1, %eax\n"
        "  movl %eax, %edx\n"
        "  cmpl $0, upcall_xsave(%rip)\n"
        "  je 1f\n"
        "  xsave (%r13)\n"
        "  jmp 2f\n"
        "1: fxsave (%r13)\n"
        "2: movq %rbx, %rdi\n"
        "  movq %r12, %rsi\n"
        "  call upcall_handle\n"
        "  movq %rax, %rdi\n"
        "  movl $-1, %eax\n"
        "  movl %eax, %edx\n"
        "  cmpl $0, upcall_xsave(%rip)\n"
        "  je 1f\n"
        "  xrstor (%r13)\n"
        "  jmp 2f\n"
        "1: fxrstor (%r13)\n"
        "2: wrfsbase %r14\n"
        "  wrgsbase %r15\n"
        "  movl $12, %eax\n" /* NOM_SYS_RESUME */
        "  cmpl $0, upcall_syscall(%rip)\n"
        "  je 1f\n"
        "  syscall\n"
        "1: movabsq $0x6c6c61636d6f6e, %rcx\n" /* NOM_FAULT_CALL_MAGIC */
        "  ud2\n");

_Static_assert(NOM_SYS_RESUME == 12 && NOM_FAULT_CALL_MAGIC == 0x6c6c61636d6f6eULL,
               "upcall_entry repeats them");

__attribute__((used)) void *upcall_area(const struct nom_context *context) {
    return upcall.area[context->index];
}

__attribute__((used)) uint64_t upcall_handle(struct nom_context *context, uint64_t events) {
    return upcall.handler(context, events);
}

/* The start page holds the arguments. */
static inline const struct nom_start *start_page(char **argv) {
    return (const struct nom_start *)((uint64_t)argv[0] & ~4095ULL);
}

static inline struct nom_context *context_of(char **argv, uint32_t index) {
    return (struct nom_context *)(start_page(argv)->contexts + index * 4096ULL);
}

static inline void upcalls(struct nom_context *context, upcall_handler *handler, uint64_t events) {
    uint32_t a, b = 0, c, d;
    __get_cpuid(1, &a, &b, &c, &d);
    upcall_xsave = c >> 26 & 1;
    upcall_vectors = 16;
    if (upcall_xsave && (c >> 28 & 1)) {
        upcall_vectors = 32;
        __cpuid_count(7, 0, a, b, c, d);
        if (b >> 16 & 1)
            upcall_vectors = 64;
    }
    upcall_syscall = plat_call_entry() == NOM_ENTRY_SYSCALL;
    upcall.handler = handler;
    context->upcall_stack = (uint64_t)upcall.stack[context->index] + STACK - 64;
    context->upcall_events = events;
    context->upcall_entry = (uint64_t)upcall_entry;
}

#define VECTORS                                                                                    \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",       \
        "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"

/* A call that may lose FS and the vector registers. */
__attribute__((noinline, unused)) static int64_t call_losing(uint64_t number, uint64_t a,
                                                             uint64_t b) {
    uint64_t fs;
    __asm__ volatile("rdfsbase %0" : "=r"(fs));
    int64_t result = plat_call(number, a, b, 0);
    __asm__ volatile("wrfsbase %0" : : "r"(fs) : VECTORS);
    return result;
}

/* ---- registers ---- */

struct registers {
    uint8_t vector[32][64];
    uint64_t mask[8], gs;
    uint32_t vector_control, x87_control;
    uint8_t x87[16];
} __attribute__((aligned(64)));

#define ALL8(X)    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#define ALL16(X)   ALL8(X) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define UPPER8(X)  X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23)
#define UPPER16(X) UPPER8(X) X(24) X(25) X(26) X(27) X(28) X(29) X(30) X(31)
#define LOAD_X(n)  "movdqu " #n "*64(%[in]), %%xmm" #n "\n"
#define LOAD_Y(n)  "vmovdqu " #n "*64(%[in]), %%ymm" #n "\n"
#define LOAD_Z(n)  "vmovdqu64 " #n "*64(%[in]), %%zmm" #n "\n"
#define LOAD_K(n)  "kmovw 2048+" #n "*8(%[in]), %%k" #n "\n"
#define STORE_X(n) "movdqu %%xmm" #n ", " #n "*64(%[out])\n"
#define STORE_Y(n) "vmovdqu %%ymm" #n ", " #n "*64(%[out])\n"
#define STORE_Z(n) "vmovdqu64 %%zmm" #n ", " #n "*64(%[out])\n"
#define STORE_K(n) "kmovw %%k" #n ", 2048+" #n "*8(%[out])\n"

/* Loads all of in, does MIDDLE, stores all to out. FS is kept, GS is 0 afterwards. */
#define THROUGH(LOAD, MIDDLE, STORE, in_, out_, count_, call_)                                     \
    __asm__ volatile("rdfsbase %%r14\n"                                                            \
                     "fninit; fldpi; fldcw 2124(%[in])\n"                                          \
                     "movq 2112(%[in]), %%rax; wrgsbase %%rax\n"                                   \
                     "ldmxcsr 2120(%[in])\n" LOAD MIDDLE STORE "stmxcsr 2120(%[out])\n"            \
                     "rdgsbase %%rax; movq %%rax, 2112(%[out])\n"                                  \
                     "xorl %%eax, %%eax; wrgsbase %%rax\n"                                         \
                     "fnstcw 2124(%[out]); fstpt 2128(%[out]); fninit\n"                           \
                     "ldmxcsr upcall_usual(%%rip)\n"                                               \
                     "wrfsbase %%r14\n"                                                            \
                     :                                                                             \
                     : [in] "r"(in_), [out] "r"(out_), [count] "r"((uint64_t)(count_)),            \
                       [call] "r"((uint64_t)(call_))                                               \
                     : "rax", "rcx", "rdx", "rsi", "rdi", "r11", "r14", "memory", "cc", VECTORS)

#define LOOP                                                                                       \
    "movq %[count], %%rcx\n"                                                                       \
    "1: decq %%rcx\n"                                                                              \
    "jnz 1b\n"
/* NOM_SYS_YIELD, by the way in of this machine. */
#define YIELD                                                                                      \
    "movq %[call], %%rcx\n"                                                                        \
    "movl $11, %%eax\n"                                                                            \
    "testq %%rcx, %%rcx\n"                                                                         \
    "jz 1f\n"                                                                                      \
    "ud2\n"                                                                                        \
    "jmp 2f\n"                                                                                     \
    "1: syscall\n"                                                                                 \
    "2:\n"
_Static_assert(NOM_SYS_YIELD == 11, "YIELD repeats it");

#define MIDDLE_IN(MIDDLE)                                                                          \
    do {                                                                                           \
        uint64_t call = upcall_syscall ? 0 : NOM_FAULT_CALL_MAGIC;                                 \
        if (upcall_vectors == 64)                                                                  \
            THROUGH(ALL16(LOAD_Z) UPPER16(LOAD_Z) ALL8(LOAD_K), MIDDLE,                            \
                    ALL16(STORE_Z) UPPER16(STORE_Z) ALL8(STORE_K), in, out, count, call);          \
        else if (upcall_vectors == 32)                                                             \
            THROUGH(ALL16(LOAD_Y), MIDDLE, ALL16(STORE_Y), in, out, count, call);                  \
        else                                                                                       \
            THROUGH(ALL16(LOAD_X), MIDDLE, ALL16(STORE_X), in, out, count, call);                  \
    } while (0)

/* Holds in in the registers through a loop of count turns. */
static inline void registers_hold(const struct registers *in, struct registers *out,
                                  uint64_t count) {
    MIDDLE_IN(LOOP);
}

/* Yields with in in the registers; out is what is in them afterwards, as the kernel left them. */
static inline void registers_yield(const struct registers *in, struct registers *out) {
    uint64_t count = 0;
    MIDDLE_IN(YIELD);
}

_Static_assert(offsetof(struct registers, mask) == 2048 && offsetof(struct registers, gs) == 2112 &&
                   offsetof(struct registers, vector_control) == 2120 &&
                   offsetof(struct registers, x87_control) == 2124 &&
                   offsetof(struct registers, x87) == 2128,
               "THROUGH repeats them");

/* What the processor has of them, filled with a byte. */
static inline void registers_fill(struct registers *r, uint8_t byte) {
    memset(r, 0, sizeof *r);
    for (unsigned i = 0; i < (upcall_vectors == 64 ? 32 : 16); i++)
        memset(r->vector[i], byte, upcall_vectors);
    if (upcall_vectors == 64)
        for (unsigned i = 0; i < 8; i++)
            r->mask[i] = byte * 0x101u;
    r->gs = byte * 0x0101010101ULL; /* canonical */
    r->vector_control = 0x1f80 | (uint32_t)(byte & 3) << 13;
    r->x87_control = 0x37f & ~((uint32_t)(byte & 1) << 8);
    static const uint8_t pi[10] = {0x35, 0xc2, 0x68, 0x21, 0xa2, 0xda, 0x0f, 0xc9, 0x00, 0x40};
    memcpy(r->x87, pi, sizeof pi);
}

#endif
