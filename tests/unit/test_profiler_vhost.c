/*
 * The device's side of vhost-user against our own driver's rings (runtime/net/virtnet_ring.h) in
 * shared memory, told where they lie as QEMU tells it; and against a guest and a QEMU that break
 * the rules. Meant to be run under the sanitizers too: nothing that either writes may lead outside
 * the memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "profiler/vhost.h"
#include "runtime/net/virtnet_ring.h"
#include <cmocka.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define SIZE         16u
#define MEMORY_BYTES (1u << 20)
#define GUEST_BASE   0x40000000u /* where the guest has that memory */
#define OFFSET       4096u       /* where it begins in its file */
#define DATA         0x80000u    /* in the memory: what spans point to */
#define RING_BYTES   0x1000u

/* Requests, by their numbers in the protocol. */
enum {
    GET_FEATURES = 1,
    SET_OWNER = 3,
    SET_MEMORY = 5,
    SET_RING_SIZE = 8,
    SET_RING_PLACE = 9,
    SET_RING_BASE = 10,
    GET_RING_BASE = 11,
    SET_RING_KICK = 12,
    SET_RING_CALL = 13,
    GET_PROTOCOL_FEATURES = 15,
    SET_RING_ENABLED = 18,
};

struct fixture {
    struct profiler_vhost vhost;
    int qemu; /* its end of the socket */
    int file;
    char *memory;
    struct virtnet_ring driver[PROFILER_VHOST_RINGS];
    uint16_t notify;
    int call;
};

/* ---- what QEMU does ---- */

static void say(const struct fixture *f, uint32_t request, const void *payload, uint32_t bytes,
                int fd) {
    char control[CMSG_SPACE(sizeof fd)] __attribute__((aligned(8))) = {0};
    uint32_t header[3] = {request, 1, bytes};
    struct iovec parts[2] = {{header, sizeof header}, {(void *)payload, bytes}};
    struct msghdr h = {.msg_iov = parts, .msg_iovlen = 2};
    if (fd >= 0) {
        h.msg_control = control;
        h.msg_controllen = sizeof control;
        struct cmsghdr *c = CMSG_FIRSTHDR(&h);
        *c = (struct cmsghdr){CMSG_LEN(sizeof fd), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    assert_int_equal(sendmsg(f->qemu, &h, 0), sizeof header + bytes);
}

static int tell(struct fixture *f, uint32_t request, const void *payload, uint32_t bytes, int fd) {
    say(f, request, payload, bytes, fd);
    return profiler_vhost_hear(&f->vhost);
}

static int tell_ring(struct fixture *f, uint32_t request, uint32_t ring, uint32_t value, int fd) {
    uint32_t payload[2] = {ring, value};
    return tell(f, request, payload, sizeof payload, fd);
}

static uint64_t reply(const struct fixture *f, uint32_t request) {
    struct {
        uint32_t header[3];
        uint64_t number;
    } __attribute__((packed)) m;
    assert_int_equal(recv(f->qemu, &m, sizeof m, MSG_DONTWAIT), sizeof m);
    assert_int_equal(m.header[0], request);
    assert_int_equal(m.header[1], 1 | 4);
    assert_int_equal(m.header[2], sizeof m.number);
    return m.number;
}

static int tell_memory(struct fixture *f, uint64_t bytes, uint32_t count) {
    struct {
        uint32_t count, padding;
        uint64_t region[4];
    } m = {count, 0, {GUEST_BASE, bytes, (uintptr_t)f->memory, OFFSET}};
    return tell(f, SET_MEMORY, &m, sizeof m, f->file);
}

static int tell_place(struct fixture *f, uint32_t ring) {
    const struct virtnet_ring *r = &f->driver[ring];
    struct {
        uint32_t ring, flags;
        uint64_t descriptors, used, available, log;
    } m = {ring, 0, (uintptr_t)r->descriptors, (uintptr_t)r->used, (uintptr_t)r->available, 0};
    return tell(f, SET_RING_PLACE, &m, sizeof m, -1);
}

static void start(struct fixture *f, uint32_t ring) {
    assert_int_equal(tell_ring(f, SET_RING_SIZE, ring, SIZE, -1), 0);
    assert_int_equal(tell_ring(f, SET_RING_BASE, ring, 0, -1), 0);
    assert_int_equal(tell_place(f, ring), 0);
    assert_int_equal(tell_ring(f, SET_RING_CALL, ring, 0, f->call), 0);
    assert_int_equal(tell_ring(f, SET_RING_KICK, ring, 0, f->call), 0);
    assert_int_equal(tell_ring(f, SET_RING_ENABLED, ring, 1, -1), 0);
}

static void make(struct fixture *f) {
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    *f = (struct fixture){.qemu = ends[0], .call = eventfd(0, EFD_NONBLOCK)};
    profiler_vhost_init(&f->vhost, ends[1]);
    f->file = memfd_create("guest", 0);
    assert_int_equal(ftruncate(f->file, OFFSET + MEMORY_BYTES), 0);
    f->memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, f->file, OFFSET);
    assert_true(f->memory != MAP_FAILED);
    for (uint16_t i = 0; i < PROFILER_VHOST_RINGS; i++)
        virtnet_ring_init(&f->driver[i], SIZE, i, false, f->memory + i * RING_BYTES, &f->notify);
}

static void make_started(struct fixture *f) {
    make(f);
    assert_int_equal(tell_memory(f, MEMORY_BYTES, 1), 0);
    start(f, PROFILER_VHOST_TO_GUEST);
    start(f, PROFILER_VHOST_FROM_GUEST);
}

static void destroy(struct fixture *f) {
    profiler_vhost_close(&f->vhost);
    munmap(f->memory, MEMORY_BYTES);
    close(f->file);
    close(f->call);
    close(f->qemu);
}

/* ---- QEMU keeps the rules ---- */

static void test_handshake(void **state) {
    struct fixture f;
    struct iovec spans[PROFILER_VHOST_SPANS_MAX];
    (void)state;
    make(&f);
    assert_int_equal(tell(&f, GET_FEATURES, NULL, 0, -1), 0);
    uint64_t features = reply(&f, GET_FEATURES);
    assert_true(features & (UINT64_C(1) << 32));  /* VERSION_1 */
    assert_false(features & (UINT64_C(1) << 29)); /* EVENT_IDX */
    assert_int_equal(tell(&f, GET_PROTOCOL_FEATURES, NULL, 0, -1), 0);
    assert_int_equal(reply(&f, GET_PROTOCOL_FEATURES), 0);
    assert_int_equal(tell(&f, SET_OWNER, NULL, 0, -1), 0);
    /* Nothing moves before all is said, in whatever order. */
    start(&f, PROFILER_VHOST_FROM_GUEST);
    struct virtnet_span one = {GUEST_BASE + DATA, 60};
    assert_int_equal(virtnet_ring_put(&f.driver[PROFILER_VHOST_FROM_GUEST], &one, 1, false, 7), 0);
    virtnet_ring_publish(&f.driver[PROFILER_VHOST_FROM_GUEST]);
    assert_int_equal(profiler_vhost_take(&f.vhost, PROFILER_VHOST_FROM_GUEST, spans), 0);
    assert_int_equal(tell_memory(&f, MEMORY_BYTES, 1), 0);
    assert_int_equal(profiler_vhost_take(&f.vhost, PROFILER_VHOST_FROM_GUEST, spans), 1);
    assert_int_equal(tell_ring(&f, SET_RING_ENABLED, PROFILER_VHOST_FROM_GUEST, 0, -1), 0);
    assert_int_equal(profiler_vhost_take(&f.vhost, PROFILER_VHOST_FROM_GUEST, spans), 0);
    destroy(&f);
}

static void test_frames_from_the_guest(void **state) {
    struct fixture f;
    struct iovec spans[PROFILER_VHOST_SPANS_MAX];
    uintptr_t token;
    uint32_t bytes;
    (void)state;
    make_started(&f);
    struct virtnet_ring *driver = &f.driver[PROFILER_VHOST_FROM_GUEST];
    for (uintptr_t i = 1; i <= 3 * SIZE; i++) {
        struct virtnet_span two[2] = {{GUEST_BASE + DATA, 54}, {GUEST_BASE + DATA + 100, 1000}};
        memset(f.memory + DATA, (int)i, 54);
        assert_int_equal(virtnet_ring_put(driver, two, 2, false, i), 0);
        bool told = virtnet_ring_publish(driver);
        if (i > 1)
            assert_false(told); /* it polls: no doorbell */
        assert_int_equal(profiler_vhost_take(&f.vhost, PROFILER_VHOST_FROM_GUEST, spans), 2);
        assert_int_equal(profiler_vhost_take(&f.vhost, PROFILER_VHOST_FROM_GUEST, spans), 2);
        assert_int_equal(spans[0].iov_len, 54);
        assert_int_equal(spans[1].iov_len, 1000);
        assert_int_equal(((char *)spans[0].iov_base)[53], (char)i);
        assert_false(virtnet_ring_get(driver, &token, &bytes));
        profiler_vhost_give(&f.vhost, PROFILER_VHOST_FROM_GUEST, 0);
        assert_int_equal(profiler_vhost_take(&f.vhost, PROFILER_VHOST_FROM_GUEST, spans), 0);
        assert_true(virtnet_ring_get(driver, &token, &bytes));
        assert_int_equal(token, i);
    }
    assert_int_equal(tell_ring(&f, GET_RING_BASE, PROFILER_VHOST_FROM_GUEST, 0, -1), 0);
    assert_int_equal(reply(&f, GET_RING_BASE) >> 32, 3 * SIZE);
    assert_int_equal(profiler_vhost_take(&f.vhost, PROFILER_VHOST_FROM_GUEST, spans), 0);
    assert_int_equal(f.vhost.errors, 0);
    destroy(&f);
}

static bool was_called(const struct fixture *f) {
    uint64_t count;
    return read(f->call, &count, sizeof count) == sizeof count;
}

static void test_frames_to_the_guest(void **state) {
    struct fixture f;
    struct iovec spans[PROFILER_VHOST_SPANS_MAX];
    uintptr_t token;
    uint32_t bytes;
    (void)state;
    make_started(&f);
    struct virtnet_ring *driver = &f.driver[PROFILER_VHOST_TO_GUEST];
    for (uintptr_t i = 0; i < SIZE; i++) {
        struct virtnet_span one = {GUEST_BASE + DATA + i * 2048, 2048};
        assert_int_equal(virtnet_ring_put(driver, &one, 1, true, i), 0);
    }
    virtnet_ring_publish(driver);
    for (uint32_t i = 0; i < SIZE; i++) {
        bool sleeps = i % 2 != 0 && virtnet_ring_arm(driver);
        assert_int_equal(profiler_vhost_take(&f.vhost, PROFILER_VHOST_TO_GUEST, spans), 1);
        memset(spans[0].iov_base, 'a', 100 + i);
        profiler_vhost_give(&f.vhost, PROFILER_VHOST_TO_GUEST, 100 + i);
        profiler_vhost_tell(&f.vhost, PROFILER_VHOST_TO_GUEST);
        assert_int_equal(was_called(&f), sleeps);
        virtnet_ring_disarm(driver);
        assert_true(virtnet_ring_get(driver, &token, &bytes));
        assert_int_equal(token, i);
        assert_int_equal(bytes, 100 + i);
    }
    assert_int_equal(profiler_vhost_take(&f.vhost, PROFILER_VHOST_TO_GUEST, spans), 0);
    destroy(&f);
}

/* ---- the guest breaks them ---- */

static void bad_chain(const struct profiler_vhost_descriptor *bad) {
    struct fixture f;
    struct iovec spans[PROFILER_VHOST_SPANS_MAX];
    uintptr_t token;
    uint32_t bytes;
    make_started(&f);
    struct virtnet_ring *driver = &f.driver[PROFILER_VHOST_FROM_GUEST];
    struct virtnet_span one = {GUEST_BASE + DATA, 60};
    assert_int_equal(virtnet_ring_put(driver, &one, 1, false, 1), 0);
    memcpy(&driver->descriptors[0], bad, sizeof *bad);
    one.bytes = 61; /* and a good one after it */
    assert_int_equal(virtnet_ring_put(driver, &one, 1, false, 2), 0);
    virtnet_ring_publish(driver);
    assert_int_equal(profiler_vhost_take(&f.vhost, PROFILER_VHOST_FROM_GUEST, spans), 1);
    assert_int_equal(spans[0].iov_len, 61);
    assert_int_equal(f.vhost.errors, 1);
    assert_true(virtnet_ring_get(driver, &token, &bytes));
    assert_int_equal(token, 1);
    assert_int_equal(bytes, 0);
    destroy(&f);
}

static void test_bad_chains(void **state) {
    static const struct profiler_vhost_descriptor bad[] = {
        {GUEST_BASE - 1, 60, 0, 0},
        {GUEST_BASE + MEMORY_BYTES, 60, 0, 0},
        {GUEST_BASE + MEMORY_BYTES - 59, 60, 0, 0},
        {GUEST_BASE, UINT32_MAX, 0, 0},
        {UINT64_MAX, 60, 0, 0},
        {GUEST_BASE + DATA, 60, 1, 0},    /* followed by itself */
        {GUEST_BASE + DATA, 60, 1, SIZE}, /* by what the ring does not have */
        {GUEST_BASE + DATA, 60, 2, 0},    /* for the device to write */
        {GUEST_BASE + DATA, 60, 4, 0},    /* indirect */
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        bad_chain(&bad[i]);
}

static void bad_ring(uint16_t index, uint16_t head) {
    struct fixture f;
    struct iovec spans[PROFILER_VHOST_SPANS_MAX];
    make_started(&f);
    struct virtnet_ring *driver = &f.driver[PROFILER_VHOST_FROM_GUEST];
    driver->available[2] = head;
    driver->available[1] = index;
    assert_int_equal(profiler_vhost_take(&f.vhost, PROFILER_VHOST_FROM_GUEST, spans), 0);
    assert_int_equal(f.vhost.errors, 1);
    driver->available[2] = 0;
    driver->available[1] = 1;
    assert_int_equal(profiler_vhost_take(&f.vhost, PROFILER_VHOST_FROM_GUEST, spans), 0);
    assert_int_equal(f.vhost.errors, 1); /* it stays as it is */
    destroy(&f);
}

static void test_bad_rings(void **state) {
    (void)state;
    bad_ring(SIZE + 1, 0);
    bad_ring(UINT16_MAX, 0);
    bad_ring(1, SIZE);
    bad_ring(1, UINT16_MAX);
}

/* ---- QEMU breaks them ---- */

static void test_bad_messages(void **state) {
    struct fixture f;
    struct iovec spans[PROFILER_VHOST_SPANS_MAX];
    char large[1024] = {0};
    (void)state;
    make_started(&f);
    assert_int_equal(tell_ring(&f, SET_RING_SIZE, 2, SIZE, -1), -1);
    assert_int_equal(tell_ring(&f, SET_RING_SIZE, 0, 0, -1), -1);
    assert_int_equal(tell_ring(&f, SET_RING_SIZE, 0, SIZE + 1, -1), -1);
    assert_int_equal(tell_ring(&f, SET_RING_SIZE, 0, 1u << 16, -1), -1);
    assert_int_equal(tell(&f, SET_RING_BASE, large, 4, -1), -1);
    assert_int_equal(tell(&f, SET_RING_PLACE, large, 16, -1), -1);
    assert_int_equal(tell_memory(&f, MEMORY_BYTES, 2), -1);
    assert_int_equal(tell_memory(&f, MEMORY_BYTES, UINT32_MAX), -1);
    assert_int_equal(tell_memory(&f, 0, 1), -1);
    assert_int_equal(tell_memory(&f, UINT64_MAX, 1), -1);
    /* Its memory is gone, and the rings with it. */
    assert_int_equal(profiler_vhost_take(&f.vhost, PROFILER_VHOST_FROM_GUEST, spans), 0);
    say(&f, GET_FEATURES, large, sizeof large, -1);
    assert_int_equal(profiler_vhost_hear(&f.vhost), -1);
    destroy(&f);
}

static void test_rings_outside_the_memory(void **state) {
    struct fixture f;
    struct iovec spans[PROFILER_VHOST_SPANS_MAX];
    (void)state;
    make_started(&f);
    f.driver[PROFILER_VHOST_FROM_GUEST].available[1] = 1;
    /* A region so small that the first ring ends behind it. */
    assert_int_equal(tell_memory(&f, 64, 1), 0);
    assert_int_equal(profiler_vhost_take(&f.vhost, PROFILER_VHOST_TO_GUEST, spans), 0);
    assert_int_equal(profiler_vhost_take(&f.vhost, PROFILER_VHOST_FROM_GUEST, spans), 0);
    /* A ring larger than what was laid out, at the end of the memory. */
    assert_int_equal(tell_memory(&f, RING_BYTES + 512, 1), 0);
    assert_int_equal(tell_ring(&f, SET_RING_SIZE, PROFILER_VHOST_FROM_GUEST, 256, -1), 0);
    assert_int_equal(profiler_vhost_take(&f.vhost, PROFILER_VHOST_FROM_GUEST, spans), 0);
    destroy(&f);
}

static void test_qemu_goes(void **state) {
    struct fixture f;
    (void)state;
    make_started(&f);
    shutdown(f.qemu, SHUT_WR);
    assert_int_equal(profiler_vhost_hear(&f.vhost), -1);
    destroy(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshake),
        cmocka_unit_test(test_frames_from_the_guest),
        cmocka_unit_test(test_frames_to_the_guest),
        cmocka_unit_test(test_bad_chains),
        cmocka_unit_test(test_bad_rings),
        cmocka_unit_test(test_bad_messages),
        cmocka_unit_test(test_rings_outside_the_memory),
        cmocka_unit_test(test_qemu_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
