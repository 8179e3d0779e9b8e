/*
 * One split virtqueue of virtio 1.x, driver side: spans of memory in, the device's answers out.
 *
 * The device is not trusted: what it writes (the used ring) is checked against the driver's own
 * record of what is in flight, which the device cannot reach. An answer for a descriptor that is
 * not in flight is counted and skipped. A used index that runs ahead of what is in flight, or
 * RING_ERRORS_MAX such answers, break the ring: it then takes and gives nothing more.
 *
 * What is put becomes visible to the device, all at once, with virtnet_ring_publish. Interrupts are
 * asked for one at a time (virtnet_ring_arm), by whoever is about to sleep.
 */
#ifndef NET_VIRTNET_RING_H
#define NET_VIRTNET_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VIRTNET_RING_SIZE_MAX   256u
#define VIRTNET_RING_ERRORS_MAX 16u

struct virtnet_descriptor {
    uint64_t address;
    uint32_t bytes;
    uint16_t flags;
    uint16_t next;
};
_Static_assert(sizeof(struct virtnet_descriptor) == 16, "layout of a virtqueue descriptor");

struct virtnet_used {
    uint32_t id;
    uint32_t bytes;
};

struct virtnet_span {
    uint64_t address; /* as the device sees it */
    uint32_t bytes;
};

struct virtnet_ring {
    uint16_t size; /* a power of two */
    uint16_t number;
    bool event_idx;
    bool broken;
    /* Shared with the device. */
    struct virtnet_descriptor *descriptors;
    uint16_t *available; /* flags, index, ring[size], used_event */
    uint16_t *used;      /* flags, index, then elements */
    struct virtnet_used *used_elements;
    uint16_t *avail_event;
    volatile uint16_t *notify;
    /* The driver's own record. */
    uint16_t put, published; /* available index: next to fill, and as the device sees it */
    uint16_t told;           /* published when the device was last told */
    uint16_t got;            /* used index: next to read */
    uint16_t free_first, free_count;
    uint16_t in_flight;                          /* chains */
    uint16_t next[VIRTNET_RING_SIZE_MAX];        /* of the free list and of chains */
    uint16_t chain_count[VIRTNET_RING_SIZE_MAX]; /* descriptors of the chain headed here, or 0 */
    uintptr_t token[VIRTNET_RING_SIZE_MAX];
    uint64_t kicks, errors;
};

/* Where the three parts lie in a ring's memory, and its size. */
struct virtnet_ring_layout {
    size_t available_offset, used_offset, bytes;
};
struct virtnet_ring_layout virtnet_ring_layout(uint16_t size);

/* memory: layout.bytes of zeroes, 16-byte aligned. notify: the register to write `number` to. */
void virtnet_ring_init(struct virtnet_ring *r, uint16_t size, uint16_t number, bool event_idx,
                       void *memory, volatile uint16_t *notify);

/* Places a chain of n >= 1 spans, read by the device or written by it. 0, or -1 if there are not
 * n descriptors free (or the ring is broken). */
int virtnet_ring_put(struct virtnet_ring *r, const struct virtnet_span *spans, uint32_t n,
                     bool device_writes, uintptr_t token);
/* Shows the device all that was put; tells it if it wants to be told. True if it was told. */
bool virtnet_ring_publish(struct virtnet_ring *r);

/* Tells the device if it wants to hear of something that is published already. With a device that
 * keeps the rules there is nothing to do; but one that asks to be told and looks at the index
 * without a barrier between (QEMU's translator drops the guest's on machines that can have one
 * processor only) sleeps beside a full ring. Call it now and then. True if it was told. */
bool virtnet_ring_remind(struct virtnet_ring *r);

/* Answers not taken yet; 0 if the ring is broken. */
uint32_t virtnet_ring_ready(struct virtnet_ring *r);
/* The device is gone: nothing is put or given any more, as with a broken ring; and what was in
 * flight comes back, a token a call, until false. */
void virtnet_ring_close(struct virtnet_ring *r);
bool virtnet_ring_abandoned(struct virtnet_ring *r, uintptr_t *token);

/* Asks for an interrupt with the next answer; false, and nothing is asked, if one is there. */
bool virtnet_ring_arm(struct virtnet_ring *r);
/* No interrupts any more. */
void virtnet_ring_disarm(struct virtnet_ring *r);
/* The next answer: its token, and how many bytes the device says it wrote. False if none. */
bool virtnet_ring_get(struct virtnet_ring *r, uintptr_t *token, uint32_t *bytes);

#endif
