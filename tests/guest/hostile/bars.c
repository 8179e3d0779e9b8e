/* What an app sees of a device: its BARs but for the pages of the MSI-X table, its ports; or, once
 * it is not the app's, neither. */
#include "spare.h"
#include <string.h>

#define CONFIG_BAR   0x10u
#define CONFIG_LIST  0x34u
#define BAR_IO       1u
#define CAP_MSIX     0x11u
#define MSIX_TABLE   4u
#define MSIX_BAR     7u
#define MSIX_ENTRY   16u
#define CAPABILITIES 48u

uint32_t spare_config(const struct nom_device *device, unsigned at) {
    uint32_t word;
    memcpy(&word, device->config + at, sizeof word);
    return word;
}

/* The pages of a BAR that hold the MSI-X table: none if start is end. */
static void table_of(const struct nom_device *device, unsigned bar, uint64_t *start,
                     uint64_t *end) {
    unsigned at = device->config[CONFIG_LIST] & ~3u;
    *start = *end = 0;
    for (unsigned i = 0; at && i < CAPABILITIES; i++, at = device->config[at + 1] & ~3u) {
        uint32_t table = spare_config(device, at + MSIX_TABLE);
        if (device->config[at] != CAP_MSIX || (table & MSIX_BAR) != bar)
            continue;
        *start = table & ~(PAGE - 1) & ~(uint64_t)MSIX_BAR;
        *end = ((table & ~MSIX_BAR) + device->interrupts * MSIX_ENTRY + PAGE - 1) & ~(PAGE - 1);
        return;
    }
}

void spare_look_at_bars(const struct nom_device *device) {
    for (unsigned i = 0; i < NOM_DEVICE_BARS; i++) {
        uint64_t start, end, bytes = device->bar[i].bytes, address = device->bar[i].address;
        table_of(device, i, &start, &end);
        for (uint64_t at = 0; address && at < bytes && at < 8 * PAGE; at += PAGE) {
            uint64_t behind = hostile_behind(address + at);
            bool table = at >= start && at < end;
            if ((table != (behind == 0) || (behind & (PAGE - 1))) &&
                spare_mine(device->resource_id))
                calls_wrong(table ? "a table of interrupts is mapped" : "a BAR is not mapped",
                            device->resource_id, address + at);
        }
    }
}

static bool faults(uint64_t (*stub)(uint64_t, uint64_t), uint64_t a) {
    uint64_t result;
    hostile_start();
    bool faulted = hostile_try(stub, a, 0, &result);
    plat_on_fault(NULL);
    return faulted;
}

/* The first port of a BAR of ports, or 0: behind bridges there are none. */
static uint64_t port_of(const struct nom_device *device, unsigned bar) {
    uint32_t word = spare_config(device, CONFIG_BAR + bar * 4);
    return device->bar[bar].bytes && !device->bar[bar].address && (word & BAR_IO) ? word & ~3u : 0;
}

void spare_use_ports(const struct nom_device *device) {
    for (unsigned i = 0; i < NOM_DEVICE_BARS; i++) {
        uint64_t port = port_of(device, i);
        if (port && faults(hostile_ports[0].stub, port))
            calls_wrong("a port of one's own", device->resource_id, port);
    }
}

void spare_look_for_bars(const struct nom_device *device) {
    for (unsigned i = 0; i < NOM_DEVICE_BARS; i++) {
        uint64_t address = device->bar[i].address, port = port_of(device, i);
        if (address && (hostile_behind(address) || !faults(hostile_read, address)))
            calls_wrong("a BAR of a device that is not the app's", device->resource_id, address);
        if (port && calls_below(4) == 0 && !faults(hostile_ports[0].stub, port))
            calls_wrong("a port of a device that is not the app's", device->resource_id, port);
    }
}
