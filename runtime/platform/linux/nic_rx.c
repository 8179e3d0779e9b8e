/*
 * packet.h, receive. A slot's status word passes it between the kernel and us: whoever it names may
 * touch the rest. The words beyond the known full slots are read one at a time, so that looking at
 * an idle ring is one read.
 */
#include "packet.h"
#include "runtime/platform/platform.h"
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define ETHERNET_HEADER_BYTES 14u
#define BLOCK_BYTES           (64u << 10)
#define STATUS_GOOD           (TP_STATUS_CSUMNOTREADY | TP_STATUS_CSUM_VALID)
#define STATUS_ODD            (TP_STATUS_COPY | TP_STATUS_VLAN_VALID)

_Static_assert(TPACKET2_HDRLEN + 32 + PACKET_HEADER_BYTES + NIC_FRAME_BYTES_MAX <=
                   PACKET_SLOT_BYTES,
               "a frame fits a slot");
_Static_assert(PACKET_FRAME_OFFSET + NIC_FRAME_BYTES_MAX <= PACKET_BUFFER_BYTES, "and a buffer");
_Static_assert(PACKET_FRAME_OFFSET >= NIC_TX_HEADROOM, "a receive buffer has headroom");
_Static_assert((PACKET_RX_SLOTS & (PACKET_RX_SLOTS - 1)) == 0, "the ring's size is a power of two");
_Static_assert(PACKET_RX_SIZE <= PACKET_RX_SLOTS, "what is seen lies in the ring");

static struct tpacket2_hdr *slot(const struct packet_rx *rx, uint32_t number) {
    return (struct tpacket2_hdr *)(void *)(rx->slots +
                                           (number % PACKET_RX_SLOTS) * PACKET_SLOT_BYTES);
}

static bool is_full(const struct tpacket2_hdr *header) {
    return (__atomic_load_n(&header->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) != 0;
}

uint32_t packet_rx_ready(struct nic *nic) {
    struct packet_rx *rx = &packet_of(nic)->rx;
    while (rx->seen < PACKET_RX_SIZE && is_full(slot(rx, rx->at + rx->seen)))
        rx->seen++;
    return rx->seen;
}

static bool is_sound(const struct tpacket2_hdr *header) {
    return (header->tp_status & STATUS_ODD) == 0 && header->tp_snaplen == header->tp_len &&
           header->tp_snaplen >= ETHERNET_HEADER_BYTES &&
           header->tp_snaplen <= NIC_FRAME_BYTES_MAX &&
           header->tp_mac + header->tp_snaplen <= PACKET_SLOT_BYTES;
}

uint32_t packet_rx_take(struct nic *nic, struct nic_rx_frame *frames, uint32_t n) {
    struct packet *p = packet_of(nic);
    struct packet_rx *rx = &p->rx;
    uint32_t count = 0;
    while (count < n && rx->spare_count > 0 && (rx->seen > 0 || packet_rx_ready(nic) > 0)) {
        struct tpacket2_hdr *header = slot(rx, rx->at);
        if (is_sound(header)) {
            uint32_t buffer = rx->spare[--rx->spare_count];
            char *data = rx->buffers + buffer * PACKET_BUFFER_BYTES + PACKET_FRAME_OFFSET;
            memcpy(data, (const char *)header + header->tp_mac, header->tp_snaplen);
            rx->lent[buffer] = true;
            frames[count++] = (struct nic_rx_frame){
                .data = data,
                .bytes = header->tp_snaplen,
                .buffer = buffer,
                .checksum_good = (header->tp_status & STATUS_GOOD) != 0,
            };
        } else {
            p->errors++;
        }
        rx->losing |= (header->tp_status & TP_STATUS_LOSING) != 0;
        __atomic_store_n(&header->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
        rx->at = (rx->at + 1) % PACKET_RX_SLOTS;
        rx->seen--;
    }
    return count;
}

void packet_rx_release(struct nic *nic, uint32_t buffer) {
    struct packet *p = packet_of(nic);
    if (buffer >= PACKET_RX_BUFFERS || !p->rx.lent[buffer]) {
        p->errors++;
        return;
    }
    p->rx.lent[buffer] = false;
    p->rx.spare[p->rx.spare_count++] = (uint16_t)buffer;
}

void packet_rx_count_lost(struct packet *p) {
    struct tpacket_stats lost; /* since the last call */
    socklen_t bytes = sizeof lost;
    if (getsockopt(p->fd, SOL_PACKET, PACKET_STATISTICS, &lost, &bytes) == 0)
        p->errors += lost.tp_drops;
    p->rx.losing = false;
}

const char *packet_rx_open(struct packet *p) {
    struct packet_rx *rx = &p->rx;
    struct tpacket_req ring = {
        .tp_block_size = BLOCK_BYTES,
        .tp_block_nr = PACKET_RX_SLOTS * PACKET_SLOT_BYTES / BLOCK_BYTES,
        .tp_frame_size = PACKET_SLOT_BYTES,
        .tp_frame_nr = PACKET_RX_SLOTS,
    };
    if (setsockopt(p->fd, SOL_PACKET, PACKET_RX_RING, &ring, sizeof ring) != 0)
        return "the kernel grants no receive ring";
    rx->slots = mmap(NULL, (size_t)PACKET_RX_SLOTS * PACKET_SLOT_BYTES, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_POPULATE, p->fd, 0);
    if (rx->slots == MAP_FAILED)
        return "the receive ring cannot be mapped";
    rx->buffers = plat_dma_alloc((size_t)PACKET_RX_BUFFERS * PACKET_BUFFER_BYTES);
    if (rx->buffers == NULL)
        return "no memory for receive buffers";
    for (uint32_t i = PACKET_RX_BUFFERS; i-- > 0;)
        rx->spare[rx->spare_count++] = (uint16_t)i;
    return NULL;
}
