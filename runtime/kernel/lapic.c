/*
 * The xAPIC's registers, at the address it has after reset; every access leaves the virtual
 * machine, so they are few.
 */
#include "lapic.h"
#include "interrupt.h"

#define ID            0x20
#define END           0xb0 /* of an interrupt */
#define SPURIOUS      0xf0
#define IN_SERVICE    0x100 /* a bit a vector, 32 to a register, registers 16 bytes apart */
#define COMMAND_LOW   0x300
#define COMMAND_HIGH  0x310
#define LOCAL_TIMER   0x320
#define TIMER_INITIAL 0x380
#define TIMER_CURRENT 0x390
#define TIMER_DIVIDE  0x3e0

#define ENABLED   0x100u
#define MASKED    0x10000u
#define BY_16     3u
#define ASSERT    0x4000u
#define INIT      0x500u
#define STARTUP   0x600u
#define BASE_MASK 0xfffff000u
#define COUNT_MAX 0xffffffffu
#define FAR_TSC   (1ULL << 34)
#define ROUNDS    5
#define ROUND_US  400

static const uint16_t local_sources[] = {LOCAL_TIMER, 0x330, 0x340, 0x350, 0x360, 0x370};

static uint64_t base;
static uint64_t ticks_per_tsc; /* of the timer, times 2^32 */

static uint32_t read(uint32_t offset) {
    return *(volatile uint32_t *)nk_direct(base + offset);
}

static void write(uint32_t offset, uint32_t value) {
    *(volatile uint32_t *)nk_direct(base + offset) = value;
}

void nk_lapic_start(void) {
    base = nk_msr_read(NK_MSR_APIC_BASE) & BASE_MASK;
    write(SPURIOUS, ENABLED | NK_VECTOR_SPURIOUS);
    for (unsigned i = 0; i < sizeof local_sources / sizeof local_sources[0]; i++)
        write(local_sources[i], MASKED);
    write(TIMER_DIVIDE, BY_16);
    write(LOCAL_TIMER, NK_VECTOR_TIMER); /* one-shot; it has no count yet */
}

uint32_t nk_lapic_id(void) {
    return read(ID) >> 24;
}

void nk_lapic_acknowledge(void) {
    write(END, 0);
}

bool nk_lapic_serves(unsigned vector) {
    return read(IN_SERVICE + vector / 32 * 16) >> vector % 32 & 1;
}

/* Both ends of a round are a reading of the timer between two of the TSC: the round where these are
 * nearest to each other counts. */
void nk_lapic_timer_start(uint64_t tsc_hz) {
    uint64_t least = UINT64_MAX;
    write(LOCAL_TIMER, MASKED);
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t before = nk_tsc();
        write(TIMER_INITIAL, COUNT_MAX);
        uint64_t begin = nk_tsc();
        while (nk_tsc() - begin < tsc_hz / 1000000 * ROUND_US)
            ;
        uint64_t end = nk_tsc();
        uint32_t ticks = COUNT_MAX - read(TIMER_CURRENT);
        uint64_t after = nk_tsc(), width = begin - before + after - end;
        if (width < least) {
            least = width;
            ticks_per_tsc = ((uint64_t)ticks << 32) / ((end + after - before - begin) / 2);
        }
    }
    write(TIMER_INITIAL, 0);
    write(LOCAL_TIMER, NK_VECTOR_TIMER);
}

void nk_lapic_timer(uint64_t in_tsc) {
    uint64_t ticks = 0;
    if (in_tsc > 0)
        ticks = ((in_tsc < FAR_TSC ? in_tsc : FAR_TSC) * ticks_per_tsc >> 32) + 1;
    write(TIMER_INITIAL, ticks < COUNT_MAX ? (uint32_t)ticks : COUNT_MAX);
}

static void command(uint32_t apic_id, uint32_t what) {
    write(COMMAND_HIGH, apic_id << 24);
    write(COMMAND_LOW, what);
}

void nk_lapic_call(uint32_t apic_id) {
    command(apic_id, ASSERT | NK_VECTOR_CORE);
}

void nk_lapic_reset(uint32_t apic_id) {
    command(apic_id, ASSERT | INIT);
}

void nk_lapic_boot(uint32_t apic_id, uint32_t page) {
    command(apic_id, ASSERT | STARTUP | page >> 12);
}
