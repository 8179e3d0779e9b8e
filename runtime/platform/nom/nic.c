/* The floor's NIC: the first virtio-net device that no app owns, driven by virtnet. One an app
 * at a time. */
#include "runtime/platform/nic.h"
#include "runtime/net/virtnet.h"
#include "runtime/platform/device.h"
#include <stdio.h>

#define VIRTIO_VENDOR           0x1af4u
#define VIRTIO_NET_MODERN       0x1041u
#define VIRTIO_NET_TRANSITIONAL 0x1000u

struct nic *plat_nic_open(char *why, uint32_t why_bytes) {
    static struct virtnet virtnet;
    static const uint16_t devices[] = {VIRTIO_NET_MODERN, VIRTIO_NET_TRANSITIONAL};
    struct nom_device device;
    if (virtnet.open) {
        snprintf(why, why_bytes, "the NIC is open already");
        return NULL;
    }
    if (plat_device_acquire(VIRTIO_VENDOR, devices, 2, &device) != 0) {
        snprintf(why, why_bytes, "no virtio-net device is free");
        return NULL;
    }
    if (virtnet_open(&virtnet, &device, why, why_bytes) != 0) {
        return NULL;
    }
    return &virtnet.nic;
}
