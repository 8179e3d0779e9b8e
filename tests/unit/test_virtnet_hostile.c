/*
 * The virtio-net driver against a device that lies: each lie by itself, then all of them at random
 * beside honest answers, for thousands of steps. Meant to be run under the sanitizers too.
 *
 * Whatever the device says: a buffer is lent at most once at a time, a cookie comes back at most
 * once, a frame lies within its buffer, no buffer is lost, every lie is counted, and a ring that
 * was given up stays so.
 */
#include "tests/unit/fake_virtio.h"
#include "tests/unit/seeded.h"

#define RING    64u
#define BUFFERS 128u

static uint32_t lent_now(const struct virtnet *v) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < BUFFERS; i++)
        n += v->lent[i];
    return n;
}

/* Each buffer is in one of its three places. */
static void assert_no_buffer_lost(const struct virtnet *v) {
    assert_int_equal(v->rx.in_flight + v->spare_count + lent_now(v), BUFFERS);
}

static void a_buffer_answered_twice_is_lent_once(void **state) {
    (void)state;
    struct fixture *f = make_open();
    struct nic *nic = &f->virtnet.nic;
    struct nic_rx_frame frames[4];
    uint16_t id = f->virtnet.rx.available[2]; /* the next that arrives fills */
    arrives(f, 0, "once", 12 + 60);
    answer(&f->virtnet.rx, id, 12 + 60);
    assert_int_equal(nic->ops->rx_take(nic, frames, 4), 1);
    assert_string_equal(frames[0].data, "once");
    assert_int_equal(nic->ops->errors(nic), 1);
    assert_no_buffer_lost(&f->virtnet);
    /* The descriptor is in the ring again, with another buffer: an answer the device repeats now
     * gives that one, and the lent frame stays as it is. */
    answer(&f->virtnet.rx, id, 12 + 60);
    assert_int_equal(nic->ops->rx_take(nic, frames + 1, 1), 1);
    assert_int_not_equal(frames[1].buffer, frames[0].buffer);
    assert_string_equal(frames[0].data, "once");
    assert_no_buffer_lost(&f->virtnet);
    destroy(f);
}

static void a_frame_sent_comes_back_once(void **state) {
    (void)state;
    struct fixture *f = make_open();
    struct nic *nic = &f->virtnet.nic;
    char data[100];
    void *cookies[4];
    struct nic_tx_frame frame = {
        .fragment = {{.data = data + 16, .bytes = 60}}, .fragments = 1, .cookie = &frame};
    assert_int_equal(nic->ops->tx_put(nic, &frame), 0);
    nic->ops->tx_kick(nic);
    uint16_t id = device_takes(&f->virtnet.tx, &f->tx_seen);
    answer(&f->virtnet.tx, id, 0);
    assert_int_equal(nic->ops->tx_reap(nic, cookies, 4), 1);
    answer(&f->virtnet.tx, id, 0); /* nothing is in flight: the index ran ahead */
    assert_int_equal(nic->ops->tx_reap(nic, cookies, 4), 0);
    assert_int_equal(nic->ops->errors(nic), 1);
    assert_int_equal(nic->ops->tx_free(nic), 0);
    assert_int_equal(nic->ops->tx_put(nic, &frame), -1);
    destroy(f);
}

/* A jump within what is in flight shows answers that were never written: whatever stood there. */
static void stale_answers_after_a_jump(void **state) {
    (void)state;
    struct fixture *f = make_open();
    struct nic *nic = &f->virtnet.nic;
    struct nic_rx_frame frames[RING];
    f->virtnet.rx.used[1] = 10; /* ten elements of zeroes: descriptor 0, no bytes */
    assert_int_equal(nic->ops->rx_take(nic, frames, RING), 0);
    assert_int_equal(nic->ops->errors(nic), 10);
    assert_false(f->virtnet.rx.broken);
    assert_no_buffer_lost(&f->virtnet);
    assert_int_equal(f->virtnet.rx.in_flight, RING);
    arrives(f, 0, "honest again", 12 + 60);
    destroy(f);
}

static void ids_out_of_range_end_the_ring(void **state) {
    (void)state;
    static const uint32_t ids[] = {RING, RING + 1, 255, 256, 0x10000, 0x80000000, UINT32_MAX};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        struct fixture *f = make_open();
        struct nic *nic = &f->virtnet.nic;
        struct nic_rx_frame frames[4];
        for (uint32_t n = 1; n <= VIRTNET_RING_ERRORS_MAX; n++) {
            assert_false(f->virtnet.rx.broken);
            answer(&f->virtnet.rx, ids[i], 12 + 60);
            assert_int_equal(nic->ops->rx_take(nic, frames, 4), 0);
            assert_int_equal(nic->ops->errors(nic), n);
        }
        assert_true(f->virtnet.rx.broken);
        answer(&f->virtnet.rx, 0, 12 + 60); /* the truth, too late */
        assert_int_equal(nic->ops->rx_take(nic, frames, 4), 0);
        assert_int_equal(nic->ops->rx_ready(nic), 0);
        assert_false(nic->ops->remind(nic));
        assert_int_equal(nic->ops->errors(nic), VIRTNET_RING_ERRORS_MAX);
        assert_no_buffer_lost(&f->virtnet);
        destroy(f);
    }
}

/* ---- all at random ---- */

struct hostile {
    struct fixture *f;
    struct seeded random;
    struct nic_rx_frame lent[BUFFERS];
    uint32_t lent_count;
    unsigned char data[RING][NIC_TX_HEADROOM + 200];
    bool sending[RING];
    uint64_t received, sent, errors;
};

static uint64_t below(struct hostile *h, uint64_t n) {
    return seeded_below(&h->random, n);
}

static void driver_receives(struct hostile *h) {
    struct virtnet *v = &h->f->virtnet;
    struct nic_rx_frame frames[8];
    bool was_broken = v->rx.broken;
    uint32_t n = v->nic.ops->rx_take(&v->nic, frames, (uint32_t)below(h, 9));
    assert_true(n == 0 || !was_broken);
    for (uint32_t i = 0; i < n; i++) {
        assert_true(frames[i].buffer < BUFFERS);
        assert_ptr_equal(frames[i].data, v->buffers + frames[i].buffer * VIRTNET_BUFFER_BYTES +
                                             VIRTNET_FRAME_OFFSET);
        assert_in_range(frames[i].bytes, 14, NIC_FRAME_BYTES_MAX);
        memset(frames[i].data, 0x5a, frames[i].bytes);
        for (uint32_t j = 0; j < h->lent_count; j++)
            assert_int_not_equal(h->lent[j].buffer, frames[i].buffer);
        h->lent[h->lent_count++] = frames[i];
    }
    h->received += n;
}

static void driver_releases(struct hostile *h) {
    struct nic *nic = &h->f->virtnet.nic;
    if (h->lent_count == 0)
        return;
    uint32_t at = (uint32_t)below(h, h->lent_count);
    nic->ops->rx_release(nic, h->lent[at].buffer);
    h->lent[at] = h->lent[--h->lent_count];
}

static void driver_sends(struct hostile *h) {
    struct virtnet *v = &h->f->virtnet;
    uint32_t slot = (uint32_t)below(h, RING), fragments = 1 + (uint32_t)below(h, 3);
    struct nic_tx_frame frame = {.fragments = fragments, .cookie = &h->data[slot]};
    for (uint32_t i = 0; i < fragments; i++)
        frame.fragment[i] = (struct nic_fragment){h->data[slot] + NIC_TX_HEADROOM + 50 * i, 50};
    if (h->sending[slot])
        return;
    bool fits = !v->tx.broken && v->nic.ops->tx_free(&v->nic) >= fragments;
    assert_int_equal(v->nic.ops->tx_put(&v->nic, &frame), fits ? 0 : -1);
    h->sending[slot] = fits;
    v->nic.ops->tx_kick(&v->nic);
}

static void driver_reaps(struct hostile *h) {
    struct nic *nic = &h->f->virtnet.nic;
    void *cookies[4];
    uint32_t n = nic->ops->tx_reap(nic, cookies, 4);
    for (uint32_t i = 0; i < n; i++) {
        size_t slot = (size_t)((unsigned char *)cookies[i] - h->data[0]) / sizeof h->data[0];
        assert_true(slot < RING && cookies[i] == h->data[slot] && h->sending[slot]);
        h->sending[slot] = false;
    }
    h->sent += n;
}

static void device_lies(struct hostile *h, struct virtnet_ring *r) {
    static const uint32_t lengths[] = {0, 11, 12, 25, 12 + 1515, 2048, 65536, UINT32_MAX};
    unsigned char *shared = (unsigned char *)r->descriptors;
    switch (below(h, 6)) {
    case 0:
        answer(r, (uint32_t)seeded_next(&h->random), 12 + 60);
        break;
    case 1:
        answer(r, (uint32_t)below(h, RING + 2),
               lengths[below(h, sizeof lengths / sizeof *lengths)]);
        break;
    case 2: /* the last answer once more */
        answer(r, r->used_elements[(uint16_t)(r->used[1] - 1) % r->size].id, 12 + 60);
        break;
    case 3:
        if (below(h, 20) == 0)
            r->used[1] = (uint16_t)seeded_next(&h->random);
        break;
    case 4:
        *r->avail_event = (uint16_t)seeded_next(&h->random);
        break;
    default:
        shared[below(h, virtnet_ring_layout(RING).bytes)] = (unsigned char)seeded_next(&h->random);
        break;
    }
}

/* Takes one that was made available, whatever has become of the ring, and answers it. */
static void device_answers(struct hostile *h, struct virtnet_ring *r, uint16_t *seen) {
    if (*seen == r->available[1])
        return;
    uint16_t id = r->available[2 + (*seen)++ % r->size];
    answer(r, id, 12 + 14 + (uint32_t)below(h, 1501));
}

static void step(struct hostile *h) {
    struct virtnet *v = &h->f->virtnet;
    uint64_t what = below(h, 40);
    if (what < 10)
        driver_receives(h);
    else if (what < 16)
        driver_releases(h);
    else if (what < 22)
        driver_sends(h);
    else if (what < 26)
        driver_reaps(h);
    else if (what < 27)
        v->nic.ops->remind(&v->nic);
    else if (what < 33)
        device_answers(h, &v->rx, &h->f->rx_seen);
    else if (what < 39)
        device_answers(h, &v->tx, &h->f->tx_seen);
    else
        device_lies(h, below(h, 2) ? &v->rx : &v->tx);
    assert_no_buffer_lost(v);
    assert_int_equal(lent_now(v), h->lent_count);
    assert_true(v->nic.ops->rx_ready(&v->nic) <= RING && v->nic.ops->tx_free(&v->nic) <= RING);
    uint64_t errors = v->nic.ops->errors(&v->nic);
    assert_true(errors >= h->errors);
    h->errors = errors;
}

static void any_device_is_survived(void **state) {
    (void)state;
    uint64_t received = 0, sent = 0, broken_rx = 0, broken_tx = 0, errors = 0, rounds = 60;
    for (uint64_t round = 0; round < rounds; round++) {
        struct hostile *h = calloc(1, sizeof *h);
        assert_non_null(h);
        h->f = make_open();
        h->random.state = 1000 + round;
        for (uint32_t n = 0; n < 2000; n++)
            step(h);
        received += h->received;
        sent += h->sent;
        errors += h->errors;
        broken_rx += h->f->virtnet.rx.broken;
        broken_tx += h->f->virtnet.tx.broken;
        /* A ring that is given up counts nothing more, nor does it give or take. */
        if (h->f->virtnet.rx.broken && h->f->virtnet.tx.broken) {
            uint64_t before = h->errors;
            for (uint32_t n = 0; n < 200; n++)
                step(h);
            assert_int_equal(h->errors, before);
        }
        destroy(h->f);
        free(h);
    }
    /* It was a device that works, too. */
    assert_true(received > 20 * rounds && sent > 20 * rounds && errors > rounds);
    assert_true(broken_rx > rounds / 10 && broken_rx < rounds);
    assert_true(broken_tx > rounds / 10 && broken_tx < rounds);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buffer_answered_twice_is_lent_once),
        cmocka_unit_test(a_frame_sent_comes_back_once),
        cmocka_unit_test(stale_answers_after_a_jump),
        cmocka_unit_test(ids_out_of_range_end_the_ring),
        cmocka_unit_test(any_device_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
