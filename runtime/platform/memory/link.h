/*
 * A wire between two NICs in memory, or between a NIC and a test, that does harm: each frame may be
 * lost, doubled, held back behind later ones, or damaged, each with a probability of its own. One
 * generator decides everything, in the order in which frames leave: the same seed and the same
 * traffic give the same run, and the trace hash says so.
 *
 * Real links have a frame check sequence, so a damaged Ethernet or ARP header does not normally
 * reach a stack. Damage here is one bit flipped in an IPv4 packet, behind the Ethernet header, as a
 * bad switch or memory does it; the NIC then does not vouch for the sums (checksum_good false), so
 * that the stack must look. One flipped bit is always seen by the Internet checksum.
 *
 * Time: a frame leaves its NIC when the wire is free, occupies it for bytes * ps_per_byte, and
 * arrives delay_ns later. Frames arrive in order of time, those of one moment in order of leaving.
 */
#ifndef PLATFORM_MEMORY_LINK_H
#define PLATFORM_MEMORY_LINK_H

#include "runtime/platform/memory/memory_nic.h"

#define MEMORY_LINK_NEVER UINT64_MAX

struct memory_link_settings {
    uint64_t seed;
    uint64_t delay_ns;
    uint64_t ps_per_byte; /* 800: 10 Gbit/s; 0: any rate */
    double loss, duplicate, reorder, corrupt;
    uint64_t reorder_ns; /* a frame held back comes up to so much later; so does a double */
};

struct memory_link_counters {
    uint64_t frames; /* that left an end */
    uint64_t lost, duplicated, reordered, corrupted;
    uint64_t arrived, overrun; /* at an end; of those, lost there for want of room */
};

/* A test at an end: a frame has come. */
typedef void memory_link_taker(void *context, const void *frame, uint32_t bytes, bool damaged);

struct memory_link {
    struct memory_link_settings settings;
    struct memory_link_counters counters;
    uint64_t trace; /* hash of what arrived where and when */
    uint64_t random;
    struct memory_link_end {
        struct memory_nic *nic; /* or else */
        memory_link_taker *taker;
        void *context;
        uint64_t free_tsc; /* when the wire is free for the next frame from here */
    } end[2];
    struct memory_flight *first, *last, *spare; /* on their way, by arrival */
};

/* A quiet wire without ends. */
void memory_link_open(struct memory_link *l, const struct memory_link_settings *settings);
/* Loses what is on its way and frees memory. */
void memory_link_close(struct memory_link *l);
/* Other faults and delays from now on; the generator goes on. */
void memory_link_change(struct memory_link *l, const struct memory_link_settings *settings);
/* What is at end 0 or 1. A test's end may be NULL: frames vanish. */
void memory_link_nic(struct memory_link *l, unsigned end, struct memory_nic *nic);
void memory_link_test(struct memory_link *l, unsigned end, memory_link_taker *taker, void *context);

/* A frame from the test at that end, subject to the same faults; longer ones are cut. */
void memory_link_send(struct memory_link *l, unsigned end, const void *frame, uint32_t bytes);
/* Brings the wire to the present (plat_now_tsc): what can leave leaves, what is due arrives. */
void memory_link_run(struct memory_link *l);
/* When something leaves or arrives next unless an end does something; MEMORY_LINK_NEVER if
 * nothing. */
uint64_t memory_link_next_tsc(const struct memory_link *l);

#endif
