/*
 * virtnet.h: start-up, and struct nic on top of the two rings. A receive buffer is in one of three
 * places: posted in the ring, spare, or lent to the stack; only put_spares, rx_take and
 * rx_release move it.
 */
#include "runtime/net/virtnet.h"
#include "runtime/platform/device.h"
#include "runtime/platform/platform.h"
#include <stdio.h>
#include <string.h>

#define RX_QUEUE              0u
#define TX_QUEUE              1u
#define RX_INTERRUPT          0u /* entry of the MSI-X table */
#define ETHERNET_HEADER_BYTES 14u
#define HEADER_NEEDS_CHECKSUM 1u
#define HEADER_DATA_VALID     2u
#define RING_SIZE_LEAST       16u

struct header {
    uint8_t flags;
    uint8_t gso_type;
    uint16_t header_bytes;
    uint16_t gso_bytes;
    uint16_t checksum_start;
    uint16_t checksum_offset;
    uint16_t buffers;
};
_Static_assert(sizeof(struct header) == VIRTNET_HEADER_BYTES, "layout of virtio_net_hdr");
_Static_assert(VIRTNET_HEADER_BYTES <= NIC_TX_HEADROOM, "the header fits the headroom");
_Static_assert(VIRTNET_FRAME_OFFSET + NIC_FRAME_BYTES_MAX <= VIRTNET_BUFFER_BYTES, "a frame fits");
/* So a received frame may be sent back from where it lies. */
_Static_assert(VIRTNET_FRAME_OFFSET >= NIC_TX_HEADROOM, "a receive buffer has headroom");

static struct virtnet *virtnet_of(struct nic *nic) {
    return (struct virtnet *)(void *)nic;
}

/* ---- receive ---- */

static void put_spares(struct virtnet *v) {
    while (v->spare_count > 0) {
        uint16_t buffer = v->spare[v->spare_count - 1];
        struct virtnet_span span = {
            .address = v->buffers_address + (uint64_t)buffer * VIRTNET_BUFFER_BYTES +
                       VIRTNET_FRAME_OFFSET - VIRTNET_HEADER_BYTES,
            .bytes = VIRTNET_HEADER_BYTES + NIC_FRAME_BYTES_MAX,
        };
        if (virtnet_ring_put(&v->rx, &span, 1, true, buffer) != 0) {
            break;
        }
        v->spare_count--;
    }
    virtnet_ring_publish(&v->rx);
}

static uint32_t rx_ready(struct nic *nic) {
    return virtnet_ring_ready(&virtnet_of(nic)->rx);
}

static uint32_t rx_take(struct nic *nic, struct nic_rx_frame *frames, uint32_t n) {
    struct virtnet *v = virtnet_of(nic);
    uint32_t count = 0;
    uintptr_t buffer;
    uint32_t bytes;
    while (count < n && virtnet_ring_get(&v->rx, &buffer, &bytes)) {
        if (bytes < VIRTNET_HEADER_BYTES + ETHERNET_HEADER_BYTES ||
            bytes > VIRTNET_HEADER_BYTES + NIC_FRAME_BYTES_MAX) {
            v->errors++;
            v->spare[v->spare_count++] = (uint16_t)buffer;
            continue;
        }
        unsigned char *data = v->buffers + buffer * VIRTNET_BUFFER_BYTES + VIRTNET_FRAME_OFFSET;
        const struct header *h = (const struct header *)(void *)(data - VIRTNET_HEADER_BYTES);
        v->lent[buffer] = true;
        frames[count++] = (struct nic_rx_frame){
            .data = data,
            .bytes = bytes - VIRTNET_HEADER_BYTES,
            .buffer = (uint32_t)buffer,
            .checksum_good = (h->flags & (HEADER_NEEDS_CHECKSUM | HEADER_DATA_VALID)) != 0,
        };
    }
    put_spares(v);
    return count;
}

static void rx_release(struct nic *nic, uint32_t buffer) {
    struct virtnet *v = virtnet_of(nic);
    if (buffer >= v->buffer_count || !v->lent[buffer]) {
        v->errors++;
        return;
    }
    v->lent[buffer] = false;
    v->spare[v->spare_count++] = (uint16_t)buffer;
    if (v->rx.free_count > 0) {
        put_spares(v);
    }
}

/* ---- transmit ---- */

static uint32_t tx_free(struct nic *nic) {
    const struct virtnet *v = virtnet_of(nic);
    return v->tx.broken ? 0 : v->tx.free_count;
}

static int tx_put(struct nic *nic, const struct nic_tx_frame *frame) {
    struct virtnet *v = virtnet_of(nic);
    struct virtnet_span spans[NIC_TX_FRAGMENTS_MAX];
    bool offload = frame->checksum_start != 0;
    if (frame->fragments == 0 || frame->fragments > NIC_TX_FRAGMENTS_MAX ||
        frame->fragments > v->tx.free_count || (offload && !nic->tx_checksum)) {
        return -1;
    }
    for (uint32_t i = 0; i < frame->fragments; i++) {
        spans[i].address = plat_dma_address(frame->fragment[i].data);
        spans[i].bytes = frame->fragment[i].bytes;
        if (spans[i].address == 0) {
            return -1;
        }
    }
    struct header h = {
        .flags = offload ? HEADER_NEEDS_CHECKSUM : 0,
        .checksum_start = frame->checksum_start,
        .checksum_offset = frame->checksum_offset,
    };
    memcpy((char *)frame->fragment[0].data - VIRTNET_HEADER_BYTES, &h, sizeof h);
    spans[0].address -= VIRTNET_HEADER_BYTES;
    spans[0].bytes += VIRTNET_HEADER_BYTES;
    return virtnet_ring_put(&v->tx, spans, frame->fragments, false, (uintptr_t)frame->cookie);
}

static bool tx_kick(struct nic *nic) {
    return virtnet_ring_publish(&virtnet_of(nic)->tx);
}

static uint32_t tx_reap(struct nic *nic, void **cookies, uint32_t n) {
    struct virtnet *v = virtnet_of(nic);
    uint32_t count = 0;
    uintptr_t token;
    uint32_t bytes;
    while (count < n && (virtnet_ring_get(&v->tx, &token, &bytes) ||
                         (!v->open && virtnet_ring_abandoned(&v->tx, &token)))) {
        cookies[count++] = (void *)token;
    }
    return count;
}

static uint64_t rx_kicks(struct nic *nic) {
    return virtnet_of(nic)->rx.kicks;
}

static bool remind(struct nic *nic) {
    struct virtnet *v = virtnet_of(nic);
    virtnet_ring_remind(&v->rx);
    return virtnet_ring_remind(&v->tx);
}

static uint64_t errors(struct nic *nic) {
    const struct virtnet *v = virtnet_of(nic);
    return v->errors + v->rx.errors + v->tx.errors;
}

static bool sleep_now(struct nic *nic) {
    struct virtnet *v = virtnet_of(nic);
    return !v->open || (v->interrupts && virtnet_ring_arm(&v->rx));
}

static void wake(struct nic *nic) {
    virtnet_ring_disarm(&virtnet_of(nic)->rx);
}

static bool leaves(struct nic *nic) {
    struct virtnet *v = virtnet_of(nic);
    return v->open && plat_device_leaves(v->resource_id, &v->generation);
}

/* Its registers may be there no more, so none is touched. */
static void close_it(struct nic *nic) {
    struct virtnet *v = virtnet_of(nic);
    uintptr_t buffer;
    v->open = false;
    plat_device_release(v->resource_id);
    virtnet_ring_close(&v->rx);
    virtnet_ring_close(&v->tx);
    while (virtnet_ring_abandoned(&v->rx, &buffer)) {
        v->spare[v->spare_count++] = (uint16_t)buffer;
    }
}

static const struct nic_ops ops = {
    .rx_ready = rx_ready,
    .rx_take = rx_take,
    .rx_release = rx_release,
    .tx_free = tx_free,
    .tx_put = tx_put,
    .tx_kick = tx_kick,
    .tx_reap = tx_reap,
    .rx_kicks = rx_kicks,
    .remind = remind,
    .errors = errors,
    .sleep = sleep_now,
    .wake = wake,
    .leaves = leaves,
    .close = close_it,
};

/* ---- start-up ---- */

static int fail(struct virtnet *v, char *why, uint32_t why_bytes, const char *reason) {
    if (v->pci.common != NULL) {
        virtnet_pci_failed(&v->pci);
    }
    snprintf(why, why_bytes, "virtio-net: %s", reason);
    return -1;
}

/* NULL, or what went wrong. */
static const char *open_ring(struct virtnet *v, struct virtnet_ring *r, uint16_t number,
                             bool event_idx) {
    uint16_t size = virtnet_pci_queue_size(&v->pci, number);
    if (size > VIRTNET_RING_SIZE_MAX) {
        size = VIRTNET_RING_SIZE_MAX;
    }
    if (size < RING_SIZE_LEAST || (size & (size - 1)) != 0) {
        return "a queue's size is too small or no power of two";
    }
    void *memory = r->descriptors; /* of the device before */
    if (memory != NULL && size > r->size) {
        size = r->size;
    }
    struct virtnet_ring_layout layout = virtnet_ring_layout(size);
    if (memory != NULL) {
        memset(memory, 0, layout.bytes);
    } else if ((memory = plat_dma_alloc(layout.bytes)) == NULL) {
        return "no memory for a queue";
    }
    uint64_t address = plat_dma_address(memory);
    struct virtnet_pci_queue queue = {
        .descriptors = address,
        .available = address + layout.available_offset,
        .used = address + layout.used_offset,
        .size = size,
    };
    volatile uint16_t *notify = virtnet_pci_queue_start(&v->pci, number, &queue);
    if (notify == NULL) {
        return "a queue's notify register lies outside its block";
    }
    virtnet_ring_init(r, size, number, event_idx, memory, notify);
    return NULL;
}

static const char *open_buffers(struct virtnet *v) {
    if (v->buffers != NULL) {
        return NULL;
    }
    v->buffer_count = 2u * v->rx.size;
    v->buffers = plat_dma_alloc((size_t)v->buffer_count * VIRTNET_BUFFER_BYTES);
    if (v->buffers == NULL) {
        return "no memory for receive buffers";
    }
    v->buffers_address = plat_dma_address(v->buffers);
    for (uint32_t i = 0; i < v->buffer_count; i++) {
        v->spare[v->spare_count++] = (uint16_t)i;
    }
    return NULL;
}

int virtnet_open(struct virtnet *v, const struct nom_device *device, char *why,
                 uint32_t why_bytes) {
    if (virtnet_pci_find(&v->pci, device, why, why_bytes) != 0) {
        return -1;
    }
    if (virtnet_pci_reset(&v->pci) != 0) {
        return fail(v, why, why_bytes, "the device does not come out of reset");
    }
    uint64_t offered = virtnet_pci_offered(&v->pci);
    uint64_t wanted = VIRTNET_F_VERSION_1 | VIRTNET_F_MAC;
    if ((offered & wanted) != wanted) {
        return fail(v, why, why_bytes, "the device lacks VERSION_1 or MAC");
    }
    uint64_t features = offered & (wanted | VIRTNET_F_CSUM | VIRTNET_F_GUEST_CSUM |
                                   VIRTNET_F_EVENT_IDX | VIRTNET_F_ACCESS_PLATFORM);
    if (virtnet_pci_accept(&v->pci, features) != 0) {
        return fail(v, why, why_bytes, "the device refuses the features it offered");
    }
    if (virtnet_pci_mac(&v->pci, v->nic.mac) != 0) {
        return fail(v, why, why_bytes, "the device has no room for its MAC address");
    }
    v->interrupts = device->interrupts > RX_INTERRUPT &&
                    plat_device_interrupt(device->resource_id, RX_INTERRUPT) == 0 &&
                    virtnet_pci_queue_interrupt(&v->pci, RX_QUEUE, RX_INTERRUPT) == 0;
    bool event_idx = (features & VIRTNET_F_EVENT_IDX) != 0;
    const char *reason = open_ring(v, &v->rx, RX_QUEUE, event_idx);
    if (reason == NULL) {
        reason = open_ring(v, &v->tx, TX_QUEUE, event_idx);
    }
    if (reason == NULL) {
        reason = open_buffers(v);
    }
    if (reason != NULL) {
        return fail(v, why, why_bytes, reason);
    }
    virtnet_pci_driver_ok(&v->pci);
    v->nic.tx_checksum = (features & VIRTNET_F_CSUM) != 0;
    v->nic.rx_size = v->rx.size;
    v->nic.tx_size = v->tx.size;
    v->nic.ops = &ops;
    v->resource_id = device->resource_id;
    v->generation = 0;
    v->open = true;
    put_spares(v);
    return 0;
}
