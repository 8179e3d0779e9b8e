/* The queue as the virtio 1.x specification has it (2.7), with one buffer at a time. */
#include "ring.h"
#include <stddef.h>
#include <string.h>

#define VENDOR       0x1af4u
#define MODERN       0x1044u
#define TRANSITIONAL 0x1005u
#define QUEUE        4u
#define WRITTEN      2u /* by the device */
#define BUFFER_AT    2048u

struct queue {
    struct {
        uint64_t address;
        uint32_t bytes;
        uint16_t flags, next;
    } descriptors[QUEUE];
    struct {
        uint16_t flags, index, ring[QUEUE], event;
    } available;
    struct {
        uint16_t flags, index;
        struct {
            uint32_t id, bytes;
        } ring[QUEUE];
        uint16_t event;
    } used __attribute__((aligned(8)));
};
_Static_assert(sizeof(struct queue) <= BUFFER_AT, "the queue lies before the buffer");

static struct queue *queue_of(const struct ring *ring) {
    return (struct queue *)(void *)ring->page;
}

bool ring_fits(const struct nom_device *device) {
    uint16_t id[2];
    memcpy(id, device->config, sizeof id);
    return id[0] == VENDOR && (id[1] == MODERN || id[1] == TRANSITIONAL);
}

bool ring_take(struct nom_device *device) {
    const struct nom_board *board = plat_board();
    for (uint32_t i = 0; i < board->resource_count; i++) {
        const struct nom_resource *r = &board->resources[i];
        if (r->kind != NOM_RESOURCE_PCI || r->owner ||
            plat_call(NOM_SYS_ACQUIRE, r->id, (uint64_t)device, 0) != 0)
            continue;
        if (ring_fits(device))
            return true;
        plat_call(NOM_SYS_RELEASE, r->id, 0, 0);
    }
    return false;
}

bool ring_prepare(struct ring *ring) {
    ring->page = plat_dma_alloc(PAGE);
    return ring->page != NULL;
}

bool ring_start(struct ring *ring, const struct nom_device *device, uint16_t entry) {
    char why[128];
    if (!ring->page || virtnet_pci_find(&ring->pci, device, why, sizeof why) ||
        virtnet_pci_reset(&ring->pci))
        return false;
    memset(ring->page, 0, PAGE);
    const struct nom_resource *r = hostile_resource(device->resource_id);
    bool own = r && (r->flags & NOM_RESOURCE_IOMMU);
    uint64_t address = own ? (uint64_t)ring->page : hostile_behind((uint64_t)ring->page);
    ring->address = address;
    const struct virtnet_pci_queue queue = {
        .descriptors = address,
        .available = address + offsetof(struct queue, available),
        .used = address + offsetof(struct queue, used),
        .size = QUEUE,
    };
    uint64_t features =
        virtnet_pci_offered(&ring->pci) & (VIRTNET_F_VERSION_1 | VIRTNET_F_ACCESS_PLATFORM);
    if (virtnet_pci_accept(&ring->pci, features) || virtnet_pci_queue_size(&ring->pci, 0) < QUEUE ||
        virtnet_pci_queue_interrupt(&ring->pci, 0, entry))
        return false;
    ring->bell = virtnet_pci_queue_start(&ring->pci, 0, &queue);
    if (ring->bell)
        virtnet_pci_driver_ok(&ring->pci);
    return ring->bell != NULL;
}

void ring_ask(struct ring *ring, uint64_t address) {
    struct queue *q = queue_of(ring);
    q->descriptors[0].address = address;
    q->descriptors[0].bytes = RING_BYTES;
    q->descriptors[0].flags = WRITTEN;
    q->available.ring[q->available.index % QUEUE] = 0;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    __atomic_store_n(&q->available.index, (uint16_t)(q->available.index + 1), __ATOMIC_SEQ_CST);
    *ring->bell = 0;
}

uint16_t ring_answers(const struct ring *ring) {
    return __atomic_load_n(&queue_of(ring)->used.index, __ATOMIC_ACQUIRE);
}

uint8_t *ring_buffer(const struct ring *ring) {
    return ring->page + BUFFER_AT;
}

uint64_t ring_buffer_address(const struct ring *ring) {
    return ring->address + BUFFER_AT;
}
