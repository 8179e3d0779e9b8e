/*
 * A virtio-net device played by the test: registers, rings and buffers in the test's own memory.
 * The driver runs on it unchanged; what the device does next is the test's to say. To be included
 * once in a program: it also is the floor's memory.
 */
#ifndef TESTS_FAKE_VIRTIO_H
#define TESTS_FAKE_VIRTIO_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/net/virtnet.h"
#include "runtime/platform/device.h"
#include "runtime/platform/platform.h"
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define BAR_BYTES       16384u
#define COMMON          0u
#define SPECIFIC        8192u
#define NOTIFY          12288u
#define OFFERED         0x20000023u /* CSUM, GUEST_CSUM, MAC, EVENT_IDX; as high word: VERSION_1 */
#define ALLOCATIONS_MAX 16u

static void *allocations[ALLOCATIONS_MAX];
static uint32_t allocation_count, allocations_allowed;

void *plat_dma_alloc(size_t bytes) {
    if (allocation_count >= allocations_allowed) {
        return NULL;
    }
    size_t rounded = (bytes + 4095) & ~(size_t)4095;
    void *memory = aligned_alloc(4096, rounded);
    memset(memory, 0, rounded);
    allocations[allocation_count++] = memory;
    return memory;
}

/* The device's addresses are the test's own; memory below one page is reachable by none. */
uint64_t plat_dma_address(const void *p) {
    return (uintptr_t)p < 4096 ? 0 : (uintptr_t)p;
}

static int interrupt_result;

int plat_device_interrupt(uint32_t resource_id, uint32_t entry) {
    assert_int_equal(resource_id, 7);
    assert_int_equal(entry, 0);
    return interrupt_result;
}

static bool leaving;
static unsigned released;

bool plat_device_leaves(uint32_t resource_id, uint64_t *generation) {
    assert_int_equal(resource_id, 7);
    ++*generation;
    return leaving;
}

void plat_device_release(uint32_t resource_id) {
    assert_int_equal(resource_id, 7);
    released++;
}

struct fixture {
    struct virtnet virtnet;
    struct nom_device device;
    unsigned char *bar;
    char why[200];
    uint16_t rx_seen, tx_seen;
};

static inline void capability(struct fixture *f, uint8_t at, uint8_t next, uint8_t kind,
                              uint32_t offset, uint32_t bytes) {
    uint8_t *c = f->device.config + at;
    c[0] = 9;
    c[1] = next;
    c[2] = kind == 2 ? 20 : 16;
    c[3] = kind;
    c[4] = 4;
    memcpy(c + 8, &offset, 4);
    memcpy(c + 12, &bytes, 4);
}

/* As a device has them when it is powered on. */
static inline void registers(struct fixture *f) {
    memset(f->bar, 0, BAR_BYTES);
    uint32_t offered = OFFERED;
    memcpy(f->bar + COMMON + 4, &offered, 4);
    uint16_t size = 64, notify = 3;
    memcpy(f->bar + COMMON + 24, &size, 2);
    memcpy(f->bar + COMMON + 30, &notify, 2);
    memcpy(f->bar + SPECIFIC, "\x52\x54\x00\x12\x34\x56", 6);
}

static inline void unplug_and_plug(struct fixture *f) {
    leaving = false;
    registers(f);
}

static inline struct fixture *make(void) {
    struct fixture *f = calloc(1, sizeof *f);
    f->bar = aligned_alloc(4096, BAR_BYTES);
    f->device.resource_id = 7;
    interrupt_result = 0;
    leaving = false;
    released = 0;
    f->device.bar[4].address = (uintptr_t)f->bar;
    f->device.bar[4].bytes = BAR_BYTES;
    f->device.config[6] = 0x10;
    f->device.config[0x34] = 0x40;
    f->device.config[0x40] = 0x11; /* MSI-X, of no interest */
    f->device.config[0x41] = 0x50;
    capability(f, 0x50, 0x64, 1, COMMON, 0x1000);
    capability(f, 0x64, 0x80, 4, SPECIFIC, 0x1000);
    capability(f, 0x80, 0, 2, NOTIFY, 0x1000);
    uint32_t multiplier = 4;
    memcpy(f->device.config + 0x90, &multiplier, 4);
    registers(f);
    allocation_count = 0;
    allocations_allowed = ALLOCATIONS_MAX;
    return f;
}

static inline int open_it(struct fixture *f) {
    return virtnet_open(&f->virtnet, &f->device, f->why, sizeof f->why);
}

static inline struct fixture *make_open(void) {
    struct fixture *f = make();
    assert_int_equal(open_it(f), 0);
    return f;
}

static inline void destroy(struct fixture *f) {
    while (allocation_count > 0) {
        free(allocations[--allocation_count]);
    }
    free(f->bar);
    free(f);
}

/* ---- the device ---- */

static inline void answer(struct virtnet_ring *r, uint32_t id, uint32_t bytes) {
    r->used_elements[r->used[1] % r->size] = (struct virtnet_used){.id = id, .bytes = bytes};
    r->used[1]++;
}

static inline uint16_t device_takes(struct virtnet_ring *r, uint16_t *seen) {
    assert_int_not_equal(*seen, r->available[1]);
    return r->available[2 + (*seen)++ % r->size];
}

/* A frame arrives: fills a posted buffer, claims `claimed` bytes. */
static inline void arrives(struct fixture *f, uint8_t flags, const char *text, uint32_t claimed) {
    struct virtnet_ring *r = &f->virtnet.rx;
    uint16_t id = device_takes(r, &f->rx_seen);
    const struct virtnet_descriptor *d = &r->descriptors[id];
    assert_int_equal(d->flags, 2);
    assert_int_equal(d->bytes, VIRTNET_HEADER_BYTES + NIC_FRAME_BYTES_MAX);
    char *at = (char *)(uintptr_t)d->address;
    memset(at, 0, VIRTNET_HEADER_BYTES);
    at[0] = (char)flags;
    memcpy(at + VIRTNET_HEADER_BYTES, text, strlen(text) + 1);
    answer(r, id, claimed);
}

#endif
