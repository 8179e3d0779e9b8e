/*
 * A network card for test apps: one frame at a time, by rings of their own, so that a test chooses
 * where the device writes and when it interrupts. Includes nothing of net/ but the start-up
 * protocol.
 */
#ifndef TESTS_GUEST_CARD_H
#define TESTS_GUEST_CARD_H

#include "runtime/abi/context.h"
#include "runtime/abi/start.h"
#include "runtime/net/virtnet_pci.h"
#include "runtime/platform/device.h"
#include "runtime/platform/nom/call.h"
#include "runtime/platform/platform.h"
#include <stdbool.h>
#include <string.h>

#define RING          8u
#define NO_VECTOR     0xffffu
#define HEADER        12u
#define FRAME         42u /* an ARP request */
#define COMMON_VECTOR 26u
#define RX            0u
#define TX            1u
#define CARD_MS       20000u /* for what takes microseconds: hosts stand still at times */

/* The start page, where runtime/kernel/limits.h puts it. */
#define START ((const struct nom_start *)0x6000000000)

struct descriptor {
    uint64_t address;
    uint32_t bytes;
    uint16_t flags, next;
};
struct ring {
    struct descriptor descriptors[RING];
    struct {
        uint16_t flags, index, ring[RING], used_event;
    } available;
    struct {
        uint16_t flags, index;
        struct {
            uint32_t id, bytes;
        } ring[RING];
        uint16_t available_event;
    } used __attribute__((aligned(8)));
};

struct card {
    struct nom_device device;
    struct virtnet_pci pci;
    struct ring *ring[2];
    volatile uint16_t *bell[2];
    uint8_t *frame, *buffer; /* sent; received, HEADER bytes before each */
    uint8_t mac[6];
};

static inline struct nom_context *card_context(void) {
    return (struct nom_context *)START->contexts;
}

static inline bool card_is_free(const struct nom_resource *r) {
    return r->kind == NOM_RESOURCE_PCI && r->pci_vendor == 0x1af4 && r->pci_device == 0x1041 &&
           r->owner == 0 && !(r->flags & (NOM_RESOURCE_GONE | NOM_RESOURCE_LEAVING));
}

static inline int card_acquire(struct card *card) {
    static const uint16_t device[] = {0x1041};
    memset(card, 0, sizeof *card);
    return plat_device_acquire(0x1af4, device, 1, &card->device);
}

static inline const char *card_ring(struct card *card, uint16_t number, uint16_t vector) {
    struct ring *r = card->ring[number] = plat_dma_alloc(sizeof *r);
    if (!r || virtnet_pci_queue_size(&card->pci, number) < RING)
        return "no ring";
    uint64_t address = plat_dma_address(r);
    struct virtnet_pci_queue queue = {
        .descriptors = address,
        .available = address + offsetof(struct ring, available),
        .used = address + offsetof(struct ring, used),
        .size = RING,
    };
    *(volatile uint16_t *)(volatile void *)(card->pci.common + COMMON_VECTOR) = vector;
    if (*(volatile uint16_t *)(volatile void *)(card->pci.common + COMMON_VECTOR) != vector)
        return "no vector";
    card->bell[number] = virtnet_pci_queue_start(&card->pci, number, &queue);
    return card->bell[number] ? NULL : "no bell";
}

/* Starts an acquired card with these entries of its MSI-X table. NULL, or what is wrong. */
static inline const char *card_start(struct card *card, uint16_t rx_vector, uint16_t tx_vector) {
    static char why[128];
    if (virtnet_pci_find(&card->pci, &card->device, why, sizeof why))
        return why;
    if (virtnet_pci_reset(&card->pci))
        return "no reset";
    uint64_t offered = virtnet_pci_offered(&card->pci);
    if (virtnet_pci_accept(&card->pci, offered & (VIRTNET_F_VERSION_1 | VIRTNET_F_MAC |
                                                  VIRTNET_F_ACCESS_PLATFORM)) ||
        virtnet_pci_mac(&card->pci, card->mac))
        return "not accepted";
    const char *wrong = card_ring(card, RX, rx_vector);
    wrong = wrong ? wrong : card_ring(card, TX, tx_vector);
    card->frame = plat_dma_alloc(4096);
    card->buffer = plat_dma_alloc(4096);
    if (wrong || !card->frame || !card->buffer)
        return wrong ? wrong : "no memory";
    virtnet_pci_driver_ok(&card->pci);
    return NULL;
}

static inline void card_put(struct card *card, uint16_t number, uint64_t address, uint32_t bytes) {
    struct ring *r = card->ring[number];
    r->descriptors[0] = (struct descriptor){address, bytes, number == RX ? 2 : 0, 0};
    r->available.ring[r->available.index % RING] = 0;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    __atomic_store_n(&r->available.index, (uint16_t)(r->available.index + 1), __ATOMIC_SEQ_CST);
    *card->bell[number] = number;
}

/* Asks who has 10.0.2.2 (QEMU's user network answers). */
static inline void card_send(struct card *card) {
    static const uint8_t request[] = {8, 6, 0, 1, 8, 0, 6, 4, 0, 1};
    static const uint8_t me[] = {10, 0, 2, 15}, other[] = {10, 0, 2, 2};
    uint8_t *f = card->frame + HEADER;
    memset(card->frame, 0, HEADER + FRAME);
    memset(f, 0xff, 6);
    memcpy(f + 6, card->mac, 6);
    memcpy(f + 12, request, sizeof request);
    memcpy(f + 22, card->mac, 6);
    memcpy(f + 28, me, 4);
    memcpy(f + 38, other, 4);
    card_put(card, TX, plat_dma_address(card->frame), HEADER + FRAME);
}

/* How many the device has used so far. */
static inline uint16_t card_used(const struct card *card, uint16_t number) {
    return __atomic_load_n(&card->ring[number]->used.index, __ATOMIC_ACQUIRE);
}

/* NOM_SYS_WAIT; the FS and GS bases, which the C library and upcalls need, are the caller's to
 * keep. */
static inline int64_t card_wait(uint64_t events, uint64_t ms) {
    uint64_t fs, gs;
    __asm__ volatile("rdfsbase %0\n\trdgsbase %1" : "=r"(fs), "=r"(gs));
    int64_t found = plat_call(NOM_SYS_WAIT, events, ms * 1000000, 0);
    __asm__ volatile("wrfsbase %0\n\twrgsbase %1" : : "r"(fs), "r"(gs));
    return found;
}

/* Until the device has used so many, at most CARD_MS. */
static inline bool card_await(const struct card *card, uint16_t number, uint16_t used) {
    uint64_t end_us = plat_now_us() + CARD_MS * 1000;
    while (card_used(card, number) != used && plat_now_us() < end_us)
        card_wait(NOM_EVENT_TIME, 2);
    return card_used(card, number) == used;
}

#endif
