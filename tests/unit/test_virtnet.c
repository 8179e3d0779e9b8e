/*
 * The virtio-net driver against registers and rings in the test's memory: start-up with good and
 * with malformed capabilities, frames both ways, and a device whose answers make no sense.
 */
#include "tests/unit/fake_virtio.h"
#include "tests/unit/seeded.h"

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

/* With MSI-X, and a device that takes the vector, the app may sleep; else it goes on polling. */
static void sleeps_if_it_can_be_woken(void **state) {
    (void)state;
    struct fixture *f = make_open();
    struct nic *nic = &f->virtnet.nic;
    assert_false(nic->ops->sleep(nic)); /* no MSI-X table */
    destroy(f);

    f = make();
    f->device.interrupts = 3;
    interrupt_result = -NOM_EINVAL; /* the kernel has no vector */
    assert_int_equal(open_it(f), 0);
    nic = &f->virtnet.nic;
    assert_false(nic->ops->sleep(nic));
    destroy(f);

    f = make();
    f->device.interrupts = 3;
    memset(f->bar + COMMON + 26, 0xff, 2);
    assert_int_equal(open_it(f), 0);
    nic = &f->virtnet.nic;
    assert_memory_equal(f->bar + COMMON + 26, "\0\0", 2);
    assert_true(nic->ops->sleep(nic));
    nic->ops->wake(nic);
    arrives(f, 0, "frame of some bytes", VIRTNET_HEADER_BYTES + 20);
    assert_false(nic->ops->sleep(nic));
    struct nic_rx_frame frame;
    assert_int_equal(nic->ops->rx_take(nic, &frame, 1), 1);
    assert_true(nic->ops->sleep(nic));
    nic->ops->wake(nic);
    destroy(f);
}

/* Unplugged, and opened on another device while a frame of before is still lent. */
static void another_device_takes_over(void **state) {
    (void)state;
    struct fixture *f = make_open();
    struct nic *nic = &f->virtnet.nic;
    struct nic_rx_frame frame;
    char data[100];
    void *cookies[4];
    struct nic_tx_frame out = {
        .fragment = {{.data = data + 16, .bytes = 60}}, .fragments = 1, .cookie = data};
    arrives(f, 0, "frame of some bytes", VIRTNET_HEADER_BYTES + 20);
    assert_int_equal(nic->ops->rx_take(nic, &frame, 1), 1);
    assert_int_equal(nic->ops->tx_put(nic, &out), 0);
    nic->ops->tx_kick(nic);
    assert_int_equal(nic->ops->tx_put(nic, &out), 0);
    assert_false(nic->ops->leaves(nic));
    leaving = true;
    assert_true(nic->ops->leaves(nic));

    memset(f->bar, 0xee, BAR_BYTES); /* as it may read then; nothing of it is touched */
    unsigned char before[BAR_BYTES];
    memcpy(before, f->bar, BAR_BYTES);
    nic->ops->close(nic);
    assert_int_equal(released, 1);
    assert_false(nic->ops->leaves(nic));
    assert_int_equal(nic->ops->tx_reap(nic, cookies, 4), 2);
    assert_ptr_equal(cookies[1], data);
    assert_int_equal(nic->ops->tx_reap(nic, cookies, 4), 0);
    assert_int_equal(nic->ops->rx_ready(nic), 0);
    assert_int_equal(nic->ops->tx_put(nic, &out), -1);
    assert_false(nic->ops->tx_kick(nic));
    assert_false(nic->ops->remind(nic));
    assert_true(nic->ops->sleep(nic));
    nic->ops->wake(nic);
    assert_memory_equal(f->bar, before, BAR_BYTES);
    assert_int_equal(f->virtnet.spare_count, 127);

    unsigned allocated = allocation_count;
    unplug_and_plug(f);
    assert_int_equal(open_it(f), 0);
    assert_int_equal(allocation_count, allocated);
    assert_int_equal(f->virtnet.rx.available[1], 64);
    assert_int_equal(f->virtnet.spare_count, 63);
    nic->ops->rx_release(nic, frame.buffer);
    assert_int_equal(f->virtnet.spare_count, 64);
    f->rx_seen = 0;
    arrives(f, 0, "frame of some bytes", VIRTNET_HEADER_BYTES + 20);
    assert_int_equal(nic->ops->rx_take(nic, &frame, 1), 1);
    assert_int_equal(nic->ops->tx_put(nic, &out), 0);
    assert_int_equal(nic->ops->tx_free(nic), 63);
    assert_int_equal(nic->ops->errors(nic), 0);
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
        cmocka_unit_test(another_device_takes_over),
        cmocka_unit_test(sleeps_if_it_can_be_woken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
