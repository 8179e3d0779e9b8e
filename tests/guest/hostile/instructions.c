/*
 * Everything that ring 3 might try with instructions alone. An attempt is refused if it faults, or
 * if it had no effect. The list of addresses is what the app knows of its own space and of the
 * kernel's, and thousands that it does not know.
 */
#include "hostile.h"

#define RANDOM_ADDRESSES  2000u
#define RANDOM_PORTS      100u
#define RANDOM_MSRS       20u
/* Where ring 0 is interpreted, a fault costs a hundred times as much: so many of these. */
#define FEWER             10u
#define HYPERVISOR_VECTOR 0x1au
#define SELECTORS         0x48u
#define APP_IMAGE_START   0x10000ULL
#define APP_SPACE_END     0x8000000000ULL

extern const char hostile_recover[];
extern uint64_t hostile_rsp;
uint64_t hostile_vector, hostile_address;

static unsigned attempts, refused, succeeded;
static uint64_t wanted_flags; /* with which the handler goes on */
static const char constant[] = "constant";
static uint64_t data_word = 0xc3; /* ret, were it executed */

static unsigned some(unsigned count) {
    return plat_call_entry() == NOM_ENTRY_SYSCALL ? count : count / FEWER;
}

static bool handle(struct nom_context *context) {
    hostile_vector = context->fault_vector;
    hostile_address = context->fault_address;
    context->saved.rip = (uint64_t)hostile_recover;
    context->saved.rsp = hostile_rsp;
    context->saved.rflags = wanted_flags;
    return true;
}

void hostile_start(void) {
    wanted_flags = 0;
    plat_on_fault(handle);
}

static bool try(uint64_t (*stub)(uint64_t, uint64_t), const char *name, uint64_t a, uint64_t b) {
    const volatile uint64_t *preemptions = &plat_board()->events.preemptions;
    uint64_t result, before;
    bool faulted;
    attempts++;
    do { /* an upcall in the midst of it ends what a trap flag was to bring about */
        before = *preemptions;
        faulted = hostile_try(stub, a, b, &result);
    } while (!faulted && result != 0 && *preemptions != before);
    if (faulted || result == 0) {
        refused++;
        return true;
    }
    succeeded++;
    plat_log("hostile: %s(0x%llx, 0x%llx) succeeded: 0x%llx", name, (unsigned long long)a,
             (unsigned long long)b, (unsigned long long)result);
    return false;
}

static void instructions(void) {
    static const uint64_t flags[] = {~0ULL, 0x3000, 0x100, 0x4000, 0x20000, 0x180000};
    for (const struct hostile_attempt *a = hostile_attempts; a->stub; a++)
        try(a->stub, a->name, 0, 0);
    for (const struct hostile_attempt *a = hostile_natives; a->stub; a++)
        if (plat_call_entry() == NOM_ENTRY_SYSCALL)
            try(a->stub, a->name, 0, 0);
    /* The hypervisor itself may take one that our kernel's table refuses (here: 0x1a), and go on.
     */
    for (unsigned n = 0; n < 256; n++)
        if (n != HYPERVISOR_VECTOR || plat_call_entry() == NOM_ENTRY_SYSCALL)
            try((uint64_t(*)(uint64_t, uint64_t))(hostile_interrupts + n * HOSTILE_INTERRUPT_BYTES),
                "int", n, 0);
    /* Flags that an upcall asks to go on with. */
    for (unsigned i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        wanted_flags = flags[i];
        try(hostile_attempts[0].stub, hostile_attempts[0].name, 0, 0);
        try(hostile_flags, "flags after an upcall", flags[i], 0);
    }
    wanted_flags = 0;
}

static void selectors(struct seeded *random) {
    for (const struct hostile_attempt *a = hostile_selectors; a->stub; a++)
        for (unsigned n = 0; n < SELECTORS + 32; n++)
            try(a->stub, a->name, n < SELECTORS ? n : seeded_below(random, 65536), 0);
}

static void ports(struct seeded *random) {
    static const uint16_t list[] = {0x20,  0x21,  0x40,  0x43,  0x60,  0x64,   0x70,  0x71,
                                    0x80,  0x92,  0xa0,  0xa1,  0xb2,  0xf4,   0x170, 0x1f0,
                                    0x2f8, 0x3f8, 0x402, 0x510, 0x511, 0x514,  0x600, 0x604,
                                    0xcd8, 0xcf8, 0xcf9, 0xcfc, 0xcff, 0xb004, 0xffff};
    const unsigned count = sizeof list / sizeof list[0];
    for (const struct hostile_attempt *a = hostile_ports; a->stub; a++)
        for (unsigned n = 0; n < count + some(RANDOM_PORTS); n++)
            try(a->stub, a->name, n < count ? list[n] : seeded_below(random, 65536),
                seeded_next(random));
}

static void msrs(struct seeded *random) {
    static const uint32_t list[] = {0x10,       0x1b,       0x3a,       0x8b,       0x174,
                                    0x175,      0x176,      0x1a0,      0x1d9,      0x277,
                                    0x2ff,      0x6e0,      0x800,      0x830,      0x83f,
                                    0xda0,      0x4b564d00, 0x4b564d01, 0xc0000080, 0xc0000081,
                                    0xc0000082, 0xc0000083, 0xc0000084, 0xc0000100, 0xc0000101,
                                    0xc0000102, 0xc0000103, 0xc0010015, 0xc0010117};
    const unsigned count = sizeof list / sizeof list[0];
    for (unsigned n = 0; n < count + some(RANDOM_MSRS); n++) {
        uint64_t msr = n < count ? list[n] : seeded_next(random) & 0xffffffff;
        try(hostile_rdmsr, "rdmsr", msr, 0);
        try(hostile_wrmsr, "wrmsr", msr, 0);
        try(hostile_wrmsr, "wrmsr", msr, seeded_next(random));
    }
}

/* Where nothing is mapped. */
static void nothing_at(uint64_t address) {
    try(hostile_read, "read", address, 0);
    try(hostile_write, "write", address, 0);
    try(hostile_jump, "jump", address, 0);
    try(hostile_push, "push", address, 0);
}

/* Where the app may read. */
static void read_only(uint64_t address) {
    uint64_t before = *(const volatile uint8_t *)address;
    try(hostile_write, "write", address, 0);
    try(hostile_push, "push", address, 0);
    try(hostile_jump, "jump", address, 0);
    if (*(const volatile uint8_t *)address != before) {
        plat_log("hostile: 0x%llx has changed", (unsigned long long)address);
        succeeded++;
    }
}

/* All pages of an area and the first on either side that is none of it. */
static uint64_t area(uint64_t address) {
    uint64_t low = address & ~(PAGE - 1), high = low;
    while (hostile_behind(low - PAGE))
        low -= PAGE;
    while (hostile_behind(high + PAGE))
        high += PAGE;
    nothing_at(low - 1);
    nothing_at(low - PAGE);
    nothing_at(high + PAGE);
    nothing_at(high + 2 * PAGE - 1);
    return low;
}

static void own(const void *initrd) {
    uint64_t local = 0xc3, board = (uint64_t)plat_board(), prices = (uint64_t)plat_prices();
    read_only(board);
    read_only(board + PAGE - 8);
    read_only(prices);
    read_only(board - 2 * PAGE); /* the start page */
    read_only((uint64_t)initrd);
    read_only((uint64_t)constant);
    /* Text may be executed, so it is only written. */
    try(hostile_write, "write", (uint64_t)hostile_start, 0);
    try(hostile_push, "push", (uint64_t)hostile_start, 0);
    try(hostile_jump, "jump", (uint64_t)&data_word, 0);
    try(hostile_jump, "jump", (uint64_t)&local, 0);
    try(hostile_jump, "jump", (uint64_t)hostile_context(), 0);
    try(hostile_jump, "jump", (uint64_t)plat_dma_alloc(PAGE), 0);
    area(board);
    area(prices);
    area(board - 2 * PAGE);
    area((uint64_t)&local);
    area((uint64_t)hostile_context());
    area((uint64_t)hostile_start);
    for (uint64_t page = 0; page < APP_IMAGE_START; page += PAGE)
        nothing_at(page);
}

static void kernels(struct seeded *random) {
    for (uint64_t page = 0; page < some(300); page++)
        nothing_at(KERNEL_IMAGE + page * PAGE + seeded_below(random, PAGE));
    static const uint64_t physical[] = {0,          0x8000,     0xa0000,    0xe0000,    0x100000,
                                        0x200000,   0x1000000,  0x7ffff000, 0xb0000000, 0xe0000000,
                                        0xfec00000, 0xfed00000, 0xfee00000, 0xfffffff0};
    for (unsigned i = 0; i < sizeof physical / sizeof physical[0]; i++) {
        nothing_at(KERNEL_DIRECT + physical[i]);
        nothing_at(KERNEL_IMAGE + physical[i]);
        if (!hostile_behind(physical[i]))
            nothing_at(physical[i]);
    }
    for (unsigned i = 0; i < 64; i++)
        nothing_at(DEVICES_START + i * LARGE); /* the neighbour's devices, in its space */
    static const uint64_t borders[] = {HALF_END - 8,  HALF_END,
                                       HALF_END + 8,  APP_SPACE_END - 8,
                                       APP_SPACE_END, KERNEL_DIRECT - 8,
                                       KERNEL_DIRECT, KERNEL_IMAGE - 8,
                                       NOT_CANONICAL, ~0ULL,
                                       ~0ULL - 7,     0xffffffffff600000ULL};
    for (unsigned i = 0; i < sizeof borders / sizeof borders[0]; i++)
        nothing_at(borders[i]);
}

static void anywhere(struct seeded *random) {
    for (unsigned i = 0; i < some(RANDOM_ADDRESSES); i++) {
        uint64_t address = seeded_next(random);
        switch (i % 4) {
        case 0:
            address |= KERNEL_DIRECT;
            break;
        case 1:
            address = KERNEL_DIRECT + (address & 0xffffffff);
            break;
        case 2:
            address &= APP_SPACE_END - 1;
            break;
        default:
            address >>= seeded_below(random, 64);
        }
        if (hostile_behind(address) == 0 && hostile_behind(address - 8) == 0)
            nothing_at(address);
    }
}

/* Calls on stacks that are not the app's. */
static void stacks(struct seeded *random) {
    uint64_t entry = plat_call_entry();
    const uint64_t list[] = {0,
                             8,
                             KERNEL_IMAGE,
                             KERNEL_DIRECT,
                             NOT_CANONICAL,
                             ~0ULL,
                             ~0ULL - 7,
                             HALF_END,
                             HALF_END - 8,
                             (uint64_t)plat_board() + 64,
                             (uint64_t)constant,
                             1};
    for (unsigned i = 0; i < sizeof list / sizeof list[0]; i++)
        try(hostile_call_rsp, "call on a stack", list[i], entry);
    for (unsigned i = 0; i < 100; i++)
        try(hostile_call_rsp, "call on a stack", seeded_next(random), entry);
}

int hostile_instructions(uint64_t seed) {
    struct seeded random = {seed};
    const void *initrd = NULL;
    size_t bytes;
    plat_file_next(0, &initrd, &bytes);
    hostile_start();
    instructions();
    selectors(&random);
    ports(&random);
    msrs(&random);
    own(initrd);
    kernels(&random);
    anywhere(&random);
    stacks(&random);
    plat_log("hostile: %u attempts, %u refused, %u succeeded", attempts, refused, succeeded);
    return succeeded ? 1 : 0;
}
