/*
 * virtnet: the driver for virtio-net (virtio 1.x over PCI), in the app (spec N2). Polled, and while
 * the app sleeps, where the device has MSI-X, an interrupt of the receive queue wakes it. One
 * receive and one transmit queue; checksum offload both ways; no segmentation offload, so that
 * every frame fits one receive buffer. An app may bring its own driver instead: it is one more
 * struct nic.
 *
 * Receive buffers: twice as many as the ring holds. A frame taken is replaced in the ring by a
 * spare buffer at once, so the ring is short only when more than half of all buffers are lent out.
 * The virtio header of a frame to send lies in the NIC_TX_HEADROOM bytes before it: a frame in one
 * piece takes one descriptor.
 *
 * A device that is unplugged is let go of, and v may be opened on another one: with the same
 * memory, while buffers of frames received before may still be lent.
 *
 * A device that answers nonsense costs frames and counts errors; one that breaks a ring
 * (virtnet_ring.h) is not used any more: nothing is received or sent, no buffer comes back.
 */
#ifndef NET_VIRTNET_H
#define NET_VIRTNET_H

#include "runtime/abi/syscall.h"
#include "runtime/net/virtnet_pci.h"
#include "runtime/net/virtnet_ring.h"
#include "runtime/platform/nic.h"

#define VIRTNET_BUFFERS_MAX  (2u * VIRTNET_RING_SIZE_MAX)
#define VIRTNET_BUFFER_BYTES 2048u
#define VIRTNET_HEADER_BYTES 12u
/* Where a frame starts in its receive buffer; its virtio header lies before it. */
#define VIRTNET_FRAME_OFFSET 64u

struct virtnet {
    struct nic nic; /* first: a struct nic * of it is a struct virtnet * */
    struct virtnet_pci pci;
    struct virtnet_ring rx, tx;
    unsigned char *buffers;
    uint64_t buffers_address;
    uint32_t buffer_count;
    uint32_t spare_count;
    uint16_t spare[VIRTNET_BUFFERS_MAX];
    bool lent[VIRTNET_BUFFERS_MAX];
    bool open;
    uint32_t resource_id;
    uint64_t generation; /* of the board, when it was last looked whether the device stays */
    bool interrupts;     /* the receive queue's can be asked for */
    uint64_t errors;     /* beside those of the rings: lengths, releases */
};

/* Starts the device, with memory from plat_dma_alloc. v is zeroed by the caller, or was open before
 * and has been closed, and stays where it is. 0, or -1 with one line in why. */
int virtnet_open(struct virtnet *v, const struct nom_device *device, char *why, uint32_t why_bytes);

#endif
