/*
 * virtnet_pci.h: offsets here are those of the virtio 1.x specification, sections 4.1.4 and 3.1.
 * The configuration space is the copy taken when the device was acquired; the list of capabilities
 * in it is followed for at most as many steps as it has room for.
 */
#include "runtime/net/virtnet_pci.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define CONFIG_STATUS              0x06u
#define CONFIG_STATUS_CAPABILITIES 0x10u
#define CONFIG_CAPABILITIES        0x34u
#define CAPABILITY_VENDOR          0x09u
#define CAPABILITY_BYTES           16u /* of a virtio capability; the notify one has 4 more */
#define CAPABILITIES_MAX           48u

#define KIND_COMMON   1u
#define KIND_NOTIFY   2u
#define KIND_SPECIFIC 4u

#define COMMON_OFFERED_SELECT    0u
#define COMMON_OFFERED           4u
#define COMMON_ACCEPTED_SELECT   8u
#define COMMON_ACCEPTED          12u
#define COMMON_STATUS            20u
#define COMMON_QUEUE_SELECT      22u
#define COMMON_QUEUE_SIZE        24u
#define COMMON_QUEUE_INTERRUPT   26u
#define COMMON_QUEUE_ENABLE      28u
#define COMMON_QUEUE_NOTIFY      30u
#define COMMON_QUEUE_DESCRIPTORS 32u
#define COMMON_QUEUE_AVAILABLE   40u
#define COMMON_QUEUE_USED        48u
#define COMMON_BYTES             56u

#define STATUS_ACKNOWLEDGE 1u
#define STATUS_DRIVER      2u
#define STATUS_DRIVER_OK   4u
#define STATUS_FEATURES_OK 8u
#define STATUS_FAILED      128u
#define RESET_READS_MAX    10000u

static uint8_t read8(const struct virtnet_pci *p, uint32_t at) {
    return p->common[at];
}

static uint16_t read16(const struct virtnet_pci *p, uint32_t at) {
    return *(volatile uint16_t *)(volatile void *)(p->common + at);
}

static uint32_t read32(const struct virtnet_pci *p, uint32_t at) {
    return *(volatile uint32_t *)(volatile void *)(p->common + at);
}

static void write8(const struct virtnet_pci *p, uint32_t at, uint8_t value) {
    p->common[at] = value;
}

static void write16(const struct virtnet_pci *p, uint32_t at, uint16_t value) {
    *(volatile uint16_t *)(volatile void *)(p->common + at) = value;
}

static void write32(const struct virtnet_pci *p, uint32_t at, uint32_t value) {
    *(volatile uint32_t *)(volatile void *)(p->common + at) = value;
}

static void write64(const struct virtnet_pci *p, uint32_t at, uint64_t value) {
    write32(p, at, (uint32_t)value);
    write32(p, at + 4, (uint32_t)(value >> 32));
}

static uint32_t config32(const struct nom_device *device, uint32_t at) {
    uint32_t value;
    memcpy(&value, device->config + at, sizeof value);
    return value;
}

/* The register block a capability describes, or NULL if it does not lie in a mapped BAR. */
static volatile uint8_t *block(const struct nom_device *device, uint32_t at, uint32_t *bytes) {
    uint8_t bar = device->config[at + 4];
    uint64_t offset = config32(device, at + 8);
    *bytes = config32(device, at + 12);
    if (bar >= NOM_DEVICE_BARS || device->bar[bar].address == 0 || offset % 4 != 0 ||
        offset + *bytes > device->bar[bar].bytes) {
        return NULL;
    }
    return (volatile uint8_t *)(uintptr_t)(device->bar[bar].address + offset);
}

/* Takes one capability; of each kind the first that is usable counts. */
static void take(struct virtnet_pci *p, const struct nom_device *device, uint32_t at) {
    uint32_t bytes;
    volatile uint8_t *base = block(device, at, &bytes);
    if (base == NULL) {
        return;
    }
    switch (device->config[at + 3]) {
    case KIND_COMMON:
        if (p->common == NULL && bytes >= COMMON_BYTES) {
            p->common = base;
        }
        break;
    case KIND_NOTIFY:
        if (p->notify == NULL && bytes >= sizeof(uint16_t) &&
            at + CAPABILITY_BYTES + 4 <= sizeof device->config) {
            p->notify = base;
            p->notify_bytes = bytes;
            p->notify_multiplier = config32(device, at + CAPABILITY_BYTES);
        }
        break;
    case KIND_SPECIFIC:
        if (p->specific == NULL) {
            p->specific = base;
            p->specific_bytes = bytes;
        }
        break;
    default:
        break;
    }
}

int virtnet_pci_find(struct virtnet_pci *p, const struct nom_device *device, char *why,
                     uint32_t why_bytes) {
    *p = (struct virtnet_pci){0};
    uint32_t at = 0;
    if (device->config[CONFIG_STATUS] & CONFIG_STATUS_CAPABILITIES) {
        at = device->config[CONFIG_CAPABILITIES] & ~3u;
    }
    for (uint32_t i = 0; at != 0 && i < CAPABILITIES_MAX; i++) {
        if (device->config[at] == CAPABILITY_VENDOR &&
            at + CAPABILITY_BYTES <= sizeof device->config) {
            take(p, device, at);
        }
        at = device->config[at + 1] & ~3u;
    }
    const char *missing = p->common == NULL     ? "common"
                          : p->notify == NULL   ? "notify"
                          : p->specific == NULL ? "device"
                                                : NULL;
    if (missing != NULL) {
        snprintf(why, why_bytes, "virtio-net: no usable %s registers (virtio 1.x is needed)",
                 missing);
        return -1;
    }
    return 0;
}

int virtnet_pci_reset(const struct virtnet_pci *p) {
    write8(p, COMMON_STATUS, 0);
    for (uint32_t i = 0; read8(p, COMMON_STATUS) != 0; i++) {
        if (i == RESET_READS_MAX) {
            return -1;
        }
    }
    write8(p, COMMON_STATUS, STATUS_ACKNOWLEDGE);
    write8(p, COMMON_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
    return 0;
}

uint64_t virtnet_pci_offered(const struct virtnet_pci *p) {
    write32(p, COMMON_OFFERED_SELECT, 0);
    uint64_t low = read32(p, COMMON_OFFERED);
    write32(p, COMMON_OFFERED_SELECT, 1);
    return low | (uint64_t)read32(p, COMMON_OFFERED) << 32;
}

int virtnet_pci_accept(const struct virtnet_pci *p, uint64_t features) {
    write32(p, COMMON_ACCEPTED_SELECT, 0);
    write32(p, COMMON_ACCEPTED, (uint32_t)features);
    write32(p, COMMON_ACCEPTED_SELECT, 1);
    write32(p, COMMON_ACCEPTED, (uint32_t)(features >> 32));
    write8(p, COMMON_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
    return read8(p, COMMON_STATUS) & STATUS_FEATURES_OK ? 0 : -1;
}

uint16_t virtnet_pci_queue_size(const struct virtnet_pci *p, uint16_t number) {
    write16(p, COMMON_QUEUE_SELECT, number);
    return read16(p, COMMON_QUEUE_SIZE);
}

int virtnet_pci_queue_interrupt(const struct virtnet_pci *p, uint16_t number, uint16_t entry) {
    write16(p, COMMON_QUEUE_SELECT, number);
    write16(p, COMMON_QUEUE_INTERRUPT, entry);
    return read16(p, COMMON_QUEUE_INTERRUPT) == entry ? 0 : -1;
}

volatile uint16_t *virtnet_pci_queue_start(const struct virtnet_pci *p, uint16_t number,
                                           const struct virtnet_pci_queue *queue) {
    write16(p, COMMON_QUEUE_SELECT, number);
    uint64_t at = (uint64_t)read16(p, COMMON_QUEUE_NOTIFY) * p->notify_multiplier;
    if (at % sizeof(uint16_t) != 0 || at + sizeof(uint16_t) > p->notify_bytes) {
        return NULL;
    }
    write16(p, COMMON_QUEUE_SIZE, queue->size);
    write64(p, COMMON_QUEUE_DESCRIPTORS, queue->descriptors);
    write64(p, COMMON_QUEUE_AVAILABLE, queue->available);
    write64(p, COMMON_QUEUE_USED, queue->used);
    write16(p, COMMON_QUEUE_ENABLE, 1);
    return (volatile uint16_t *)(volatile void *)(p->notify + at);
}

void virtnet_pci_driver_ok(const struct virtnet_pci *p) {
    write8(p, COMMON_STATUS,
           STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK);
}

void virtnet_pci_failed(const struct virtnet_pci *p) {
    write8(p, COMMON_STATUS, STATUS_FAILED);
}

int virtnet_pci_mac(const struct virtnet_pci *p, uint8_t mac[6]) {
    if (p->specific_bytes < 6) {
        return -1;
    }
    for (uint32_t i = 0; i < 6; i++) {
        mac[i] = p->specific[i];
    }
    return 0;
}
