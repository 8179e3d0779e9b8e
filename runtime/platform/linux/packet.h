/*
 * A NIC on a Linux packet socket: one interface, seen from beside the kernel's own stack. The
 * socket's frames carry a virtio header, so that checksums of TCP are left to whoever needs them.
 *
 * Receive: a ring of slots that the kernel fills in order and the socket's owner empties in order
 * (TPACKET_V2). Since a slot not given back stops the kernel when it comes round to it, no slot is
 * lent: rx_take copies a frame into a buffer; those come back in any order. There are more slots
 * than the app takes notice of at a time (RX_SIZE): a process is not always on a core, and what
 * comes from a thousand peers meanwhile is not lost. Transmit: frames wait in an array of messages
 * until the kick, which is one sendmmsg(2); the kernel copies them, so that they can be reaped
 * right after it.
 *
 *   reaped <= sent <= kicked <= placed <= reaped + TX_SIZE    (counts of frames)
 *
 * Frames between sent and kicked are those for which the kernel had no room; each reap and each
 * kick tries again.
 */
#ifndef PLAT_PACKET_H
#define PLAT_PACKET_H

#include "runtime/platform/nic.h"
#include <linux/if_packet.h>
#include <stddef.h>
#include <sys/socket.h>

#define PACKET_RX_SLOTS     4096u
#define PACKET_RX_SIZE      512u
#define PACKET_RX_BUFFERS   (2u * PACKET_RX_SIZE)
#define PACKET_SLOT_BYTES   2048u
#define PACKET_BUFFER_BYTES 2048u
#define PACKET_FRAME_OFFSET 64u /* of a frame in its buffer */
#define PACKET_TX_SIZE      512u
#define PACKET_HEADER_BYTES 10u /* struct virtio_net_hdr */

struct packet_rx {
    char *slots;
    uint32_t at;   /* the slot that is taken next */
    uint32_t seen; /* slots from there known to be full */
    bool losing;   /* the kernel says that it has dropped frames */
    char *buffers;
    uint32_t spare_count;
    uint16_t spare[PACKET_RX_BUFFERS];
    bool lent[PACKET_RX_BUFFERS];
};

struct packet_tx {
    uint32_t reaped, sent, kicked, placed;
    uint32_t free; /* descriptors: one a fragment */
    struct mmsghdr messages[PACKET_TX_SIZE];
    struct iovec fragments[PACKET_TX_SIZE][NIC_TX_FRAGMENTS_MAX];
    void *cookies[PACKET_TX_SIZE];
};

struct packet {
    struct nic nic; /* first: a struct nic * of it is a struct packet * */
    int fd;
    const char *interface;
    bool down; /* the interface is down or gone, and it was said so */
    uint64_t errors;
    struct packet_rx rx;
    struct packet_tx tx;
};

static inline struct packet *packet_of(struct nic *nic) {
    return (struct packet *)(void *)nic;
}

/* Receive side of struct nic_ops. packet_rx_open after the socket has its options and before it is
 * bound; NULL, or what went wrong. */
const char *packet_rx_open(struct packet *p);
uint32_t packet_rx_ready(struct nic *nic);
uint32_t packet_rx_take(struct nic *nic, struct nic_rx_frame *frames, uint32_t n);
void packet_rx_release(struct nic *nic, uint32_t buffer);
/* Counts as errors what the kernel dropped since it was last asked. */
void packet_rx_count_lost(struct packet *p);

/* Transmit side. */
void packet_tx_open(struct packet *p);
uint32_t packet_tx_free(struct nic *nic);
int packet_tx_put(struct nic *nic, const struct nic_tx_frame *frame);
bool packet_tx_kick(struct nic *nic);
uint32_t packet_tx_reap(struct nic *nic, void **cookies, uint32_t n);

/* The interface is down or gone: says so once. */
void packet_went_down(struct packet *p, int error);

#endif
