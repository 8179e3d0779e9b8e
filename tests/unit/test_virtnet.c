/*
 * The virtio-net driver against registers and rings in the test's memory: start-up with good and
 * with malformed capabilities, frames both ways, and a device whose answers make no sense.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/net/virtnet.h"
#include "runtime/platform/platform.h"
#include "tests/unit/seeded.h"
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

struct fixture {
    struct virtnet virtnet;
    struct nom_device device;
    unsigned char *bar;
    char why[200];
    uint16_t rx_seen, tx_seen;
};

static void capability(struct fixture *f, uint8_t at, uint8_t next, uint8_t kind, uint32_t offset,
                       uint32_t bytes) {
    uint8_t *c = f->device.config + at;
    c[0] = 9;
    c[1] = next;
    c[2] = kind == 2 ? 20 : 16;
    c[3] = kind;
    c[4] = 4;
    memcpy(c + 8, &offset, 4);
    memcpy(c + 12, &bytes, 4);
}

static struct fixture *make(void) {
    struct fixture *f = calloc(1, sizeof *f);
    f->bar = aligned_alloc(4096, BAR_BYTES);
    memset(f->bar, 0, BAR_BYTES);
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
    uint32_t offered = OFFERED;
    memcpy(f->bar + COMMON + 4, &offered, 4);
    uint16_t size = 64, notify = 3;
    memcpy(f->bar + COMMON + 24, &size, 2);
    memcpy(f->bar + COMMON + 30, &notify, 2);
    memcpy(f->bar + SPECIFIC, "\x52\x54\x00\x12\x34\x56", 6);
    allocation_count = 0;
    allocations_allowed = ALLOCATIONS_MAX;
    return f;
}

static int open_it(struct fixture *f) {
    return virtnet_open(&f->virtnet, &f->device, f->why, sizeof f->why);
}

static struct fixture *make_open(void) {
    struct fixture *f = make();
    assert_int_equal(open_it(f), 0);
    return f;
}

static void destroy(struct fixture *f) {
    while (allocation_count > 0) {
        free(allocations[--allocation_count]);
    }
    free(f->bar);
    free(f);
}

/* ---- the device ---- */

static void answer(struct virtnet_ring *r, uint32_t id, uint32_t bytes) {
    r->used_elements[r->used[1] % r->size] = (struct virtnet_used){.id = id, .bytes = bytes};
    r->used[1]++;
}

static uint16_t device_takes(struct virtnet_ring *r, uint16_t *seen) {
    assert_int_not_equal(*seen, r->available[1]);
    return r->available[2 + (*seen)++ % r->size];
}

/* A frame arrives: fills a posted buffer, claims `claimed` bytes. */
static void arrives(struct fixture *f, uint8_t flags, const char *text, uint32_t claimed) {
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

/* ---- start-up ---- */

static void opens(void **state) {
    (void)state;
    struct fixture *f = make_open();
    const struct nic *nic = &f->virtnet.nic;
    assert_memory_equal(nic->mac, "\x52\x54\x00\x12\x34\x56", 6);
    assert_true(nic->tx_checksum);
    assert_int_equal(nic->rx_size, 64);
    assert_int_equal(nic->tx_size, 64);
    assert_int_equal(f->bar[COMMON + 20], 15); /* ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK */
    assert_int_equal(f->bar[COMMON + 28], 1);  /* queue enabled */
    assert_int_equal(f->virtnet.rx.available[1], 64); /* all posted */
    assert_ptr_equal(f->virtnet.tx.notify, f->bar + NOTIFY + 12);
    assert_int_equal(f->virtnet.spare_count, 64);
    destroy(f);
}

static void greatest_ring_is_ours(void **state) {
    (void)state;
    struct fixture *f = make();
    uint16_t size = 1024;
    memcpy(f->bar + COMMON + 24, &size, 2);
    assert_int_equal(open_it(f), 0);
    assert_int_equal(f->virtnet.nic.rx_size, 256);
    memcpy(&size, f->bar + COMMON + 24, 2);
    assert_int_equal(size, 256); /* and the device was told */
    destroy(f);
}

static void refuse(struct fixture *f, const char *reason) {
    assert_int_equal(open_it(f), -1);
    if (strstr(f->why, reason) == NULL) {
        fail_msg("'%s' does not say '%s'", f->why, reason);
    }
    destroy(f);
}

static void refuses_bad_devices(void **state) {
    (void)state;
    struct fixture *f = make();
    f->device.config[6] = 0; /* no capabilities */
    refuse(f, "no usable common registers");

    f = make();
    capability(f, 0x50, 0x64, 1, BAR_BYTES - 32, 0x1000); /* beyond the BAR */
    refuse(f, "no usable common registers");

    f = make();
    capability(f, 0x50, 0x64, 1, 0xfffffffc, 0xffffffff); /* the sum wraps in 32 bits */
    refuse(f, "no usable common registers");

    f = make();
    capability(f, 0x50, 0x64, 1, COMMON, 55); /* too short */
    refuse(f, "no usable common registers");

    f = make();
    f->device.config[0x50 + 4] = 6; /* no such BAR */
    refuse(f, "no usable common registers");

    f = make();
    f->device.config[0x64 + 4] = 3; /* not mapped */
    refuse(f, "no usable device registers");

    f = make();
    f->device.config[0x64 + 1] = 0x50; /* a loop that never reaches notify */
    refuse(f, "no usable notify registers");

    f = make();
    capability(f, 0x80, 0, 2, NOTIFY, 13); /* queue_notify_off 3 * 4 + 2 > 13 */
    refuse(f, "notify register lies outside");

    f = make();
    capability(f, 0x64, 0x80, 4, SPECIFIC, 5);
    refuse(f, "no room for its MAC");

    f = make();
    memset(f->bar + COMMON + 4, 0, 4);
    refuse(f, "lacks VERSION_1 or MAC");

    static const uint16_t sizes[] = {0, 8, 48, 65};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        f = make();
        memcpy(f->bar + COMMON + 24, &sizes[i], 2);
        refuse(f, "too small or no power of two");
    }
    for (uint32_t allowed = 0; allowed < 3; allowed++) {
        f = make();
        allocations_allowed = allowed;
        refuse(f, "no memory");
    }
}

static void any_configuration_is_survived(void **state) {
    (void)state;
    struct seeded source = {.state = 21};
    uint32_t opened = 0, rounds = 4000;
    for (uint32_t round = 0; round < rounds; round++) {
        struct fixture *f = make();
        for (uint64_t n = 1 + seeded_below(&source, 3); n > 0; n--) {
            f->device.config[seeded_below(&source, 0x98)] = (uint8_t)seeded_next(&source);
        }
        opened += open_it(f) == 0;
        destroy(f);
    }
    assert_true(opened > 0 && opened < rounds);
}

/* ---- frames ---- */

static void receives(void **state) {
    (void)state;
    struct fixture *f = make_open();
    struct nic *nic = &f->virtnet.nic;
    struct nic_rx_frame frames[4];
    assert_int_equal(nic->ops->rx_ready(nic), 0);
    arrives(f, 0, "an unchecked frame", 12 + 60);
    arrives(f, 1, "a partial sum", 12 + 14);
    arrives(f, 2, "a checked frame", 12 + 1514);
    assert_int_equal(nic->ops->rx_ready(nic), 3);
    assert_int_equal(nic->ops->rx_take(nic, frames, 2), 2);
    assert_int_equal(nic->ops->rx_ready(nic), 1);
    assert_int_equal(nic->ops->rx_take(nic, frames + 2, 2), 1);
    assert_string_equal(frames[0].data, "an unchecked frame");
    assert_int_equal(frames[0].bytes, 60);
    assert_false(frames[0].checksum_good);
    assert_true(frames[1].checksum_good);
    assert_true(frames[2].checksum_good);
    assert_int_equal(frames[2].bytes, 1514);
    assert_int_equal(f->virtnet.rx.available[1], 64 + 3); /* spares took their place */
    for (int i = 0; i < 3; i++) {
        nic->ops->rx_release(nic, frames[i].buffer);
    }
    assert_int_equal(nic->ops->errors(nic), 0);
    nic->ops->rx_release(nic, frames[0].buffer);
    nic->ops->rx_release(nic, 5000);
    assert_int_equal(nic->ops->errors(nic), 2); /* twice, and never lent */
    destroy(f);
}

static void lent_buffers_leave_the_ring_short_and_come_back(void **state) {
    (void)state;
    struct fixture *f = make_open();
    struct nic *nic = &f->virtnet.nic;
    struct nic_rx_frame frames[128];
    for (uint32_t i = 0; i < 128; i++) { /* all there are */
        arrives(f, 0, "x", 12 + 60);
        assert_int_equal(nic->ops->rx_take(nic, frames + i, 1), 1);
    }
    assert_int_equal(f->rx_seen, f->virtnet.rx.available[1]); /* none posted */
    nic->ops->rx_release(nic, frames[77].buffer);
    arrives(f, 0, "again", 12 + 60);
    assert_int_equal(nic->ops->rx_take(nic, frames + 77, 1), 1);
    assert_string_equal(frames[77].data, "again");
    for (uint32_t i = 0; i < 128; i++) {
        nic->ops->rx_release(nic, frames[i].buffer);
    }
    assert_int_equal(f->virtnet.spare_count, 64);
    assert_int_equal(f->virtnet.rx.free_count, 0);
    assert_int_equal(nic->ops->errors(nic), 0);
    destroy(f);
}

static void lengths_that_make_no_sense(void **state) {
    (void)state;
    static const uint32_t lengths[] = {0, 11, 12, 12 + 13, 12 + 1515, 0x80000000, UINT32_MAX};
    struct fixture *f = make_open();
    struct nic *nic = &f->virtnet.nic;
    struct nic_rx_frame frame;
    uint32_t count = sizeof lengths / sizeof lengths[0];
    for (uint32_t round = 0; round < 100; round++) { /* no buffer is lost by it */
        for (uint32_t i = 0; i < count; i++) {
            arrives(f, 0, "x", lengths[i]);
        }
        arrives(f, 0, "good", 12 + 60);
        assert_int_equal(nic->ops->rx_take(nic, &frame, 1), 1);
        assert_string_equal(frame.data, "good");
        nic->ops->rx_release(nic, frame.buffer);
        assert_int_equal(nic->ops->errors(nic), (round + 1) * count);
    }
    destroy(f);
}

static void sends(void **state) {
    (void)state;
    struct fixture *f = make_open();
    struct nic *nic = &f->virtnet.nic;
    char head[NIC_TX_HEADROOM + 60], body[100];
    memset(head, 0x5a, sizeof head);
    struct nic_tx_frame frame = {
        .fragment = {{.data = head + NIC_TX_HEADROOM, .bytes = 60}, {.data = body, .bytes = 100}},
        .fragments = 2,
        .checksum_start = 34,
        .checksum_offset = 16,
        .cookie = &frame,
    };
    assert_int_equal(nic->ops->tx_put(nic, &frame), 0);
    assert_int_equal(nic->ops->tx_free(nic), 62);
    assert_true(nic->ops->tx_kick(nic));
    assert_false(nic->ops->tx_kick(nic));
    struct virtnet_ring *r = &f->virtnet.tx;
    uint16_t id = device_takes(r, &f->tx_seen);
    assert_int_equal(r->descriptors[id].address, (uintptr_t)head + NIC_TX_HEADROOM - 12);
    assert_int_equal(r->descriptors[id].bytes, 72);
    assert_int_equal(r->descriptors[r->descriptors[id].next].address, (uintptr_t)body);
    /* flags, type, header bytes, segment bytes, start 34, offset 16, buffers */
    assert_memory_equal(head + NIC_TX_HEADROOM - 12, "\1\0\0\0\0\0\x22\0\x10\0\0\0", 12);
    assert_int_equal(head[NIC_TX_HEADROOM - 13], 0x5a);
    void *cookies[2];
    assert_int_equal(nic->ops->tx_reap(nic, cookies, 2), 0);
    answer(r, id, 0);
    assert_int_equal(nic->ops->tx_reap(nic, cookies, 2), 1);
    assert_ptr_equal(cookies[0], &frame);
    assert_int_equal(nic->ops->tx_free(nic), 64);

    frame.fragments = 1;
    frame.checksum_start = 0;
    for (uint32_t i = 0; i < 64; i++) {
        assert_int_equal(nic->ops->tx_put(nic, &frame), 0);
    }
    assert_int_equal(head[NIC_TX_HEADROOM - 12], 0); /* no checksum asked for */
    assert_int_equal(nic->ops->tx_put(nic, &frame), -1);
    assert_int_equal(nic->ops->tx_free(nic), 0);
    destroy(f);
}

static void refuses_frames_it_cannot_send(void **state) {
    (void)state;
    struct fixture *f = make_open();
    struct nic *nic = &f->virtnet.nic;
    char data[100];
    struct nic_tx_frame frame = {.fragment = {{.data = data + 16, .bytes = 60}}, .fragments = 0};
    assert_int_equal(nic->ops->tx_put(nic, &frame), -1);
    frame.fragments = NIC_TX_FRAGMENTS_MAX + 1;
    assert_int_equal(nic->ops->tx_put(nic, &frame), -1);
    frame.fragments = 1;
    frame.fragment[0].data = (void *)(uintptr_t)64; /* where no device reaches */
    assert_int_equal(nic->ops->tx_put(nic, &frame), -1);
    frame.fragment[0].data = data + 16;
    nic->tx_checksum = false;
    frame.checksum_start = 34;
    assert_int_equal(nic->ops->tx_put(nic, &frame), -1);
    assert_int_equal(nic->ops->tx_free(nic), 64);
    destroy(f);
}

static void broken_rings_stop(void **state) {
    (void)state;
    struct fixture *f = make_open();
    struct nic *nic = &f->virtnet.nic;
    struct nic_rx_frame frame;
    char data[100];
    void *cookie;
    struct nic_tx_frame out = {.fragment = {{.data = data + 16, .bytes = 60}}, .fragments = 1};
    f->virtnet.rx.used[1] = 65; /* one more than are posted */
    f->virtnet.tx.used[1] = 1;
    assert_int_equal(nic->ops->rx_ready(nic), 0);
    assert_int_equal(nic->ops->rx_take(nic, &frame, 1), 0);
    assert_int_equal(nic->ops->tx_reap(nic, &cookie, 1), 0);
    assert_int_equal(nic->ops->tx_free(nic), 0);
    assert_int_equal(nic->ops->tx_put(nic, &out), -1);
    assert_false(nic->ops->tx_kick(nic));
    assert_int_equal(nic->ops->errors(nic), 2);
    destroy(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens),
        cmocka_unit_test(greatest_ring_is_ours),
        cmocka_unit_test(refuses_bad_devices),
        cmocka_unit_test(any_configuration_is_survived),
        cmocka_unit_test(receives),
        cmocka_unit_test(lent_buffers_leave_the_ring_short_and_come_back),
        cmocka_unit_test(lengths_that_make_no_sense),
        cmocka_unit_test(sends),
        cmocka_unit_test(refuses_frames_it_cannot_send),
        cmocka_unit_test(broken_rings_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
