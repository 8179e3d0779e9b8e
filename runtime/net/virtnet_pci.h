/*
 * virtio 1.x over PCI: finds the device's register blocks through the capabilities in its
 * configuration space and speaks the start-up protocol (reset, features, queues).
 *
 * Every offset, length and BAR number a capability gives is checked against the size of the BAR as
 * mapped: no register outside it is ever touched. Start-up only; nothing here waits for long.
 */
#ifndef NET_VIRTNET_PCI_H
#define NET_VIRTNET_PCI_H

#include "runtime/abi/syscall.h"
#include <stdint.h>

#define VIRTNET_F_CSUM            (UINT64_C(1) << 0)
#define VIRTNET_F_GUEST_CSUM      (UINT64_C(1) << 1)
#define VIRTNET_F_MAC             (UINT64_C(1) << 5)
#define VIRTNET_F_EVENT_IDX       (UINT64_C(1) << 29)
#define VIRTNET_F_VERSION_1       (UINT64_C(1) << 32)
/* Addresses are those of the floor's plat_dma_address, which an IOMMU may translate. */
#define VIRTNET_F_ACCESS_PLATFORM (UINT64_C(1) << 33)

struct virtnet_pci {
    volatile uint8_t *common; /* virtio_pci_common_cfg */
    volatile uint8_t *notify;
    uint32_t notify_bytes, notify_multiplier;
    volatile uint8_t *specific; /* virtio_net_config */
    uint32_t specific_bytes;
};

struct virtnet_pci_queue {
    uint64_t descriptors, available, used; /* addresses as the device sees them */
    uint16_t size;
};

/* 0, or -1 with one line in why. */
int virtnet_pci_find(struct virtnet_pci *p, const struct nom_device *device, char *why,
                     uint32_t why_bytes);

/* Resets the device and says that a driver is here. 0, or -1 if it never becomes ready. */
int virtnet_pci_reset(const struct virtnet_pci *p);
/* Features the device offers. */
uint64_t virtnet_pci_offered(const struct virtnet_pci *p);
/* Settles on features: 0, or -1 if the device will not have them. */
int virtnet_pci_accept(const struct virtnet_pci *p, uint64_t features);
/* Greatest size the device allows queue number; 0 if it has none. */
uint16_t virtnet_pci_queue_size(const struct virtnet_pci *p, uint16_t number);
/* The queue, not enabled yet, interrupts by this entry of the MSI-X table: 0, or -1 if the device
 * cannot. Queues that are not told so do not interrupt. */
int virtnet_pci_queue_interrupt(const struct virtnet_pci *p, uint16_t number, uint16_t entry);
/* Enables the queue. Its notify register, or NULL if that would lie outside its block. */
volatile uint16_t *virtnet_pci_queue_start(const struct virtnet_pci *p, uint16_t number,
                                           const struct virtnet_pci_queue *queue);
void virtnet_pci_driver_ok(const struct virtnet_pci *p);
/* Tells the device that the driver has given it up. */
void virtnet_pci_failed(const struct virtnet_pci *p);
/* Copies the device's MAC address; -1 if its block is too short. */
int virtnet_pci_mac(const struct virtnet_pci *p, uint8_t mac[6]);

#endif
