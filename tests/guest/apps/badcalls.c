/*
 * Every system call with arguments it must refuse: the right error, and nothing happens. Then what
 * a call must leave alone: registers, flags, the counters it does not belong to.
 */
#include "check.h"
#include "runtime/abi/context.h"
#include "runtime/abi/start.h"
#include "runtime/platform/nom/call.h"
#include <string.h>

#define NULL_PAGE     0x10ULL
#define KERNEL_IMAGE  0xffffffff80101000ULL
#define KERNEL_DIRECT 0xffff800000100000ULL
#define NOT_CANONICAL 0x1234567890abcdefULL
#define HALF_END      0x00007ffffffffff8ULL
#define ALMOST_ALL    0xfffffffffffffff0ULL

static const char constant[64] = "constant";

/* Addresses where the kernel may not write for an app. */
static unsigned unwritable(uint64_t *list, uint64_t stack_top) {
    const void *file;
    size_t bytes;
    unsigned n = 0;
    list[n++] = 0;
    list[n++] = NULL_PAGE;
    list[n++] = KERNEL_IMAGE;
    list[n++] = KERNEL_DIRECT;
    list[n++] = NOT_CANONICAL;
    list[n++] = HALF_END;
    list[n++] = ALMOST_ALL;
    list[n++] = (uint64_t)constant;
    list[n++] = (uint64_t)plat_main;
    list[n++] = (uint64_t)plat_board();
    list[n++] = stack_top - 4; /* the rest lies beyond */
    if (plat_file_next(0, &file, &bytes))
        list[n++] = (uint64_t)file;
    return n;
}

static void numbers(void) {
    CHECK(plat_call(NOM_SYS_COUNT, 0, 0, 0) == -NOM_EINVAL);
    CHECK(plat_call(~0ULL, 0, 0, 0) == -NOM_EINVAL);
    CHECK(plat_call(1ULL << 32, 0, 0, 0) == -NOM_EINVAL);
    CHECK(plat_call(NOM_SYS_EXIT, NOM_EXIT_STATUS_MAX + 1, 0, 0) == -NOM_EINVAL);
    CHECK(plat_call(NOM_SYS_EXIT, ~0ULL, 0, 0) == -NOM_EINVAL);
    CHECK(plat_call(NOM_SYS_EXIT, 1ULL << 32, 0, 0) == -NOM_EINVAL);
}

static void prints(uint64_t stack_top) {
    static char text[NOM_PRINT_MAX + 1];
    memset(text, 'x', sizeof text);
    CHECK(plat_call(NOM_SYS_PRINT, (uint64_t)text, NOM_PRINT_MAX + 1, 0) == -NOM_EINVAL);
    CHECK(plat_call(NOM_SYS_PRINT, (uint64_t)text, ~0ULL, 0) == -NOM_EINVAL);
    const uint64_t bad[] = {0,        NULL_PAGE,     KERNEL_IMAGE, KERNEL_DIRECT,
                            HALF_END, NOT_CANONICAL, ALMOST_ALL,   stack_top - 4};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK(plat_call(NOM_SYS_PRINT, bad[i], 64, 0) == -NOM_EFAULT);
    CHECK(plat_call(NOM_SYS_PRINT, (uint64_t) "control \x1b\a characters", 20, 0) == 0);
}

static void queries(const uint64_t *bad, unsigned bad_count) {
    struct nom_resource resource = {0};
    uint64_t physical, out = (uint64_t)&resource;
    CHECK(plat_call(NOM_SYS_QUERY, 0, 0, out) == -NOM_EINVAL);
    CHECK(plat_call(NOM_SYS_QUERY, 3, 0, out) == -NOM_EINVAL);
    CHECK(plat_call(NOM_SYS_QUERY, ~0ULL, 0, out) == -NOM_EINVAL);
    uint32_t count = plat_board()->resource_count;
    CHECK(plat_call(NOM_SYS_QUERY, NOM_QUERY_RESOURCE, count - 1, out) == 0);
    CHECK(memcmp(&resource, &plat_board()->resources[count - 1], sizeof resource) == 0);
    CHECK(plat_call(NOM_SYS_QUERY, NOM_QUERY_RESOURCE, count, out) == -NOM_ENOENT);
    CHECK(plat_call(NOM_SYS_QUERY, NOM_QUERY_RESOURCE, 1ULL << 32, out) == -NOM_ENOENT);
    CHECK(plat_call(NOM_SYS_QUERY, NOM_QUERY_RESOURCE, ~0ULL, out) == -NOM_ENOENT);
    for (unsigned i = 0; i < bad_count; i++) {
        CHECK(plat_call(NOM_SYS_QUERY, NOM_QUERY_RESOURCE, 0, bad[i]) == -NOM_EFAULT);
        CHECK(plat_call(NOM_SYS_QUERY, NOM_QUERY_PHYSICAL, out, bad[i]) == -NOM_EFAULT);
    }
    out = (uint64_t)&physical;
    const uint64_t nowhere[] = {0, NULL_PAGE, KERNEL_IMAGE, KERNEL_DIRECT, NOT_CANONICAL, ~0ULL};
    for (unsigned i = 0; i < sizeof nowhere / sizeof nowhere[0]; i++)
        CHECK(plat_call(NOM_SYS_QUERY, NOM_QUERY_PHYSICAL, nowhere[i], out) == -NOM_EFAULT);
}

static void acquisitions(const uint64_t *bad, unsigned bad_count) {
    const struct nom_board *board = plat_board();
    struct nom_device device = {0};
    uint64_t out = (uint64_t)&device;
    CHECK(plat_call(NOM_SYS_ACQUIRE, 0, out, 0) == -NOM_ENOENT);
    CHECK(plat_call(NOM_SYS_ACQUIRE, board->resource_count + 1, out, 0) == -NOM_ENOENT);
    CHECK(plat_call(NOM_SYS_ACQUIRE, ~0ULL, out, 0) == -NOM_ENOENT);
    CHECK(plat_call(NOM_SYS_ACQUIRE, 1ULL << 32 | 1, out, 0) == -NOM_ENOENT);
    for (uint32_t i = 0; i < board->resource_count; i++) {
        const struct nom_resource *r = &board->resources[i];
        CHECK(r->id == i + 1);
        CHECK(r->owner == (r->kind == NOM_RESOURCE_CORE && i == 0));
        if (r->kind == NOM_RESOURCE_CORE || r->kind == NOM_RESOURCE_PRICES)
            continue;
        if (r->kind != NOM_RESOURCE_PCI || r->pci_class == 6) {
            CHECK(plat_call(NOM_SYS_ACQUIRE, r->id, out, 0) == -NOM_EINVAL);
            continue;
        }
        for (unsigned j = 0; j < bad_count; j++)
            CHECK(plat_call(NOM_SYS_ACQUIRE, r->id, bad[j], 0) == -NOM_EFAULT);
        CHECK(r->owner == 0);
    }
}

/* Addresses that the kernel may not even read. */
static const uint64_t unreadable[] = {0,        NULL_PAGE,     KERNEL_IMAGE, KERNEL_DIRECT,
                                      HALF_END, NOT_CANONICAL, ALMOST_ALL};

static void cores(void) {
    struct nom_core_start start = {.entry = (uint64_t)plat_main};
    uint64_t in = (uint64_t)&start;
    for (unsigned i = 0; i < sizeof unreadable / sizeof unreadable[0]; i++)
        CHECK(plat_call(NOM_SYS_ACQUIRE, 1, unreadable[i], 0) == -NOM_EFAULT);
    CHECK(plat_call(NOM_SYS_ACQUIRE, 1, in, 0) == -NOM_EBUSY);
    start.entry = KERNEL_IMAGE;
    CHECK(plat_call(NOM_SYS_ACQUIRE, 1, in, 0) == -NOM_EINVAL);
    start.entry = NOT_CANONICAL;
    CHECK(plat_call(NOM_SYS_ACQUIRE, 1, in, 0) == -NOM_EINVAL);
    CHECK(plat_call(NOM_SYS_RELEASE, 1, 0, 0) == -NOM_EINVAL); /* the last */
    CHECK(plat_call(NOM_SYS_RELEASE, 0, 0, 0) == -NOM_ENOENT);
    CHECK(plat_call(NOM_SYS_RELEASE, 2, 0, 0) == -NOM_EINVAL); /* memory */
    CHECK(plat_call(NOM_SYS_RELEASE, ~0ULL, 0, 0) == -NOM_ENOENT);
    CHECK(plat_call(NOM_SYS_RELEASE, 1ULL << 32 | 1, 0, 0) == -NOM_ENOENT);
}

static void prices(const uint64_t *bad, unsigned bad_count) {
    uint64_t address = 0, id = 1;
    while (plat_board()->resources[id - 1].kind != NOM_RESOURCE_PRICES)
        id++;
    CHECK(plat_call(NOM_SYS_NOTIFY, NOM_NOTIFY_PRICES, 0, 0) == -NOM_EPERM);
    CHECK(plat_call(NOM_SYS_RELEASE, id, 0, 0) == -NOM_EPERM);
    for (unsigned i = 0; i < bad_count; i++)
        CHECK(plat_call(NOM_SYS_ACQUIRE, id, bad[i], 0) == -NOM_EFAULT);
    CHECK(plat_call(NOM_SYS_ACQUIRE, id, (uint64_t)&address, 0) == 0);
    CHECK(plat_call(NOM_SYS_ACQUIRE, id, (uint64_t)&address, 0) == -NOM_EBUSY);
    CHECK(plat_board()->resources[id - 1].owner == 1);
    CHECK(*(volatile uint64_t *)address == 0);
    *(volatile uint64_t *)address = 0;
    CHECK(plat_call(NOM_SYS_NOTIFY, NOM_NOTIFY_PRICES, 0, 0) == 0);
    CHECK(plat_call(NOM_SYS_WAIT, NOM_EVENT_PRICES, 0, 0) == NOM_EVENT_PRICES);
    CHECK(plat_call(NOM_SYS_RELEASE, id, 0, 0) == 0);
    CHECK(plat_board()->resources[id - 1].owner == 0);
    CHECK(plat_call(NOM_SYS_QUERY, NOM_QUERY_PHYSICAL, address, address) == -NOM_EFAULT);
}

static void events(void) {
    CHECK(plat_call(NOM_SYS_WAIT, 0, 0, 0) == -NOM_EINVAL); /* for ever */
    CHECK(plat_call(NOM_SYS_WAIT, NOM_EVENT_TIME, 0, 0) == -NOM_EINVAL);
    CHECK(plat_call(NOM_SYS_WAIT, NOM_EVENT_FAULT, 1, 0) == -NOM_EINVAL);
    CHECK(plat_call(NOM_SYS_WAIT, NOM_EVENT_PREEMPT, 1, 0) == -NOM_EINVAL);
    CHECK(plat_call(NOM_SYS_WAIT, ~0ULL, 1, 0) == -NOM_EINVAL);
    CHECK(plat_call(NOM_SYS_RESUME, NOM_RESUME_SAVED, 0, 0) == -NOM_EINVAL); /* no upcall */
    CHECK(plat_call(NOM_SYS_RESUME, NOM_RESUME_FAULT, 0, 0) == -NOM_EINVAL);
    CHECK(plat_call(NOM_SYS_RESUME, ~0ULL, 0, 0) == -NOM_EINVAL);
    CHECK(plat_call(NOM_SYS_NOTIFY, 0, 0, 0) == -NOM_EINVAL);
    CHECK(plat_call(NOM_SYS_NOTIFY, ~0ULL, 0, 0) == -NOM_EINVAL);
    CHECK(plat_call(NOM_SYS_NOTIFY, NOM_NOTIFY_CORE, 1, 0) == -NOM_ENOENT);
    CHECK(plat_call(NOM_SYS_NOTIFY, NOM_NOTIFY_CORE, 1ULL << 32, 0) == -NOM_ENOENT);
    CHECK(plat_call(NOM_SYS_NOTIFY, NOM_NOTIFY_CORE, ~0ULL, 0) == -NOM_ENOENT);
}

static void grants(const uint64_t *bad, unsigned bad_count) {
    struct nom_frames grant = {0};
    uint64_t out = (uint64_t)&grant, free_bytes = plat_board()->memory_free_bytes;
    CHECK(plat_call(NOM_SYS_GRANT, 0, 0, out) == -NOM_EINVAL);
    CHECK(plat_call(NOM_SYS_GRANT, 4096, 1, out) == -NOM_EINVAL);
    CHECK(plat_call(NOM_SYS_GRANT, 4096, 1ULL << 63, out) == -NOM_EINVAL);
    CHECK(plat_call(NOM_SYS_GRANT, ~0ULL, 0, out) == -NOM_EINVAL);
    CHECK(plat_call(NOM_SYS_GRANT, 1ULL << 63, 0, out) == -NOM_EINVAL);
    CHECK(plat_call(NOM_SYS_GRANT, NOM_GRANT_BYTES_MAX + 1, 0, out) == -NOM_EINVAL);
    for (unsigned i = 0; i < bad_count; i++)
        CHECK(plat_call(NOM_SYS_GRANT, 2 << 20, 0, bad[i]) == -NOM_EFAULT);
    CHECK(grant.bytes == 0);
    CHECK(plat_board()->memory_free_bytes == free_bytes);
}

static uint32_t entry_now __attribute__((used)); /* every register is taken */

/* True if a call with every flag an app may set in force gives its result and keeps the registers
 * it should. */
static int registers_kept(void) {
    uint64_t result, kept;
    entry_now = plat_call_entry();
    __asm__ volatile("push %%rbp\n"
                     "mov $0x1111, %%rbx; mov $0x2222, %%rbp; mov $0x3333, %%r8\n"
                     "mov $0x4444, %%r9; mov $0x5555, %%r10; mov $0x6666, %%r12\n"
                     "mov $0x7777, %%r13; mov $0x8888, %%r14; mov $0x9999, %%r15\n"
                     "mov $0xaaaa, %%rdi; mov $0xbbbb, %%rsi; mov $0xcccc, %%rdx\n"
                     "movq %%rbx, %%xmm7\n"
                     "pushfq; orq $0x44400, (%%rsp); popfq\n" /* DF, NT, AC */
                     "cmpl $1, entry_now(%%rip)\n"
                     "mov %2, %%rcx\n"
                     "mov $99, %%eax\n"
                     "jne 1f\n"
                     "syscall\n"
                     "jmp 2f\n"
                     "1: ud2\n"
                     "2: pushfq; andq $~0x44400, (%%rsp); popfq\n"
                     "movq %%xmm7, %%rcx\n"
                     "add %%rbx, %%rcx; add %%rbp, %%rcx; add %%r8, %%rcx; add %%r9, %%rcx\n"
                     "add %%r10, %%rcx; add %%r12, %%rcx; add %%r13, %%rcx; add %%r14, %%rcx\n"
                     "add %%r15, %%rcx; add %%rdi, %%rcx; add %%rsi, %%rcx; add %%rdx, %%rcx\n"
                     "pop %%rbp"
                     : "=&a"(result), "=&c"(kept)
                     : "i"(NOM_FAULT_CALL_MAGIC)
                     : "rbx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
                       "r15", "xmm7", "memory", "cc");
    return (int64_t)result == -NOM_EINVAL &&
           kept == 0x1111 + 0x1111 * (1 + 2 + 3 + 4 + 5 + 6 + 7 + 8 + 9 + 10 + 11 + 12);
}

int plat_main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    const struct nom_board *board = plat_board();
    uint64_t bad[16], local;
    /* The stack ends on the first page border above that belongs to no page of it. */
    uint64_t stack_top = (uint64_t)&local & ~4095ULL;
    while (plat_call(NOM_SYS_QUERY, NOM_QUERY_PHYSICAL, stack_top, (uint64_t)&local) == 0)
        stack_top += 4096;
    unsigned bad_count = unwritable(bad, stack_top);

    uint64_t calls = board->counters.system_calls;
    numbers();
    CHECK(board->counters.system_calls - calls == 6);
    prints(stack_top);
    queries(bad, bad_count);
    acquisitions(bad, bad_count);
    cores();
    prices(bad, bad_count);
    events();
    grants(bad, bad_count);
    CHECK(registers_kept());
    CHECK(board->counters.exceptions == 0);
    CHECK(board->counters.timer_interrupts == 0);
    CHECK(board->counters.device_interrupts == 0);
    return check_end("badcalls");
}
