/*
 * A network interface card as the stack sees it: bursts of frames in and out, and a kick that
 * tells the device. It never waits, allocates or makes a system call. virtnet (net/) implements
 * it for virtio-net; other floors bring their own.
 *
 * Buffers: a received frame lies in a buffer of the NIC, lent to the caller until nic_rx_release. A
 * byte may be read behind its end, of any value: lwIP 2.1.3 looks for the length of a TCP option
 * whose kind is the segment's last byte.
 * A frame to send is a chain of fragments of the caller's memory, lent to the NIC until its cookie
 * comes back from nic_tx_reap. All pointers in a fragment are reachable by plat_dma_address, and
 * the first has NIC_TX_HEADROOM writable bytes before it.
 */
#ifndef PLATFORM_NIC_H
#define PLATFORM_NIC_H

#include <stdbool.h>
#include <stdint.h>

#define NIC_TX_HEADROOM      16u
#define NIC_TX_FRAGMENTS_MAX 8u
#define NIC_FRAME_BYTES_MAX  1514u

struct nic_rx_frame {
    void *data; /* Ethernet header first */
    uint32_t bytes;
    uint32_t buffer;    /* give back with nic_rx_release */
    bool checksum_good; /* TCP/UDP sum checked, or made on this host and not needed */
};

struct nic_fragment {
    void *data;
    uint32_t bytes;
};

struct nic_tx_frame {
    struct nic_fragment fragment[NIC_TX_FRAGMENTS_MAX];
    uint32_t fragments;
    /* With offload: the device adds the sum from checksum_start (offset in the frame) to its end
     * and stores it checksum_offset bytes after that; the caller has put the pseudo-header's sum
     * there. checksum_start = 0: none. */
    uint16_t checksum_start, checksum_offset;
    void *cookie;
};

struct nic {
    uint8_t mac[6];
    bool tx_checksum; /* computes TCP/UDP sums of what is sent */
    uint32_t rx_size; /* frames the receive ring holds */
    uint32_t tx_size; /* descriptors of the transmit ring; a frame takes one a fragment */
    const struct nic_ops *ops;
};

struct nic_ops {
    /* Frames received and not taken yet, at most rx_size: cheap, one read of memory. */
    uint32_t (*rx_ready)(struct nic *nic);
    /* Takes up to n frames, oldest first. */
    uint32_t (*rx_take)(struct nic *nic, struct nic_rx_frame *frames, uint32_t n);
    void (*rx_release)(struct nic *nic, uint32_t buffer);
    /* Descriptors free now (after reaping). */
    uint32_t (*tx_free)(struct nic *nic);
    /* Places a frame in the ring without telling the device. 0, or -1 if it does not fit. */
    int (*tx_put)(struct nic *nic, const struct nic_tx_frame *frame);
    /* Tells the device of all that was placed, unless it is awake and asked not to be told.
     * True if a kick was really made. */
    bool (*tx_kick)(struct nic *nic);
    /* Cookies of up to n frames the device is done with. */
    uint32_t (*tx_reap)(struct nic *nic, void **cookies, uint32_t n);
    /* Times the device was told of fresh receive buffers, so far: kicks beside those of tx_kick. */
    uint64_t (*rx_kicks)(struct nic *nic);
    /* Now and then, about each millisecond: tells the device again what it seems to have missed.
     * Counted as kicks of the receive ring or, if the return is true, of the transmit ring. */
    bool (*remind)(struct nic *nic);
    /* Errors of the device so far (ring or length that made no sense). */
    uint64_t (*errors)(struct nic *nic);
    /* Before a plat_wait: asks that it end when a frame comes. False: one is there already, or this
     * NIC has no way to end a wait; the caller goes on polling. */
    bool (*sleep)(struct nic *nic);
    /* After it: no interrupts any more. */
    void (*wake)(struct nic *nic);
    /* About each millisecond: the device has gone, or is about to, and should be let go of now. */
    bool (*leaves)(struct nic *nic);
    /* Lets go of it: from now on nothing is received or sent, tx_reap gives back all frames, those
     * received are released as ever. plat_nic_open may then give the same NIC anew, on another
     * device. */
    void (*close)(struct nic *nic);
};

/* Opens the floor's first NIC that no app owns; one line in why on failure. */
struct nic *plat_nic_open(char *why, uint32_t why_bytes);

#endif
