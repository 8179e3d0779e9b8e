/*
 * vhost.h, the messages: those that QEMU sends to a back end without further protocol features.
 * They come in an order of QEMU's, also while the rings run, so what depends on several of them is
 * worked out again after each.
 */
#include "profiler/vhost.h"
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define VERSION       1u
#define IS_REPLY      4u
#define HEADER_BYTES  12u
#define FDS_MAX       PROFILER_VHOST_REGIONS_MAX
#define NO_FD         0x100u /* in the number of a ring: no descriptor comes along */
#define RING_SIZE_MAX 32768u

/* virtio-net's of the device that we are, and vhost-user's own, without which QEMU 7.2 does not
 * start the rings. */
#define FEATURE_CHECKSUM       (UINT64_C(1) << 0)
#define FEATURE_GUEST_CHECKSUM (UINT64_C(1) << 1)
#define FEATURE_PROTOCOL       (UINT64_C(1) << 30)
#define FEATURE_VERSION_1      (UINT64_C(1) << 32)
#define FEATURES               (FEATURE_CHECKSUM | FEATURE_GUEST_CHECKSUM | FEATURE_PROTOCOL | FEATURE_VERSION_1)

enum request {
    GET_FEATURES = 1,
    SET_MEMORY = 5,
    SET_RING_SIZE = 8,
    SET_RING_PLACE = 9,
    SET_RING_BASE = 10,
    GET_RING_BASE = 11,
    SET_RING_KICK = 12,
    SET_RING_CALL = 13,
    SET_RING_ERROR = 14,
    GET_PROTOCOL_FEATURES = 15,
    GET_QUEUES = 17,
    SET_RING_ENABLED = 18,
};

struct message {
    uint32_t request, flags, bytes;
    union {
        uint64_t number;
        struct {
            uint32_t ring, value;
        } ring;
        struct {
            uint32_t ring, flags;
            uint64_t descriptors, used, available, log;
        } place;
        struct {
            uint32_t count, padding;
            struct {
                uint64_t guest_address, bytes, qemu_address, offset;
            } region[PROFILER_VHOST_REGIONS_MAX];
        } memory;
    };
} __attribute__((packed));
_Static_assert(offsetof(struct message, number) == HEADER_BYTES, "layout of a message");

/* ---- memory ---- */

static char *find(const struct profiler_vhost *v, uint64_t address, uint64_t bytes, bool qemu) {
    for (uint32_t i = 0; i < v->region_count; i++) {
        const struct profiler_vhost_region *r = &v->regions[i];
        uint64_t at = address - (qemu ? r->qemu_address : r->guest_address);
        if (at < r->bytes && bytes <= r->bytes - at)
            return r->memory + at;
    }
    return NULL;
}

void *profiler_vhost_memory(const struct profiler_vhost *v, uint64_t guest_address,
                            uint64_t bytes) {
    return find(v, guest_address, bytes, false);
}

static void forget_memory(struct profiler_vhost *v) {
    for (uint32_t i = 0; i < v->region_count; i++)
        munmap(v->regions[i].memory - v->regions[i].offset,
               v->regions[i].bytes + v->regions[i].offset);
    v->region_count = 0;
}

static int set_memory(struct profiler_vhost *v, const struct message *m, const int *fds,
                      uint32_t fd_count) {
    forget_memory(v);
    if (m->bytes < sizeof m->memory.count + sizeof m->memory.padding ||
        m->memory.count > PROFILER_VHOST_REGIONS_MAX || m->memory.count != fd_count ||
        m->bytes < offsetof(struct message, memory.region) - HEADER_BYTES +
                       m->memory.count * sizeof m->memory.region[0])
        return -1;
    for (uint32_t i = 0; i < fd_count; i++) {
        struct profiler_vhost_region *r = &v->regions[i];
        r->guest_address = m->memory.region[i].guest_address;
        r->bytes = m->memory.region[i].bytes;
        r->qemu_address = m->memory.region[i].qemu_address;
        r->offset = m->memory.region[i].offset;
        if (r->bytes == 0 || r->bytes + r->offset < r->bytes)
            return -1;
        char *memory =
            mmap(NULL, r->bytes + r->offset, PROT_READ | PROT_WRITE, MAP_SHARED, fds[i], 0);
        if (memory == MAP_FAILED)
            return -1;
        r->memory = memory + r->offset;
        v->region_count++;
    }
    return 0;
}

static void find_rings(struct profiler_vhost *v) {
    for (uint32_t i = 0; i < PROFILER_VHOST_RINGS; i++) {
        struct profiler_vhost_ring *r = &v->rings[i];
        uint64_t size = r->size;
        r->descriptors = (struct profiler_vhost_descriptor *)(void *)find(
            v, r->qemu_place[0], size * sizeof *r->descriptors, true);
        r->used = (uint16_t *)(void *)find(v, r->qemu_place[1],
                                           4 + size * sizeof(struct profiler_vhost_used), true);
        r->available = (uint16_t *)(void *)find(v, r->qemu_place[2], 4 + size * 2, true);
        if (((uintptr_t)r->descriptors | (uintptr_t)r->used | (uintptr_t)r->available) % 4 != 0)
            r->descriptors = NULL;
    }
}

/* ---- messages ---- */

static int answer(const struct profiler_vhost *v, struct message *m, uint32_t bytes) {
    m->flags = VERSION | IS_REPLY;
    m->bytes = bytes;
    ssize_t all = (ssize_t)(HEADER_BYTES + bytes);
    return send(v->fd, m, (size_t)all, MSG_NOSIGNAL) == all ? 0 : -1;
}

static int answer_number(const struct profiler_vhost *v, struct message *m, uint64_t number) {
    m->number = number;
    return answer(v, m, sizeof m->number);
}

/* Takes the descriptor away from the caller's if it keeps it. */
static void set_call(struct profiler_vhost_ring *r, int *fd) {
    if (r->call_fd >= 0)
        close(r->call_fd);
    r->call_fd = *fd;
    *fd = -1;
}

/* What concerns one ring. */
static int obey_ring(struct profiler_vhost *v, struct message *m, int *fd) {
    uint32_t number = m->ring.ring & ~NO_FD;
    if (m->bytes < sizeof m->ring || number >= PROFILER_VHOST_RINGS)
        return -1;
    struct profiler_vhost_ring *r = &v->rings[number];
    switch (m->request) {
    case SET_RING_SIZE:
        if (m->ring.value == 0 || m->ring.value > RING_SIZE_MAX ||
            (m->ring.value & (m->ring.value - 1)) != 0)
            return -1;
        r->size = (uint16_t)m->ring.value;
        return 0;
    case SET_RING_PLACE:
        if (m->bytes < sizeof m->place)
            return -1;
        r->qemu_place[0] = m->place.descriptors;
        r->qemu_place[1] = m->place.used;
        r->qemu_place[2] = m->place.available;
        return 0;
    case SET_RING_BASE:
        r->next = r->given = (uint16_t)m->ring.value;
        return 0;
    case GET_RING_BASE:
        r->started = false;
        m->ring.value = r->next;
        return answer(v, m, sizeof m->ring);
    case SET_RING_KICK: /* the descriptor is nothing to us: we look without being told */
        r->started = true;
        r->broken = false;
        return 0;
    case SET_RING_CALL:
        set_call(r, fd);
        return 0;
    case SET_RING_ENABLED:
        r->enabled = m->ring.value != 0;
        return 0;
    default:
        return 0;
    }
}

static int obey(struct profiler_vhost *v, struct message *m, int *fds, uint32_t fd_count) {
    int result = 0;
    if (m->request == GET_FEATURES)
        result = answer_number(v, m, FEATURES);
    else if (m->request == GET_PROTOCOL_FEATURES)
        result = answer_number(v, m, 0);
    else if (m->request == GET_QUEUES)
        result = answer_number(v, m, 1);
    else if (m->request == SET_MEMORY)
        result = set_memory(v, m, fds, fd_count);
    else if ((m->request >= SET_RING_SIZE && m->request <= SET_RING_ERROR) ||
             m->request == SET_RING_ENABLED)
        result = obey_ring(v, m, &fds[0]);
    find_rings(v);
    return result;
}

/* The header with what descriptors come along, then the rest. How many descriptors, or -1. */
static int receive(const struct profiler_vhost *v, struct message *m, int fds[FDS_MAX]) {
    char control[CMSG_SPACE(sizeof(int) * FDS_MAX)] __attribute__((aligned(8)));
    struct iovec to = {m, HEADER_BYTES};
    struct msghdr h = {
        .msg_iov = &to, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    uint32_t count = 0;
    ssize_t got = recvmsg(v->fd, &h, MSG_CMSG_CLOEXEC | MSG_WAITALL);
    for (struct cmsghdr *c = got > 0 ? CMSG_FIRSTHDR(&h) : NULL; c; c = CMSG_NXTHDR(&h, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        count = (uint32_t)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(fds, CMSG_DATA(c), count * sizeof(int));
    }
    bool good = got == HEADER_BYTES && m->bytes <= sizeof *m - HEADER_BYTES &&
                (m->bytes == 0 ||
                 recv(v->fd, (char *)m + HEADER_BYTES, m->bytes, MSG_WAITALL) == (ssize_t)m->bytes);
    for (uint32_t i = 0; !good && i < count; i++)
        close(fds[i]);
    return good ? (int)count : -1;
}

int profiler_vhost_hear(struct profiler_vhost *v) {
    struct message m = {0};
    int fds[FDS_MAX];
    for (uint32_t i = 0; i < FDS_MAX; i++)
        fds[i] = -1;
    int count = receive(v, &m, fds);
    if (count < 0)
        return -1;
    int result = obey(v, &m, fds, (uint32_t)count);
    for (int i = 0; i < count; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    return result;
}

void profiler_vhost_init(struct profiler_vhost *v, int fd) {
    *v = (struct profiler_vhost){.fd = fd};
    for (uint32_t i = 0; i < PROFILER_VHOST_RINGS; i++)
        v->rings[i].call_fd = -1;
}

void profiler_vhost_close(struct profiler_vhost *v) {
    int none = -1;
    forget_memory(v);
    for (uint32_t i = 0; i < PROFILER_VHOST_RINGS; i++) {
        set_call(&v->rings[i], &none);
        none = -1;
    }
    close(v->fd);
    v->fd = -1;
}
