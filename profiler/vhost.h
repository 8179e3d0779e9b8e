/*
 * The device's side of vhost-user: QEMU says over a socket where the memory of a guest lies and
 * where in it the two rings of its virtio-net device are; frames then pass through the rings
 * without QEMU. As much as a port that polls needs: the guest never has to tell it of anything, so
 * there is no event-idx.
 *
 * The guest is not trusted: a chain that leads out of its memory or has no end is given back
 * unused and counted, and what the available ring says beyond its size stops the ring. Nor need
 * the other end of the socket be: a message that makes no sense ends the connection.
 */
#ifndef PROFILER_VHOST_H
#define PROFILER_VHOST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#define PROFILER_VHOST_REGIONS_MAX 8u
#define PROFILER_VHOST_SPANS_MAX   16u

enum profiler_vhost_direction {
    PROFILER_VHOST_TO_GUEST = 0,
    PROFILER_VHOST_FROM_GUEST = 1,
    PROFILER_VHOST_RINGS = 2,
};

struct profiler_vhost_region {
    uint64_t guest_address, bytes, qemu_address, offset; /* as QEMU says them */
    char *memory;                                        /* of the guest's first byte */
};

struct profiler_vhost_ring {
    uint16_t size;          /* 0: not said yet */
    uint16_t next;          /* of the available ring, to be taken */
    uint16_t given;         /* the used index */
    uint16_t head;          /* of the chain taken last */
    bool started, enabled;  /* as QEMU says; */
    bool broken;            /* as we say */
    uint64_t qemu_place[3]; /* descriptors, used, available; as QEMU sees them; 0: not said yet */
    struct profiler_vhost_descriptor *descriptors;
    uint16_t *used, *available;
    int call_fd; /* tells the guest, -1: nobody listens */
};

struct profiler_vhost {
    int fd;
    uint32_t region_count;
    struct profiler_vhost_region regions[PROFILER_VHOST_REGIONS_MAX];
    struct profiler_vhost_ring rings[PROFILER_VHOST_RINGS];
    uint64_t errors; /* chains that made no sense */
};

/* fd: a connected stream socket, which belongs to it from now on. */
void profiler_vhost_init(struct profiler_vhost *v, int fd);
void profiler_vhost_close(struct profiler_vhost *v);
/* Waits for a message of QEMU's and does as it says. 0, or -1: QEMU has gone, or makes no sense. */
int profiler_vhost_hear(struct profiler_vhost *v);

/* The next chain of a ring as spans of our memory that the guest may read or write meanwhile: how
 * many, 0 if there is none. It stays the next until it is given back. */
uint32_t profiler_vhost_take(struct profiler_vhost *v, enum profiler_vhost_direction which,
                             struct iovec spans[PROFILER_VHOST_SPANS_MAX]);
/* Gives back the chain that the last take of this ring returned, with so many bytes written. */
void profiler_vhost_give(struct profiler_vhost *v, enum profiler_vhost_direction which,
                         uint32_t bytes);
/* After a number of them: interrupts the guest, if it wants to be. */
void profiler_vhost_tell(struct profiler_vhost *v, enum profiler_vhost_direction which);

/* Between the two halves, vhost.c and vhost_ring.c: our pointer to so many bytes of the guest's,
 * NULL if they are not all of one region. */
void *profiler_vhost_memory(const struct profiler_vhost *v, uint64_t guest_address, uint64_t bytes);

struct profiler_vhost_descriptor {
    uint64_t guest_address;
    uint32_t bytes;
    uint16_t flags, next;
};
_Static_assert(sizeof(struct profiler_vhost_descriptor) == 16, "layout of a virtqueue descriptor");
struct profiler_vhost_used {
    uint32_t id, bytes;
};

#endif
