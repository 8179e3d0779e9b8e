/*
 * The library's side of the kernel: upcalls, vector registers through events and pre-emption, lazy
 * memory, cores, user threads. The first argument says which.
 */
#include "check.h"
#include "runtime/lib/thread.h"
#include "runtime/platform/event.h"
#include "runtime/platform/nom/call.h"
#include "runtime/platform/nom/upcall.h"
#include <string.h>

#define PAGE        4096u
#define PATIENCE_US 20000000u /* for what takes microseconds: hosts stand still at times */

static uint64_t exceptions(void) {
    return ((const volatile struct nom_board *)plat_board())->counters.exceptions;
}

static uint64_t free_bytes(void) {
    return ((const volatile struct nom_board *)plat_board())->memory_free_bytes;
}

/* ---- vector registers ---- */

static const char *vector_kind(void) {
    uint32_t mask = plat_vector_mask;
    return mask & 0x20 ? "AVX-512" : mask & 4 ? "AVX" : "SSE";
}

/* Fills each vector register that there is, computes for a while, and says whether all are as they
 * were. `seed` makes the contents an app's own. */
static bool vectors_stay(uint64_t seed, uint64_t turns) {
    static struct {
        _Alignas(64) uint64_t in[32 * 8], out[32 * 8], masks[8];
    } registers[PLAT_CORES_MAX];
    uint64_t *in = registers[plat_core_index()].in, *out = registers[plat_core_index()].out;
    uint64_t *masks = registers[plat_core_index()].masks;
    uint32_t states = plat_vector_mask;
    for (unsigned i = 0; i < 32 * 8; i++)
        in[i] = seed * 0x9e3779b97f4a7c15u + i;
    memset(out, 0, 32 * 64);
    if (states & 0x20) {
        uint64_t mask = seed & 0xffff;
        __asm__ volatile(
            ".altmacro\n .macro load512 n\n vmovdqa64 64*\\n(%[in]), %%zmm\\n\n .endm\n"
            ".macro store512 n\n vmovdqa64 %%zmm\\n, 64*\\n(%[out])\n .endm\n"
            ".set i, 0\n .rept 32\n load512 %%i\n .set i, i + 1\n .endr\n"
            "kmovw %k[mask], %%k1\n kmovw %k[mask], %%k7\n"
            "1: dec %[turns]\n jnz 1b\n"
            ".set i, 0\n .rept 32\n store512 %%i\n .set i, i + 1\n .endr\n"
            "kmovw %%k1, %%eax\n movq %%rax, (%[masks])\n kmovw %%k7, %%eax\n"
            "movq %%rax, 8(%[masks])\n vzeroupper\n"
            ".purgem load512\n .purgem store512\n .noaltmacro\n"
            : [turns] "+r"(turns)
            : [in] "r"(in), [out] "r"(out), [mask] "r"(mask), [masks] "r"(masks)
            : "memory", "rax", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
              "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
        return memcmp(in, out, 32 * 64) == 0 && masks[0] == mask && masks[1] == mask;
    }
    if (states & 4) {
        __asm__ volatile(
            ".altmacro\n .macro load256 n\n vmovdqa 32*\\n(%[in]), %%ymm\\n\n .endm\n"
            ".macro store256 n\n vmovdqa %%ymm\\n, 32*\\n(%[out])\n .endm\n"
            ".set i, 0\n .rept 16\n load256 %%i\n .set i, i + 1\n .endr\n"
            "1: dec %[turns]\n jnz 1b\n"
            ".set i, 0\n .rept 16\n store256 %%i\n .set i, i + 1\n .endr\n vzeroupper\n"
            ".purgem load256\n .purgem store256\n .noaltmacro\n"
            : [turns] "+r"(turns)
            : [in] "r"(in), [out] "r"(out)
            : "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
              "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
        return memcmp(in, out, 32 * 16) == 0;
    }
    __asm__ volatile(".altmacro\n .macro load128 n\n movdqa 16*\\n(%[in]), %%xmm\\n\n .endm\n"
                     ".macro store128 n\n movdqa %%xmm\\n, 16*\\n(%[out])\n .endm\n"
                     ".set i, 0\n .rept 16\n load128 %%i\n .set i, i + 1\n .endr\n"
                     "1: dec %[turns]\n jnz 1b\n"
                     ".set i, 0\n .rept 16\n store128 %%i\n .set i, i + 1\n .endr\n"
                     ".purgem load128\n .purgem store128\n .noaltmacro\n"
                     : [turns] "+r"(turns)
                     : [in] "r"(in), [out] "r"(out)
                     : "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
                       "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
    return memcmp(in, out, 16 * 16) == 0;
}

static uint32_t control_words(void) {
    uint32_t mxcsr;
    uint16_t x87;
    __asm__ volatile("stmxcsr %0\n fnstcw %1" : "=m"(mxcsr), "=m"(x87));
    return mxcsr << 16 | x87;
}

static void set_control_words(uint32_t mxcsr, uint16_t x87) {
    __asm__ volatile("ldmxcsr %0\n fldcw %1" : : "m"(mxcsr), "m"(x87));
}

static volatile uint64_t handled;

/* Destroys all that a handler may. */
static void spoil(uint64_t event, uint64_t which) {
    (void)which;
    set_control_words(0x1f80, 0x37f);
    CHECK(event == NOM_EVENT_CORE);
    CHECK(vectors_stay(handled + 77, 100));
    handled++;
}

/* Events of other kinds than pre-emption reach their handler, and nothing of it stays. */
static int events(void) {
    struct nom_context *context = plat_core_here()->context;
    plat_log("lib: vector registers %s, %u bytes", vector_kind(), (unsigned)plat_vector_bytes);
    plat_on_event(NOM_EVENT_CORE, spoil);
    set_control_words(0x7f80, 0xf7f); /* round toward zero, both */
    uint32_t words = control_words();
    for (uint64_t i = 0; i < 200; i++) {
        uint64_t before = handled;
        __asm__ volatile("fldpi");
        plat_core_notify(0);
        long double pi;
        __asm__ volatile("fstpt %0" : "=m"(pi));
        CHECK(pi > 3.14L && pi < 3.15L);
        CHECK(handled == before + 1);
        CHECK(control_words() == words);
    }
    plat_on_event(NOM_EVENT_CORE, NULL);
    plat_core_notify(0);
    CHECK(handled == 200 && context->pending == NOM_EVENT_CORE);
    uint64_t start_us = plat_now_us();
    plat_wait(10000000); /* what is pending ends it */
    CHECK(plat_now_us() - start_us < 5000000 && context->pending == 0);
    /* In a wait a handler is called, too. */
    plat_on_event(NOM_EVENT_CORE, spoil);
    plat_wait(3000);
    CHECK(plat_now_us() - start_us >= 3000 && handled == 200);
    CHECK(control_words() == words);
    set_control_words(0x1f80, 0x37f);
    return check_end("lib");
}

/* Beside another such app on this core: computes until both were pre-empted often enough. */
static int vectors(uint64_t seed) {
    const volatile struct nom_board *board = plat_board();
    uint64_t rounds = 0;
    while (board->events.preemptions < 40 && rounds++ < 20000 &&
           board->apps[0].state != NOM_APP_ENDED)
        CHECK(vectors_stay(seed + rounds, 1000000));
    CHECK(board->events.preemptions >= 40);
    plat_log("lib: vectors %s of %llu stayed", vector_kind(), (unsigned long long)seed);
    return check_end("lib");
}

/* ---- memory ---- */

static bool mine(struct nom_context *context) {
    if (context->fault_vector != 14 || context->fault_address != 0x123456789000)
        return false;
    context->saved.rip += 3; /* movb (%rax), %al is two bytes and a nop one */
    return true;
}

static int lazy(void) {
    uint64_t start_free = free_bytes(), before = exceptions();
    unsigned char *memory = plat_reserve(64u << 20);
    CHECK(free_bytes() == start_free);
    CHECK(memory[10 * PAGE] == 0 && memory[(64u << 20) - 1] == 0);
    CHECK(start_free - free_bytes() <= 512u << 10); /* two pieces, and tables */
    memory[10 * PAGE + 1] = 7;
    for (unsigned i = 0; i < 1u << 20; i += PAGE)
        memory[i] = (unsigned char)(i / PAGE);
    bool right = true;
    for (unsigned i = 0; i < 1u << 20; i += PAGE)
        right &= memory[i] == (unsigned char)(i / PAGE) && memory[i + PAGE - 1] == 0;
    CHECK(right && memory[10 * PAGE + 1] == 7);
    CHECK(exceptions() - before >= 17 && exceptions() - before <= 19);
    uint64_t rounds = 0;
    __asm__ volatile("stmxcsr %0" : "=m"(rounds));
    plat_on_fault(mine);
    uint64_t at = 0x123456789000, kept = 5;
    __asm__ volatile("movb (%1), %b0\n nop" : "+q"(kept) : "r"(at));
    CHECK(kept == 5);
    plat_on_fault(NULL);
    CHECK(plat_lazy(NOM_MAP_START - PAGE, PAGE) == -NOM_EINVAL);
    CHECK(plat_lazy(NOM_MAP_END - PAGE, PAGE) == 0);
    CHECK(plat_lazy(NOM_MAP_END - PAGE, PAGE) == -NOM_EINVAL);
    CHECK(*(volatile uint64_t *)(NOM_MAP_END - 8) == 0);
    return check_end("lib");
}

static int below(void) {
    volatile unsigned char *memory = plat_reserve(8 * PAGE);
    memory[0] = 1;
    plat_log("lib: touching %llx", (unsigned long long)(uintptr_t)(memory - 1));
    return memory[-1];
}

/* All of memory: ends the app by a fault that finds no frame. */
static int all_memory(void) {
    volatile unsigned char *memory = plat_reserve((size_t)8 << 30);
    if (!memory)
        return 1;
    for (uint64_t i = 0;; i += PAGE)
        memory[i] = 1;
}

static volatile unsigned char *untouched;

static void touch(uint64_t event, uint64_t which) {
    (void)event;
    (void)which;
    untouched[0] = 1;
}

/* A fault within an upcall ends the app, also one that would be repaired elsewhere. */
static int in_handler(void) {
    untouched = plat_reserve(PAGE);
    plat_on_event(NOM_EVENT_CORE, touch);
    plat_core_notify(0);
    return 1;
}

/* ---- cores and threads ---- */

static volatile unsigned ran;

static void on_core(void *argument) {
    unsigned core = plat_core_index();
    if (core == *(unsigned *)argument && vectors_stay(core, 100000))
        __atomic_fetch_add(&ran, 1, __ATOMIC_SEQ_CST);
}

static void wait_for(volatile unsigned *value, unsigned expected) {
    uint64_t end_us = plat_now_us() + PATIENCE_US;
    while (*value != expected && plat_now_us() < end_us)
        plat_wait(100);
}

/* Every core, taken and given back many times. */
static int cores(void) {
    static unsigned expected[PLAT_CORES_MAX];
    unsigned n = plat_board()->cores;
    for (unsigned round = 0; round < 20; round++) {
        ran = 0;
        for (unsigned i = 1; i < n; i++) {
            int core = -1;
            uint64_t end_us = plat_now_us() + PATIENCE_US;
            while (core < 0 && plat_now_us() < end_us) {
                for (unsigned j = 1; j < n; j++)
                    expected[j] = j;
                core = plat_core_start(on_core, &expected[i]);
                if (core < 0)
                    plat_wait(100);
                else
                    expected[i] = (unsigned)core;
            }
            CHECK(core > 0);
            wait_for(&ran, i);
        }
        CHECK(ran == n - 1);
    }
    return check_end("lib");
}

static struct thread_mutex mutex;
static uint64_t counted;

static void count(void *seed) {
    for (unsigned i = 0; i < 300; i++) {
        thread_mutex_lock(&mutex);
        uint64_t before = counted;
        if (i % 16 == 0)
            thread_yield();
        counted = before + 1;
        thread_mutex_unlock(&mutex);
        if (i % 64 == 0)
            thread_sleep_us(200);
        if (i % 100 == 0 && !vectors_stay((uintptr_t)seed, 1000))
            counted = 0;
    }
}

static int threads(unsigned want) {
    struct thread *t[48];
    CHECK(thread_start() == 0);
    CHECK(thread_add_cores(want - 1) == want);
    uint64_t calls = plat_board()->counters.system_calls;
    struct thread *first = thread_create(count, NULL, 0);
    thread_join(first);
    for (unsigned i = 0; i < 48; i++)
        t[i] = thread_create(count, (void *)(uintptr_t)i, THREAD_ANY_CORE);
    for (unsigned i = 0; i < 48; i++)
        thread_join(t[i]);
    CHECK(counted == 49 * 300);
    (void)calls;
    plat_log("lib: threads on %u cores", thread_cores());
    return check_end("lib");
}

/* Nothing but threads that always have something to do: no call at all. */
static void yield_much(void *unused) {
    (void)unused;
    for (unsigned i = 0; i < 100000; i++)
        thread_yield();
}

static int quiet(void) {
    CHECK(thread_start() == 0);
    struct thread *a = thread_create(yield_much, NULL, 0), *b = thread_create(yield_much, NULL, 0);
    thread_yield(); /* their stacks are there */
    const volatile struct nom_board *board = plat_board();
    uint64_t calls = board->counters.system_calls, faults = exceptions();
    uint64_t start = plat_now_tsc();
    thread_join(a);
    thread_join(b);
    uint64_t ns = plat_tsc_to_ns(plat_now_tsc() - start);
    CHECK(board->counters.system_calls == calls && exceptions() == faults);
    plat_log("lib: %llu ns a switch", (unsigned long long)(ns / 200000));
    return check_end("lib");
}

int plat_main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    unsigned number = argc > 2 ? (unsigned)(argv[2][0] - '0') : 1;
    if (strcmp(what, "events") == 0)
        return events();
    if (strcmp(what, "vectors") == 0)
        return vectors(number);
    if (strcmp(what, "lazy") == 0)
        return lazy();
    if (strcmp(what, "below") == 0)
        return below();
    if (strcmp(what, "all-memory") == 0)
        return all_memory();
    if (strcmp(what, "in-handler") == 0)
        return in_handler();
    if (strcmp(what, "cores") == 0)
        return cores();
    if (strcmp(what, "threads") == 0)
        return threads(number);
    if (strcmp(what, "quiet") == 0)
        return quiet();
    plat_log("lib: nothing to do");
    return 2;
}
