/*
 * The virtqueue against a device played by the test: one that keeps to the rules, and one that
 * breaks each of them. Meant to be run under the sanitizers too: no answer may lead the driver
 * outside its memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/net/virtnet_ring.h"
#include "tests/unit/seeded.h"
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define SIZE 16u

struct fixture {
    struct virtnet_ring ring;
    void *memory;
    uint16_t notify;
    uint16_t seen; /* available entries the device has taken */
};

static struct fixture *make(bool event_idx) {
    struct fixture *f = calloc(1, sizeof *f);
    size_t bytes = virtnet_ring_layout(SIZE).bytes;
    f->memory = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
    memset(f->memory, 0, bytes);
    f->notify = 0xffff;
    virtnet_ring_init(&f->ring, SIZE, 1, event_idx, f->memory, &f->notify);
    return f;
}

static void destroy(struct fixture *f) {
    free(f->memory);
    free(f);
}

static int put(struct fixture *f, uint32_t n, uintptr_t token) {
    struct virtnet_span spans[SIZE + 1];
    for (uint32_t i = 0; i <= SIZE; i++) {
        spans[i] = (struct virtnet_span){.address = token * 1000 + i, .bytes = 10 + i};
    }
    return virtnet_ring_put(&f->ring, spans, n, false, token);
}

/* The device: answers with any id and length, moves its index on by `step`. */
static void answer(struct fixture *f, uint32_t id, uint32_t bytes, uint16_t step) {
    uint16_t at = f->ring.used[1];
    f->ring.used_elements[at % SIZE] = (struct virtnet_used){.id = id, .bytes = bytes};
    f->ring.used[1] = (uint16_t)(at + step);
}

static uint16_t device_takes(struct fixture *f) {
    assert_int_not_equal(f->seen, f->ring.available[1]);
    return f->ring.available[2 + f->seen++ % SIZE];
}

static void chain_as_the_device_sees_it(void **state) {
    (void)state;
    struct fixture *f = make(true);
    assert_int_equal(put(f, 3, 7), 0);
    assert_int_equal(f->ring.available[1], 0); /* not visible before it is published */
    assert_true(virtnet_ring_publish(&f->ring));
    assert_int_equal(f->notify, 1);
    assert_int_equal(f->ring.available[1], 1);
    uint16_t at = device_takes(f);
    uint16_t head = at;
    for (uint32_t i = 0; i < 3; i++) {
        const struct virtnet_descriptor *d = &f->ring.descriptors[at];
        assert_int_equal(d->address, 7000 + i);
        assert_int_equal(d->bytes, 10 + i);
        assert_int_equal(d->flags, i < 2 ? 1 : 0);
        at = d->next;
    }
    assert_int_equal(f->ring.free_count, SIZE - 3);
    answer(f, head, 99, 1);
    uintptr_t token;
    uint32_t bytes;
    assert_int_equal(virtnet_ring_ready(&f->ring), 1);
    assert_true(virtnet_ring_get(&f->ring, &token, &bytes));
    assert_int_equal(token, 7);
    assert_int_equal(bytes, 99);
    assert_false(virtnet_ring_get(&f->ring, &token, &bytes));
    assert_int_equal(f->ring.free_count, SIZE);
    struct virtnet_span span = {.address = 5, .bytes = 6};
    assert_int_equal(virtnet_ring_put(&f->ring, &span, 1, true, 1), 0);
    virtnet_ring_publish(&f->ring);
    assert_int_equal(f->ring.descriptors[device_takes(f)].flags, 2);
    destroy(f);
}

static void full_ring_refuses(void **state) {
    (void)state;
    struct fixture *f = make(true);
    assert_int_equal(put(f, 0, 1), -1);
    assert_int_equal(put(f, SIZE + 1, 1), -1);
    assert_int_equal(put(f, SIZE - 1, 1), 0);
    assert_int_equal(put(f, 2, 1), -1);
    assert_int_equal(put(f, 1, 1), 0);
    assert_int_equal(put(f, 1, 1), -1);
    destroy(f);
}

static void kicks_only_when_asked(void **state) {
    (void)state;
    struct fixture *f = make(true);
    assert_false(virtnet_ring_publish(&f->ring)); /* nothing to tell */
    put(f, 1, 1);
    assert_true(virtnet_ring_publish(&f->ring)); /* the device starts asleep: event 0 */
    put(f, 1, 2);
    assert_false(virtnet_ring_publish(&f->ring)); /* it is awake: its event lies behind */
    *f->ring.avail_event = 4;
    put(f, 1, 3);
    put(f, 1, 4);
    assert_false(virtnet_ring_publish(&f->ring)); /* indices 2 and 3; it waits for 4 */
    put(f, 1, 5);
    put(f, 1, 6);
    assert_true(virtnet_ring_publish(&f->ring));
    assert_int_equal(f->ring.kicks, 2);
    destroy(f);

    f = make(false);
    put(f, 1, 1);
    assert_true(virtnet_ring_publish(&f->ring));
    f->ring.used[0] = 1; /* the device: do not notify */
    put(f, 1, 1);
    assert_false(virtnet_ring_publish(&f->ring));
    destroy(f);
}

/* The device went to sleep over something published: it saw no index, the driver saw no wish. */
static void reminds_a_device_that_missed_it(void **state) {
    (void)state;
    struct fixture *f = make(true);
    assert_false(virtnet_ring_remind(&f->ring));
    put(f, 1, 1);
    assert_true(virtnet_ring_publish(&f->ring));
    put(f, 1, 2);
    assert_false(virtnet_ring_publish(&f->ring));
    assert_false(virtnet_ring_remind(&f->ring)); /* it is awake */
    *f->ring.avail_event = 1;                    /* now it sleeps, at index 1 */
    f->notify = 0xffff;
    assert_true(virtnet_ring_remind(&f->ring));
    assert_int_equal(f->notify, 1);
    assert_false(virtnet_ring_remind(&f->ring)); /* once is enough */
    *f->ring.avail_event = 2;
    assert_false(virtnet_ring_remind(&f->ring)); /* it waits for what is not published */
    assert_int_equal(f->ring.kicks, 2);
    destroy(f);

    f = make(false);
    f->ring.used[0] = 1; /* the device: do not notify */
    put(f, 1, 1);
    assert_false(virtnet_ring_publish(&f->ring));
    assert_false(virtnet_ring_remind(&f->ring));
    f->ring.used[0] = 0;
    assert_true(virtnet_ring_remind(&f->ring));
    assert_false(virtnet_ring_remind(&f->ring));
    destroy(f);
}

static void never_asks_for_interrupts(void **state) {
    (void)state;
    struct fixture *f = make(true);
    uintptr_t token;
    uint32_t bytes;
    for (uint32_t i = 0; i < 100000; i++) {
        uint16_t before = f->ring.used[1];
        put(f, 1, i);
        virtnet_ring_publish(&f->ring);
        answer(f, device_takes(f), 0, 1);
        uint16_t event = f->ring.available[2 + SIZE];
        assert_false((uint16_t)(f->ring.used[1] - event - 1) <
                     (uint16_t)(f->ring.used[1] - before));
        assert_int_equal(f->ring.available[0], 1);
        assert_true(virtnet_ring_get(&f->ring, &token, &bytes));
        assert_int_equal(token, i);
    }
    destroy(f);
}

static void answers_in_any_order(void **state) {
    (void)state;
    struct fixture *f = make(true);
    struct seeded source = {.state = 11};
    uint16_t taken[SIZE];
    uint32_t taken_count = 0, in_flight = 0, used_descriptors = 0;
    uint32_t descriptors_of[1000] = {0}; /* by token; 0: not in flight */
    for (uint32_t step = 0; step < 200000; step++) {
        switch (seeded_below(&source, 3)) {
        case 0: {
            uintptr_t token = seeded_below(&source, 1000);
            uint32_t n = 1 + (uint32_t)seeded_below(&source, 5);
            if (descriptors_of[token] != 0) {
                break;
            }
            bool fits = used_descriptors + n <= SIZE;
            assert_int_equal(put(f, n, token), fits ? 0 : -1);
            if (fits) {
                descriptors_of[token] = n;
                used_descriptors += n;
                in_flight++;
            }
            break;
        }
        case 1:
            virtnet_ring_publish(&f->ring);
            while (f->seen != f->ring.available[1]) {
                taken[taken_count++] = device_takes(f);
            }
            if (taken_count > 0) {
                uint32_t pick = (uint32_t)seeded_below(&source, taken_count);
                answer(f, taken[pick], step, 1);
                taken[pick] = taken[--taken_count];
            }
            break;
        default: {
            uintptr_t token;
            uint32_t bytes;
            while (virtnet_ring_get(&f->ring, &token, &bytes)) {
                assert_true(token < 1000 && descriptors_of[token] != 0);
                used_descriptors -= descriptors_of[token];
                descriptors_of[token] = 0;
                in_flight--;
            }
        }
        }
        assert_int_equal(f->ring.free_count, SIZE - used_descriptors);
        assert_int_equal(f->ring.in_flight, in_flight);
    }
    assert_int_equal(f->ring.errors, 0);
    destroy(f);
}

static void index_that_jumps_breaks_the_ring(void **state) {
    (void)state;
    static const uint16_t steps[] = {3, SIZE, SIZE + 1, 0x7fff, 0x8000, 0xffff};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct fixture *f = make(true);
        uintptr_t token;
        uint32_t bytes;
        put(f, 1, 1);
        put(f, 1, 2);
        virtnet_ring_publish(&f->ring);
        answer(f, 0, 0, steps[i]);
        assert_int_equal(virtnet_ring_ready(&f->ring), 0);
        assert_true(f->ring.broken);
        assert_int_equal(f->ring.errors, 1);
        assert_false(virtnet_ring_get(&f->ring, &token, &bytes));
        assert_int_equal(put(f, 1, 3), -1);
        assert_false(virtnet_ring_publish(&f->ring));
        assert_int_equal(f->ring.errors, 1);
        destroy(f);
    }
}

static void bad_answers_are_skipped_and_counted(void **state) {
    (void)state;
    struct fixture *f = make(true);
    uintptr_t token;
    uint32_t bytes;
    for (uintptr_t i = 1; i <= 6; i++) {
        put(f, 1, i);
    }
    virtnet_ring_publish(&f->ring);
    uint16_t first = device_takes(f), second = device_takes(f);
    answer(f, SIZE, 0, 1);       /* no such descriptor */
    answer(f, UINT32_MAX, 0, 1); /* nor this */
    answer(f, SIZE - 1, 0, 1);   /* never given */
    answer(f, first, 0, 1);
    assert_true(virtnet_ring_get(&f->ring, &token, &bytes));
    assert_int_equal(token, 1);
    assert_int_equal(f->ring.errors, 3);
    answer(f, first, 0, 1); /* given back twice */
    answer(f, second, 0, 1);
    assert_true(virtnet_ring_get(&f->ring, &token, &bytes));
    assert_int_equal(token, 2);
    assert_int_equal(f->ring.errors, 4);
    assert_false(f->ring.broken);
    /* Enough of them, and the ring is given up. */
    for (uint32_t i = 0; i < VIRTNET_RING_ERRORS_MAX; i++) {
        answer(f, SIZE, 0, 1);
        assert_false(virtnet_ring_get(&f->ring, &token, &bytes));
    }
    assert_true(f->ring.broken);
    assert_int_equal(f->ring.errors, VIRTNET_RING_ERRORS_MAX);
    destroy(f);
}

static void scribbling_device(void **state) {
    (void)state;
    struct seeded source = {.state = 5};
    uint64_t got = 0, broken = 0;
    for (uint32_t round = 0; round < 3000; round++) {
        struct fixture *f = make(round % 2 == 0);
        bool in_flight[64] = {false};
        size_t bytes_shared = virtnet_ring_layout(SIZE).bytes;
        for (uint32_t step = 0; step < 100; step++) {
            uintptr_t token = seeded_below(&source, 64);
            if (!in_flight[token] && put(f, 1 + (uint32_t)seeded_below(&source, 4), token) == 0) {
                in_flight[token] = true;
            }
            virtnet_ring_publish(&f->ring);
            unsigned char *shared = f->memory;
            shared[seeded_below(&source, bytes_shared)] = (unsigned char)seeded_next(&source);
            if (seeded_below(&source, 2) == 0) {
                answer(f, (uint32_t)seeded_below(&source, SIZE + 1), 0, 1);
            }
            uint32_t bytes;
            while (virtnet_ring_get(&f->ring, &token, &bytes)) {
                assert_true(token < 64 && in_flight[token]); /* each once, and only what was put */
                in_flight[token] = false;
                got++;
            }
            assert_true(f->ring.free_count <= SIZE);
        }
        broken += f->ring.broken;
        destroy(f);
    }
    assert_true(got > 1000 && broken > 100);
}

/* One interrupt, for the next answer; none while awake, and none asked for beside an answer. */
static void arms_for_the_next_answer(void **state) {
    (void)state;
    for (int event_idx = 0; event_idx < 2; event_idx++) {
        struct fixture *f = make(event_idx);
        struct virtnet_ring *r = &f->ring;
        uintptr_t token;
        uint32_t bytes;
        for (int i = 0; i < 3; i++)
            assert_int_equal(put(f, 1, 5), 0);
        virtnet_ring_publish(r);
        assert_true(virtnet_ring_arm(r));
        assert_int_equal(r->available[0], event_idx); /* with indices it says nothing */
        assert_int_equal(r->available[2 + SIZE], 0);
        virtnet_ring_disarm(r);
        assert_int_equal(r->available[0], 1);
        assert_int_equal(r->available[2 + SIZE], 0x8000);
        answer(f, 0, 0, 1);
        assert_false(virtnet_ring_arm(r));
        assert_int_equal(r->available[0], 1);
        assert_int_equal(r->available[2 + SIZE], 0x8000);
        assert_true(virtnet_ring_get(r, &token, &bytes));
        assert_true(virtnet_ring_arm(r));
        assert_int_equal(r->available[2 + SIZE], 1);
        destroy(f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chain_as_the_device_sees_it),
        cmocka_unit_test(full_ring_refuses),
        cmocka_unit_test(kicks_only_when_asked),
        cmocka_unit_test(reminds_a_device_that_missed_it),
        cmocka_unit_test(arms_for_the_next_answer),
        cmocka_unit_test(never_asks_for_interrupts),
        cmocka_unit_test(answers_in_any_order),
        cmocka_unit_test(index_that_jumps_breaks_the_ring),
        cmocka_unit_test(bad_answers_are_skipped_and_counted),
        cmocka_unit_test(scribbling_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
