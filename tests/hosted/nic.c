/*
 * The floor's parts without a stack above them, from a veth pair whose other end, nom0, this
 * program holds too:
 *
 *   nic --interface nom1 -- TEST
 *
 * Ends with 0, or 1 after two lines on what was wrong. It waits for any frame at most WAIT_US.
 */
#include "runtime/platform/nic.h"
#include "runtime/platform/platform.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WAIT_US    10000000u
#define TYPE       0x88b5 /* for local experiments */
#define HEADER     14u
#define BIG        2014u
#define BUFFERS    1024u /* that may be lent at once: twice what is seen of the ring */
#define SLOTS      4096u /* of the ring */
#define NOWHERE    "\x02\x11\x22\x33\x44\x55"
#define EVERYBODY  "\xff\xff\xff\xff\xff\xff"
#define SOME_GROUP "\x33\x33\x00\x00\x00\x01"

#define require(condition, ...)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            plat_log("%s: not so in line %d", #condition, __LINE__);                               \
            plat_log(__VA_ARGS__);                                                                 \
            plat_exit(1);                                                                          \
        }                                                                                          \
    } while (0)

static struct nic *nic;
static int peer;

static uint64_t errors(void) {
    return nic->ops->errors(nic);
}

static unsigned char pattern(uint32_t number, uint32_t i) {
    return (unsigned char)(number * 7 + i + (i >> 8));
}

static void fill(unsigned char *frame, const void *to, uint16_t type, uint32_t number,
                 uint32_t bytes) {
    memcpy(frame, to, 6);
    memcpy(frame + 6, NOWHERE, 6);
    frame[12] = (unsigned char)(type >> 8);
    frame[13] = (unsigned char)type;
    for (uint32_t i = HEADER; i < bytes; i++)
        frame[i] = pattern(number, i);
}

static void send_to(const void *to, uint32_t number, uint32_t bytes) {
    unsigned char frame[BIG];
    fill(frame, to, TYPE, number, bytes);
    require(send(peer, frame, bytes, 0) == (ssize_t)bytes, "%s", strerror(errno));
}

static void send_many(uint32_t first, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        send_to(nic->mac, first + i, 60);
}

static void check(const unsigned char *frame, uint32_t number, uint32_t got, uint32_t bytes) {
    require(got == bytes, "frame %u has %u bytes, not %u", number, got, bytes);
    for (uint32_t i = HEADER; i < bytes; i++)
        require(frame[i] == pattern(number, i), "byte %u of frame %u", i, number);
}

/* Until n frames are ready. */
static void await(uint32_t n) {
    uint64_t from_us = plat_now_us();
    while (nic->ops->rx_ready(nic) < n)
        require(plat_now_us() - from_us < WAIT_US, "%u of %u frames came", nic->ops->rx_ready(nic),
                n);
    require(nic->ops->rx_ready(nic) == n, "%u frames instead of %u", nic->ops->rx_ready(nic), n);
}

/* Takes n frames of 60 bytes, numbered from first on; their buffers. */
static void take(uint32_t first, uint32_t n, uint32_t *buffers) {
    for (uint32_t i = 0; i < n;) {
        struct nic_rx_frame frames[7];
        uint32_t taken = nic->ops->rx_take(nic, frames, n - i < 7 ? n - i : 7);
        require(taken > 0, "after %u of %u", i, n);
        for (uint32_t j = 0; j < taken; j++, i++) {
            check(frames[j].data, first + i, frames[j].bytes, 60);
            buffers[i] = frames[j].buffer;
        }
    }
}

static void release(const uint32_t *buffers, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        nic->ops->rx_release(nic, buffers[i * 7 % n]); /* 7 divides none of our n */
}

/* ---- receive ---- */

static void sizes(void) {
    for (uint32_t bytes = HEADER; bytes <= NIC_FRAME_BYTES_MAX; bytes++) {
        struct nic_rx_frame frame;
        send_to(nic->mac, bytes, bytes);
        await(1);
        require(nic->ops->rx_take(nic, &frame, 1) == 1, "%u bytes", bytes);
        check(frame.data, bytes, frame.bytes, bytes);
        require(!frame.checksum_good, "of a frame nobody summed");
        nic->ops->rx_release(nic, frame.buffer);
    }
    require(errors() == 0, "%llu", (unsigned long long)errors());
}

/* All buffers may be out, and come back in any order; the ring goes on below them. */
static void lent(void) {
    uint32_t buffers[BUFFERS], half = nic->rx_size;
    struct nic_rx_frame frame;
    for (uint32_t turn = 0; turn < 3; turn++) {
        for (uint32_t i = 0; i < BUFFERS; i += half) {
            send_many(i, half);
            await(half);
            take(i, half, buffers + i);
        }
        send_many(5000, 3);
        await(3);
        require(nic->ops->rx_take(nic, &frame, 1) == 0, "a buffer more than there are");
        nic->ops->rx_release(nic, buffers[77]);
        take(5000, 1, buffers + 77);
        await(2);
        nic->ops->rx_release(nic, buffers[0]);
        nic->ops->rx_release(nic, buffers[BUFFERS - 1]);
        take(5001, 1, buffers);
        take(5002, 1, buffers + BUFFERS - 1);
        release(buffers, BUFFERS);
    }
    require(errors() == 0, "%llu", (unsigned long long)errors());
    nic->ops->rx_release(nic, buffers[5]);
    nic->ops->rx_release(nic, BUFFERS);
    require(errors() == 2, "a buffer given back twice, and one that is none");
}

/* What finds the ring full is lost and counted, and the rest goes on: no more of it is seen at a
 * time than the NIC says. */
static void overflow(void) {
    uint32_t buffers[BUFFERS], part = nic->rx_size;
    for (uint32_t i = 0; i < SLOTS; i += part) {
        send_many(i, part);
        await(part);
    }
    send_many(SLOTS, 88);
    usleep(200000); /* until the kernel has carried all of them here; nothing tells */
    for (uint32_t i = 0; i < SLOTS; i += part) {
        require(nic->ops->rx_ready(nic) == part, "%u", nic->ops->rx_ready(nic));
        take(i, part, buffers);
        release(buffers, part);
    }
    require(nic->ops->rx_ready(nic) == 0, "more than the ring holds");
    send_many(9000, 1);
    await(1);
    take(9000, 1, buffers);
    release(buffers, 1);
    require(!nic->ops->remind(nic), "no kick");
    require(errors() == 88, "%llu", (unsigned long long)errors());
    nic->ops->remind(nic);
    require(errors() == 88, "%llu, a second time", (unsigned long long)errors());
}

static void set_mtu(const char *interface, int mtu) {
    struct ifreq request = {.ifr_mtu = mtu};
    strcpy(request.ifr_name, interface);
    require(ioctl(peer, SIOCSIFMTU, &request) == 0, "%s", strerror(errno));
}

/* What is too long, tagged or for others; each time a good one comes after it. */
static void odd(void) {
    unsigned char frame[BIG];
    uint32_t buffer;
    set_mtu("nom0", BIG - HEADER);
    set_mtu("nom1", BIG - HEADER);
    for (uint32_t bytes = NIC_FRAME_BYTES_MAX + 1; bytes <= BIG; bytes += BIG - 1515)
        send_to(nic->mac, 0, bytes);
    fill(frame, nic->mac, ETH_P_8021Q, 1, 100);
    require(send(peer, frame, 100, 0) == 100, "%s", strerror(errno));
    send_to(NOWHERE, 2, 100);
    send_to(SOME_GROUP, 3, 100);
    send_to(EVERYBODY, 4, 60);
    await(4);
    take(4, 1, &buffer);
    require(errors() == 3, "%llu", (unsigned long long)errors());
    require(nic->ops->rx_ready(nic) == 0, "more than the broadcast");
}

/* ---- transmit ---- */

/* The next frame that the peer's end got from us; whether its sum is not made yet. */
static uint32_t peer_gets(unsigned char *frame, bool *unsummed) {
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
    } control;
    struct iovec to = {frame, BIG};
    struct msghdr message = {
        .msg_iov = &to, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t bytes;
    do {
        message.msg_controllen = sizeof control;
        bytes = recvmsg(peer, &message, 0);
        require(bytes > 0, "%s", strerror(errno));
    } while (memcmp(frame + 6, nic->mac, 6) != 0);
    struct tpacket_auxdata *data = (void *)CMSG_DATA(CMSG_FIRSTHDR(&message));
    *unsummed = (data->tp_status & TP_STATUS_CSUMNOTREADY) != 0;
    return (uint32_t)bytes;
}

static unsigned char *memory;

/* A frame in this many pieces. Its cookie is its number. */
static struct nic_tx_frame make(uint32_t number, uint32_t bytes, uint32_t pieces) {
    static uint32_t next;
    unsigned char *at = memory + (next++ % 1024) * 2048 + NIC_TX_HEADROOM;
    struct nic_tx_frame frame = {.fragments = pieces, .cookie = (void *)(uintptr_t)number};
    fill(at, NOWHERE, TYPE, number, bytes);
    memcpy(at + 6, nic->mac, 6);
    for (uint32_t i = 0; i < pieces; i++) {
        frame.fragment[i].data = at + bytes * i / pieces;
        frame.fragment[i].bytes = bytes * (i + 1) / pieces - bytes * i / pieces;
    }
    return frame;
}

static void reap(uint32_t first, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        void *cookie;
        require(nic->ops->tx_reap(nic, &cookie, 1) == 1, "%u of %u", i, n);
        require(cookie == (void *)(uintptr_t)(first + i), "cookie %u", first + i);
    }
}

static void pieces(void) {
    unsigned char got[BIG];
    bool unsummed;
    void *cookie;
    for (uint32_t n = 1; n <= NIC_TX_FRAGMENTS_MAX; n++)
        for (uint32_t bytes = 60; bytes <= NIC_FRAME_BYTES_MAX; bytes += 727) {
            struct nic_tx_frame frame = make(bytes, bytes, n);
            require(nic->ops->tx_put(nic, &frame) == 0, "%u pieces", n);
            require(nic->ops->tx_free(nic) == nic->tx_size - n, "%u pieces", n);
            require(nic->ops->tx_reap(nic, &cookie, 1) == 0, "before the kick");
            require(recv(peer, got, 1, MSG_DONTWAIT) < 0, "sent before the kick");
            require(nic->ops->tx_kick(nic), "nothing to tell");
            require(!nic->ops->tx_kick(nic), "told twice");
            check(got, bytes, peer_gets(got, &unsummed), bytes);
            require(!unsummed, "a frame without offload");
            reap(bytes, 1);
            require(nic->ops->tx_free(nic) == nic->tx_size, "%u pieces", n);
        }
    struct nic_tx_frame none = make(0, 60, 1);
    none.fragments = 0;
    require(nic->ops->tx_put(nic, &none) != 0, "a frame of nothing");
    none.fragments = NIC_TX_FRAGMENTS_MAX + 1;
    require(nic->ops->tx_put(nic, &none) != 0, "too many pieces");
}

/* A full ring, then bursts that run over its end. */
static void bursts(void) {
    unsigned char got[BIG];
    bool unsummed;
    uint32_t placed = 0, reaped = 0;
    struct nic_tx_frame frame = make(0, 60, 1);
    for (uint32_t turn = 0; turn < 5; turn++) {
        uint32_t seen = placed;
        while (nic->ops->tx_free(nic) > 0) {
            frame = make(placed++, 60, 1);
            require(nic->ops->tx_put(nic, &frame) == 0, "%u", placed);
        }
        require(placed - reaped == nic->tx_size, "%u frames in the ring", placed - reaped);
        require(nic->ops->tx_put(nic, &frame) != 0, "a frame more than it holds");
        require(nic->ops->tx_kick(nic), "nothing to tell");
        for (; seen < placed; seen++)
            check(got, seen, peer_gets(got, &unsummed), 60);
        reap(reaped, 100 + turn);
        reaped += 100 + turn;
    }
    reap(reaped, placed - reaped);
    require(nic->ops->tx_free(nic) == nic->tx_size, "all are reaped");
    require(errors() == 0, "%llu", (unsigned long long)errors());
}

static void checksums(void) {
    unsigned char got[BIG], out[sizeof(struct virtio_net_hdr) + 100];
    struct virtio_net_hdr header = {
        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16};
    struct nic_tx_frame frame = make(1, 100, 2);
    struct nic_rx_frame received;
    bool unsummed;
    int one = 1;
    frame.checksum_start = 34;
    frame.checksum_offset = 16;
    require(nic->tx_checksum && nic->ops->tx_put(nic, &frame) == 0, "offload");
    nic->ops->tx_kick(nic);
    check(got, 1, peer_gets(got, &unsummed), 100);
    require(unsummed, "the sum was made though it is not needed");
    reap(1, 1);

    require(setsockopt(peer, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof one) == 0, "%s",
            strerror(errno));
    memcpy(out, &header, sizeof header);
    fill(out + sizeof header, nic->mac, TYPE, 2, 100);
    require(send(peer, out, sizeof out, 0) == sizeof out, "%s", strerror(errno));
    await(1);
    require(nic->ops->rx_take(nic, &received, 1) == 1, "taken");
    check(received.data, 2, received.bytes, 100);
    require(received.checksum_good, "a frame of this host, not summed");
}

static void set_up(bool up) {
    struct ifreq request = {.ifr_name = "nom1"};
    require(ioctl(peer, SIOCGIFFLAGS, &request) == 0, "%s", strerror(errno));
    request.ifr_flags = (short)(up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
    require(ioctl(peer, SIOCSIFFLAGS, &request) == 0, "%s", strerror(errno));
}

/* Frames for a link that is down are given up and counted; later ones go. */
static void down(void) {
    unsigned char got[BIG];
    bool unsummed;
    for (uint32_t turn = 0; turn < 2; turn++) {
        set_up(false);
        for (uint32_t i = 0; i < 5; i++) {
            struct nic_tx_frame frame = make(i, 60, 1);
            require(nic->ops->tx_put(nic, &frame) == 0, "%u", i);
        }
        nic->ops->tx_kick(nic);
        reap(0, 5);
        require(errors() == 5 * (turn + 1), "%llu", (unsigned long long)errors());
        set_up(true);
        struct nic_tx_frame frame = make(7, 60, 1);
        require(nic->ops->tx_put(nic, &frame) == 0 && nic->ops->tx_kick(nic), "up again");
        check(got, 7, peer_gets(got, &unsummed), 60);
        reap(7, 1);
    }
}

/* ---- what else the floor gives ---- */

static uint64_t waited_us(uint32_t most_us) {
    uint64_t from_us = plat_now_us();
    plat_wait(most_us);
    return plat_now_us() - from_us;
}

static void waiting(void) {
    uint32_t buffer;
    require(waited_us(50000) >= 50000, "nothing came");
    plat_notify();
    plat_notify();
    require(waited_us(WAIT_US) < WAIT_US, "notified before");
    require(waited_us(50000) >= 50000, "both notifications are used up");
    send_many(1, 1);
    await(1);
    require(waited_us(WAIT_US) < WAIT_US, "a frame is ready");
    require(waited_us(WAIT_US) < WAIT_US, "it still is");
    take(1, 1, &buffer);
    require(waited_us(50000) >= 50000, "all frames are taken");
    if (fork() == 0) {
        usleep(100000);
        send_many(2, 1);
        _exit(0);
    }
    require(waited_us(WAIT_US) < WAIT_US, "a frame came");
    await(1);
    set_up(false);
    take(2, 1, &buffer);
    plat_wait(WAIT_US); /* hears of the link */
    require(waited_us(50000) >= 50000, "the link is still down");
    require(errors() == 1, "%llu", (unsigned long long)errors());
}

static uint64_t raw_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_RAW, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Ours lies within the kernel's before and after it, whatever comes between. */
static void clocks(void) {
    uint64_t before_us = raw_us(), ours_us = plat_now_us(), after_us = raw_us();
    usleep(500000);
    uint64_t before2_us = raw_us(), ours2_us = plat_now_us(), after2_us = raw_us();
    uint64_t elapsed_us = ours2_us - ours_us;
    require(elapsed_us * 1001 / 1000 + 1 >= before2_us - after_us, "%llu us",
            (unsigned long long)elapsed_us);
    require(elapsed_us * 999 / 1000 <= after2_us - before_us + 1, "%llu us",
            (unsigned long long)elapsed_us);
}

static void board(void) {
    const struct nom_board *b = plat_board();
    require(b->magic == NOM_BOARD_MAGIC && b->version == NOM_BOARD_VERSION, "board");
    require(b->sequence % 2 == 0 && b->tsc_hz == plat_tsc_hz && b->cores >= 1, "board");
    require(b->memory_bytes >= b->memory_free_bytes && b->memory_free_bytes > 0, "board");
    require(b->counters.system_calls == 0 && b->resource_count == 0, "board");
    /* write(2) reads what it is given; read(2) into it must fail. */
    int zero[2];
    require(pipe(zero) == 0 && write(zero[1], "x", 1) == 1, "%s", strerror(errno));
    require(read(zero[0], (void *)(uintptr_t)&b->cores, 1) < 0 && errno == EFAULT,
            "the board can be written");
}

static void memories(void) {
    static const size_t sizes_bytes[] = {1, 4096, 4097, 2u << 20, (2u << 20) + 1, 7u << 20, 64};
    unsigned char *got[sizeof sizes_bytes / sizeof *sizes_bytes];
    for (size_t i = 0; i < sizeof sizes_bytes / sizeof *sizes_bytes; i++) {
        got[i] = plat_dma_alloc(sizes_bytes[i]);
        require(got[i] != NULL && (uintptr_t)got[i] % 4096 == 0, "%zu bytes", sizes_bytes[i]);
        require(plat_dma_address(got[i]) != 0, "%zu bytes", sizes_bytes[i]);
        for (size_t at = 0; at < sizes_bytes[i]; at++)
            require(got[i][at] == 0, "byte %zu of %zu", at, sizes_bytes[i]);
        memset(got[i], (int)i + 1, sizes_bytes[i]);
    }
    for (size_t i = 0; i < sizeof sizes_bytes / sizeof *sizes_bytes; i++)
        require(got[i][0] == i + 1 && got[i][sizes_bytes[i] - 1] == i + 1, "they overlap");
    require(plat_dma_alloc(0) == NULL && plat_dma_alloc(SIZE_MAX) == NULL &&
                plat_dma_alloc(SIZE_MAX / 2) == NULL,
            "sizes that cannot be");
    require(plat_entropy() != plat_entropy(), "the same number twice");
}

/* ---- start ---- */

static void open_peer(void) {
    struct timeval wait = {.tv_sec = WAIT_US / 1000000};
    struct sockaddr_ll address = {.sll_family = AF_PACKET,
                                  .sll_protocol = htons(TYPE),
                                  .sll_ifindex = (int)if_nametoindex("nom0")};
    int one = 1, room = 1 << 20;
    peer = socket(AF_PACKET, SOCK_RAW, 0);
    require(peer >= 0, "%s", strerror(errno));
    /* A ring full of frames must fit; beyond the limit only where we may. */
    if (setsockopt(peer, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) != 0)
        setsockopt(peer, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    require(setsockopt(peer, SOL_PACKET, PACKET_AUXDATA, &one, sizeof one) == 0 &&
                setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0 &&
                bind(peer, (struct sockaddr *)&address, sizeof address) == 0,
            "%s", strerror(errno));
}

int plat_main(int argc, char **argv) {
    static const struct {
        const char *name;
        void (*run)(void);
    } tests[] = {
        {"sizes", sizes},     {"lent", lent},     {"overflow", overflow},   {"odd", odd},
        {"pieces", pieces},   {"bursts", bursts}, {"checksums", checksums}, {"down", down},
        {"waiting", waiting}, {"clocks", clocks}, {"board", board},         {"memories", memories},
    };
    char why[200];
    nic = plat_nic_open(why, sizeof why);
    require(nic != NULL, "%s", why);
    require(plat_nic_open(why, sizeof why) == NULL, "opened twice");
    require(BUFFERS == 2 * nic->rx_size, "a ring of %u", nic->rx_size);
    open_peer();
    memory = plat_dma_alloc(1024 * 2048);
    require(memory != NULL, "no memory");
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        if (argc == 2 && strcmp(argv[1], tests[i].name) == 0) {
            tests[i].run();
            return 0;
        }
    plat_log("no such test");
    return 2;
}
