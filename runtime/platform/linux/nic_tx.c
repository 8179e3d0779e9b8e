/*
 * packet.h, transmit. Counts start over whenever all frames are reaped, so that under light load
 * the same few messages are used again and again, and a burst rarely runs over the array's end.
 */
#include "packet.h"
#include <errno.h>
#include <linux/virtio_net.h>
#include <string.h>

_Static_assert(sizeof(struct virtio_net_hdr) == PACKET_HEADER_BYTES,
               "the header of packet sockets");
_Static_assert(PACKET_HEADER_BYTES <= NIC_TX_HEADROOM, "the header fits the headroom");
_Static_assert((PACKET_TX_SIZE & (PACKET_TX_SIZE - 1)) == 0, "so that counts may wrap");

void packet_tx_open(struct packet *p) {
    p->tx.free = PACKET_TX_SIZE;
    for (uint32_t i = 0; i < PACKET_TX_SIZE; i++)
        p->tx.messages[i].msg_hdr.msg_iov = p->tx.fragments[i];
}

uint32_t packet_tx_free(struct nic *nic) {
    return packet_of(nic)->tx.free;
}

int packet_tx_put(struct nic *nic, const struct nic_tx_frame *frame) {
    struct packet_tx *tx = &packet_of(nic)->tx;
    bool offload = frame->checksum_start != 0;
    struct virtio_net_hdr header = {
        .flags = offload ? VIRTIO_NET_HDR_F_NEEDS_CSUM : 0,
        .csum_start = frame->checksum_start,
        .csum_offset = frame->checksum_offset,
    };
    if (frame->fragments == 0 || frame->fragments > NIC_TX_FRAGMENTS_MAX ||
        frame->fragments > tx->free)
        return -1;
    uint32_t at = tx->placed % PACKET_TX_SIZE;
    struct iovec *to = tx->fragments[at];
    for (uint32_t i = 0; i < frame->fragments; i++)
        to[i] = (struct iovec){frame->fragment[i].data, frame->fragment[i].bytes};
    to->iov_base = (char *)to->iov_base - PACKET_HEADER_BYTES;
    to->iov_len += PACKET_HEADER_BYTES;
    memcpy(to->iov_base, &header, sizeof header);
    tx->messages[at].msg_hdr.msg_iovlen = frame->fragments;
    tx->cookies[at] = frame->cookie;
    tx->free -= frame->fragments;
    tx->placed++;
    return 0;
}

/* Gives up frames that the kernel refuses for good: all of them if there is no link. */
static void refuse(struct packet *p, int error) {
    struct packet_tx *tx = &p->tx;
    uint32_t frames = 1;
    if (error == ENETDOWN || error == ENXIO || error == ENODEV) {
        packet_went_down(p, error);
        frames = tx->kicked - tx->sent;
    }
    p->errors += frames;
    tx->sent += frames;
}

/* Sends what was kicked. Each turn sends or gives up a frame, or is the last. */
static void send_kicked(struct packet *p) {
    struct packet_tx *tx = &p->tx;
    while (tx->sent != tx->kicked) {
        uint32_t at = tx->sent % PACKET_TX_SIZE, n = tx->kicked - tx->sent;
        if (n > PACKET_TX_SIZE - at)
            n = PACKET_TX_SIZE - at;
        int sent = sendmmsg(p->fd, &tx->messages[at], n, MSG_DONTWAIT);
        if (sent > 0) {
            tx->sent += (uint32_t)sent;
            p->down = false;
        } else if (errno == EAGAIN || errno == ENOBUFS) {
            return;
        } else if (errno != EINTR) {
            refuse(p, errno);
        }
    }
}

bool packet_tx_kick(struct nic *nic) {
    struct packet *p = packet_of(nic);
    p->tx.kicked = p->tx.placed;
    if (p->tx.sent == p->tx.kicked)
        return false;
    send_kicked(p);
    return true;
}

uint32_t packet_tx_reap(struct nic *nic, void **cookies, uint32_t n) {
    struct packet *p = packet_of(nic);
    struct packet_tx *tx = &p->tx;
    uint32_t count = 0;
    if (tx->sent != tx->kicked)
        send_kicked(p);
    while (count < n && tx->reaped != tx->sent) {
        uint32_t at = tx->reaped++ % PACKET_TX_SIZE;
        tx->free += (uint32_t)tx->messages[at].msg_hdr.msg_iovlen;
        cookies[count++] = tx->cookies[at];
    }
    if (tx->reaped == tx->placed)
        tx->reaped = tx->sent = tx->kicked = tx->placed = 0;
    return count;
}
