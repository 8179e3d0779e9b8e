/*
 * A link with faults, for kernels without netem: carries frames between two interfaces, both ways,
 * and does to a share of them what a bad network does.
 *
 *   faults IFACE IFACE SEED FAULT=PERCENT...     FAULT: loss reorder duplicate corrupt
 *
 * A reordered frame is held for HOLD_US, so that those behind it overtake it; in a corrupted one a
 * bit is flipped, anywhere but in ARP, which has no checksum. Checksums that a sender left to its
 * NIC are filled in before, as netem does. Says "ready" once it carries; runs until SIGTERM, then
 * prints what it did.
 */
#include "tests/unit/seeded.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FRAME_BYTES_MAX 2048u
#define HELD_MAX        4096u
#define HOLD_US         2000u

enum fault { LOSS, REORDER, DUPLICATE, CORRUPT, FAULTS };
static const char *const names[FAULTS] = {"loss", "reorder", "duplicate", "corrupt"};
static double share[FAULTS];
static uint64_t done[FAULTS], carried;

struct frame {
    uint64_t due_us;
    int to;
    size_t bytes;
    unsigned char data[FRAME_BYTES_MAX];
};
static struct frame held[HELD_MAX]; /* a ring: each is held as long */
static uint32_t held_first, held_count;
static struct seeded source;
static volatile sig_atomic_t ended;

static void on_signal(int number) {
    (void)number;
    ended = 1;
}

static _Noreturn void die(const char *what) {
    fprintf(stderr, "faults: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static int open_interface(const char *name) {
    int one = 1, bytes = 32 << 20, fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);
    struct sockaddr_ll address = {.sll_family = AF_PACKET,
                                  .sll_protocol = htons(ETH_P_ALL),
                                  .sll_ifindex = (int)if_nametoindex(name)};
    struct packet_mreq all = {.mr_ifindex = address.sll_ifindex, .mr_type = PACKET_MR_PROMISC};
    if (fd < 0 || address.sll_ifindex == 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof one) != 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one) != 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all) != 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) != 0)
        die(name);
    /* Without the right to force it the ordinary limit has to do. */
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    return fd;
}

/* Adds up the frame from `start` and stores the sum's complement `offset` bytes after that. */
static void fill_checksum(unsigned char *data, size_t bytes, size_t start, size_t offset) {
    uint32_t sum = 0;
    if (start + offset + 2 > bytes)
        return;
    for (size_t i = start; i < bytes; i++)
        sum += (i - start) % 2 ? data[i] : (uint32_t)data[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    data[start + offset] = (unsigned char)(~sum >> 8);
    data[start + offset + 1] = (unsigned char)~sum;
}

static void put(int to, const unsigned char *data, size_t bytes) {
    static unsigned char whole[sizeof(struct virtio_net_hdr) + FRAME_BYTES_MAX];
    memcpy(whole + sizeof(struct virtio_net_hdr), data, bytes);
    /* Where the other end has no room the frame is lost, as on any link. */
    if (send(to, whole, sizeof(struct virtio_net_hdr) + bytes, 0) > 0)
        carried++;
}

static bool strikes(enum fault fault) {
    if (seeded_unit(&source) * 100.0 >= share[fault])
        return false;
    done[fault]++;
    return true;
}

static void carry(unsigned char *data, size_t bytes, int to) {
    bool arp = data[12] == ETH_P_ARP >> 8 && data[13] == (ETH_P_ARP & 0xff);
    if (strikes(LOSS))
        return;
    if (!arp && strikes(CORRUPT))
        data[seeded_below(&source, bytes)] ^= (unsigned char)(1u << seeded_below(&source, 8));
    if (strikes(DUPLICATE))
        put(to, data, bytes);
    if (held_count < HELD_MAX && strikes(REORDER)) {
        struct frame *f = &held[(held_first + held_count++) % HELD_MAX];
        f->due_us = now_us() + HOLD_US;
        f->to = to;
        f->bytes = bytes;
        memcpy(f->data, data, bytes);
        return;
    }
    put(to, data, bytes);
}

static void take_all(int from, int to) {
    unsigned char whole[sizeof(struct virtio_net_hdr) + FRAME_BYTES_MAX];
    unsigned char *data = whole + sizeof(struct virtio_net_hdr);
    for (int n = 0; n < 64; n++) {
        ssize_t got = recv(from, whole, sizeof whole, MSG_TRUNC);
        struct virtio_net_hdr h;
        if (got < (ssize_t)sizeof h + ETH_HLEN)
            return;
        if ((size_t)got > sizeof whole) {
            fprintf(stderr, "faults: a frame of %zd bytes: segmentation offload is on\n", got);
            exit(1);
        }
        size_t bytes = (size_t)got - sizeof h;
        memcpy(&h, whole, sizeof h);
        if (h.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
            fill_checksum(data, bytes, h.csum_start, h.csum_offset);
        carry(data, bytes, to);
    }
}

static void release_due(void) {
    while (held_count > 0 && held[held_first].due_us <= now_us()) {
        const struct frame *f = &held[held_first];
        put(f->to, f->data, f->bytes);
        held_first = (held_first + 1) % HELD_MAX;
        held_count--;
    }
}

static void read_faults(int argc, char **argv) {
    for (int i = 4; i < argc; i++) {
        int fault = 0;
        const char *value = strchr(argv[i], '=');
        while (fault < FAULTS && strncmp(argv[i], names[fault], strlen(names[fault])) != 0)
            fault++;
        if (!value || fault == FAULTS) {
            errno = EINVAL;
            die(argv[i]);
        }
        share[fault] = strtod(value + 1, NULL);
    }
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: faults IFACE IFACE SEED FAULT=PERCENT...\n");
        return 2;
    }
    struct pollfd ends[2] = {{.fd = open_interface(argv[1]), .events = POLLIN},
                             {.fd = open_interface(argv[2]), .events = POLLIN}};
    source.state = strtoull(argv[3], NULL, 10);
    read_faults(argc, argv);
    signal(SIGTERM, on_signal);
    printf("ready\n");
    fflush(stdout);
    while (!ended) {
        if (poll(ends, 2, held_count ? 1 : 100) < 0 && errno != EINTR)
            die("poll");
        take_all(ends[0].fd, ends[1].fd);
        take_all(ends[1].fd, ends[0].fd);
        release_due();
    }
    printf("carried %llu", (unsigned long long)carried);
    for (int i = 0; i < FAULTS; i++)
        printf(" %s %llu", names[i], (unsigned long long)done[i]);
    printf("\n");
    return 0;
}
