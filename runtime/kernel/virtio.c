/*
 * An access: BAR, offset and length go into the capability, the data through its last register.
 */
#include "virtio.h"
#include "pci.h"

#define KIND_COMMON   1u
#define KIND_SPECIFIC 4u
#define KIND_ACCESS   5u

#define CAPABILITY_KIND   3u
#define CAPABILITY_BAR    4u
#define CAPABILITY_OFFSET 8u
#define CAPABILITY_LENGTH 12u
#define CAPABILITY_DATA   16u
#define CAPABILITIES_MAX  16u

#define COMMON_STATUS 20u
#define SECTOR_SHIFT  9
#define SECTORS_MAX   (1ULL << (63 - SECTOR_SHIFT))

static const uint16_t disks[] = {0x1042, 0x1001};

/* Offset of the capability that describes this kind of registers, or 0. */
static uint32_t find(uint16_t bdf, uint8_t kind) {
    uint32_t at = 0;
    for (unsigned i = 0; i < CAPABILITIES_MAX; i++) {
        at = nk_pci_capability(bdf, NK_PCI_CAP_VENDOR, at);
        if (!at || nk_pci_read(bdf, at) >> 8 * CAPABILITY_KIND == kind)
            return at;
    }
    return 0;
}

/* Points the access capability at `bytes` bytes of a block of registers; its offset, or 0. */
static uint32_t aim(uint16_t bdf, uint8_t kind, uint32_t offset, uint32_t bytes) {
    uint32_t block = find(bdf, kind), access = find(bdf, KIND_ACCESS);
    if (!block || !access || nk_pci_read(bdf, block + CAPABILITY_LENGTH) < offset + bytes)
        return 0;
    nk_pci_write(bdf, access + CAPABILITY_BAR, nk_pci_read(bdf, block + CAPABILITY_BAR) & 0xff);
    nk_pci_write(bdf, access + CAPABILITY_OFFSET,
                 nk_pci_read(bdf, block + CAPABILITY_OFFSET) + offset);
    nk_pci_write(bdf, access + CAPABILITY_LENGTH, bytes);
    return access;
}

uint64_t nk_virtio_disk_bytes(uint16_t bdf) {
    uint32_t id = nk_pci_read(bdf, NK_PCI_ID), access;
    uint64_t sectors = 0;
    if ((id & 0xffff) != NK_VIRTIO_VENDOR || (id >> 16 != disks[0] && id >> 16 != disks[1]))
        return 0;
    for (unsigned half = 0; half < 2; half++) {
        access = aim(bdf, KIND_SPECIFIC, half * 4, 4);
        if (!access)
            return 0;
        sectors |= (uint64_t)nk_pci_read(bdf, access + CAPABILITY_DATA) << 32 * half;
    }
    return sectors < SECTORS_MAX ? sectors << SECTOR_SHIFT : 0;
}

void nk_virtio_reset(uint16_t bdf) {
    if ((nk_pci_read(bdf, NK_PCI_ID) & 0xffff) != NK_VIRTIO_VENDOR)
        return;
    uint32_t access = aim(bdf, KIND_COMMON, COMMON_STATUS, 1);
    if (access)
        nk_pci_write(bdf, access + CAPABILITY_DATA, 0);
}
