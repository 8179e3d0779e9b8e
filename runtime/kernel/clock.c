/*
 * The frequency comes from the hypervisor where it tells (kvmclock; exact). Otherwise the TSC is
 * compared with a clock of fixed rate, the first of these that runs: HPET, ACPI PM timer, PIT
 * channel 2. Each end of an interval is the tightest of a few readings of that clock between two
 * of the TSC, and the result the median over several intervals, so that a host that takes the core
 * away now and then spoils nothing.
 */
#include "clock.h"
#include "console.h"
#include "pci.h"

#define KVM_SIGNATURE_LEAF 0x40000000u
#define KVM_FEATURES_LEAF  0x40000001u
#define KVM_CLOCK_OLD      (1u << 0)
#define KVM_CLOCK_NEW      (1u << 3)
#define KVM_MSR_CLOCK_OLD  0x12u
#define KVM_MSR_CLOCK_NEW  0x4b564d01u

#define INTERVALS   7
#define INTERVAL_US 2000
#define TRIES       4

#define RING0_ITERATIONS 256
#define RING0_ROUNDS     3

#define HPET               0xfed00000u
#define HPET_PERIOD_FS_MAX 100000000u
#define PM_TIMER_HZ        3579545u
#define PIT_HZ             1193182u

struct kvm_clock {
    uint32_t version, pad;
    uint64_t tsc_timestamp, system_time;
    uint32_t tsc_to_system_mul;
    int8_t tsc_shift;
    uint8_t flags, pad2[2];
};
_Static_assert(sizeof(struct kvm_clock) == 32, "pvclock_vcpu_time_info");

/* A clock to compare with: counts up, wraps at mask. */
struct reference {
    const char *name;
    uint64_t hz;
    uint64_t mask;
    uint64_t (*read)(void);
};

static uint16_t pm_timer_port;

static uint64_t kvm_tsc_hz(void) {
    static volatile struct kvm_clock clock __attribute__((aligned(64)));
    struct nk_cpuid id = nk_cpuid(KVM_SIGNATURE_LEAF, 0);
    if (id.b != 0x4b4d564b || id.c != 0x564b4d56 || id.d != 0x4d) /* "KVMKVMKVM" */
        return 0;
    uint32_t features = nk_cpuid(KVM_FEATURES_LEAF, 0).a;
    if (!(features & (KVM_CLOCK_OLD | KVM_CLOCK_NEW)))
        return 0;
    uint32_t msr = features & KVM_CLOCK_NEW ? KVM_MSR_CLOCK_NEW : KVM_MSR_CLOCK_OLD;
    nk_msr_write(msr, nk_image_physical((const void *)&clock) | 1);
    uint64_t mul = clock.tsc_to_system_mul;
    int shift = clock.tsc_shift;
    nk_msr_write(msr, 0);
    if (mul == 0 || shift < -31 || shift > 31)
        return 0;
    uint64_t hz = (1000000000ULL << 32) / mul;
    return shift < 0 ? hz << -shift : hz >> shift;
}

static volatile uint64_t *hpet(uint32_t offset) {
    return nk_direct(HPET + offset);
}

static uint64_t hpet_read(void) {
    return *(volatile uint32_t *)hpet(0xf0);
}

static bool hpet_start(struct reference *r) {
    uint64_t period_fs = *hpet(0) >> 32;
    if (period_fs == 0 || period_fs > HPET_PERIOD_FS_MAX)
        return false;
    *hpet(0x10) |= 1;
    *r = (struct reference){"HPET", 1000000000000000ULL / period_fs, 0xffffffff, hpet_read};
    return true;
}

static uint64_t pm_timer_read(void) {
    return nk_in32(pm_timer_port) & 0xffffff;
}

static bool pm_timer_start(struct reference *r) {
    pm_timer_port = nk_pci_pm_timer_port();
    if (pm_timer_port == 0)
        return false;
    *r = (struct reference){"PM timer", PM_TIMER_HZ, 0xffffff, pm_timer_read};
    return true;
}

static uint64_t pit_read(void) {
    nk_out8(0x43, 0x80); /* latch channel 2 */
    unsigned low = nk_in8(0x42);
    return 0xffff - (low | (unsigned)nk_in8(0x42) << 8);
}

static bool pit_start(struct reference *r) {
    nk_out8(0x61, (uint8_t)((nk_in8(0x61) & 0xfc) | 1)); /* gate on, speaker off */
    nk_out8(0x43, 0xb4);                                 /* channel 2, rate generator */
    nk_out8(0x42, 0xff);
    nk_out8(0x42, 0xff);
    *r = (struct reference){"PIT", PIT_HZ, 0xffff, pit_read};
    return true;
}

/* Whether it counts at all: absent hardware reads as a constant. */
static bool runs(const struct reference *r) {
    uint64_t first = r->read();
    for (unsigned i = 0; i < 1000; i++)
        if (r->read() != first)
            return true;
    return false;
}

struct moment {
    uint64_t tsc, count;
};

static struct moment moment(const struct reference *r) {
    struct moment best = {0, 0};
    uint64_t least = UINT64_MAX;
    for (unsigned i = 0; i < TRIES; i++) {
        uint64_t before = nk_tsc();
        uint64_t count = r->read();
        uint64_t width = nk_tsc() - before;
        if (width < least) {
            least = width;
            best = (struct moment){before + width / 2, count};
        }
    }
    return best;
}

static uint64_t median_hz(const struct reference *r) {
    uint64_t hz[INTERVALS] = {0};
    for (unsigned i = 0; i < INTERVALS; i++) {
        struct moment start = moment(r);
        uint64_t wait = r->hz * INTERVAL_US / 1000000;
        while (((r->read() - start.count) & r->mask) < wait)
            ;
        struct moment end = moment(r);
        uint64_t counts = (end.count - start.count) & r->mask;
        uint64_t value = (end.tsc - start.tsc) * r->hz / counts;
        unsigned place = i;
        for (; place > 0 && hz[place - 1] > value; place--)
            hz[place] = hz[place - 1];
        hz[place] = value;
    }
    return hz[INTERVALS / 2];
}

uint64_t nk_clock_tsc_hz(const char **source) {
    static bool (*const starts[])(struct reference *) = {hpet_start, pm_timer_start, pit_start};
    uint64_t hz = kvm_tsc_hz();
    if (hz) {
        *source = "kvmclock";
        return hz;
    }
    for (unsigned i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        struct reference r;
        if (starts[i](&r) && runs(&r)) {
            *source = r.name;
            hz = median_hz(&r);
            if (r.read == hpet_read)
                *hpet(0x10) &= ~1ULL;
            return hz;
        }
    }
    nk_panic("no clock runs: neither kvmclock, HPET, PM timer nor PIT");
}

/* Not inlined, so that every round runs the same instructions: an accelerator that translates does
 * so in the first. */
__attribute__((noinline)) static uint64_t loop_tsc(void) {
    uint64_t count = RING0_ITERATIONS, before = nk_tsc();
    __asm__ volatile("1: dec %0\n jnz 1b" : "+r"(count));
    return nk_tsc() - before;
}

uint32_t nk_clock_ring0_ps(uint64_t tsc_hz) {
    uint64_t least_tsc = UINT64_MAX;
    for (unsigned i = 0; i < RING0_ROUNDS; i++) {
        uint64_t tsc = loop_tsc();
        least_tsc = tsc < least_tsc ? tsc : least_tsc;
    }
    return (uint32_t)(least_tsc * (1000000000000ULL / RING0_ITERATIONS) / tsc_hz);
}
