/* Acquires a virtio-net device and proves that it answers where the kernel mapped it. */
#include "runtime/platform/device.h"
#include "runtime/platform/nom/call.h"
#include "runtime/platform/platform.h"
#include <stdint.h>

#define VENDOR_VIRTIO 0x1af4
#define CAPABILITIES  0x34
#define CAP_VENDOR    0x09
#define CFG_COMMON    1
#define COMMAND       0x04

static const uint16_t device_ids[] = {0x1041, 0x1000};

/* The common configuration's device feature bits 32..63: bit 0 is VIRTIO_F_VERSION_1. */
static int has_version_1(const struct nom_device *device) {
    const uint8_t *config = device->config;
    for (unsigned at = config[CAPABILITIES], steps = 0; at >= 0x40 && at <= 0xf0 && steps < 48;
         at = config[at + 1], steps++) {
        if (config[at] != CAP_VENDOR || config[at + 3] != CFG_COMMON)
            continue;
        unsigned bar = config[at + 4];
        uint32_t offset = *(const uint32_t *)(const void *)(config + at + 8);
        if (bar >= NOM_DEVICE_BARS || !device->bar[bar].address)
            return -1;
        volatile uint32_t *common = (volatile uint32_t *)(device->bar[bar].address + offset);
        common[0] = 1; /* device_feature_select */
        return common[1] & 1;
    }
    return -1;
}

/* Registers are no memory: the kernel neither reads nor writes them for an app. */
static int registers_refused(uint64_t address) {
    int64_t read = plat_call(NOM_SYS_PRINT, address, 16, 0);
    int64_t written = plat_call(NOM_SYS_QUERY, NOM_QUERY_RESOURCE, 0, address);
    plat_log("nic: calls into its registers give %d", (int)read);
    return read == -NOM_EFAULT && written == -NOM_EFAULT ? 0 : 1;
}

int plat_main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    struct nom_device device, second;
    int error = plat_device_acquire(VENDOR_VIRTIO, device_ids, 2, &device);
    if (error) {
        plat_log("nic: acquire gives %d", error);
        return 1;
    }
    for (unsigned i = 0; i < NOM_DEVICE_BARS; i++)
        if (device.bar[i].bytes)
            plat_log("nic: bar %u, %llu bytes, %s", i, (unsigned long long)device.bar[i].bytes,
                     device.bar[i].address ? "mapped" : "not mapped");
    plat_log("nic: command %#x, version 1: %d", device.config[COMMAND] | device.config[5] << 8,
             has_version_1(&device));
    const struct nom_resource *r = &plat_board()->resources[device.resource_id - 1];
    plat_log("nic: owner %u, second acquire gives %d, again by id %d", r->owner,
             plat_device_acquire(VENDOR_VIRTIO, device_ids, 2, &second),
             (int)plat_call(NOM_SYS_ACQUIRE, device.resource_id, (uint64_t)&second, 0));
    for (unsigned i = 0; i < NOM_DEVICE_BARS; i++)
        if (device.bar[i].address)
            return registers_refused(device.bar[i].address);
    return 1;
}
