/*
 * Devices as drivers take them on the nom floor: by PCI vendor and device id. The device then
 * belongs to this app until it ends; its BARs are mapped (uncached), memory decoding and bus
 * mastering are on, INTx is off, and config holds its configuration space.
 */
#ifndef PLATFORM_DEVICE_H
#define PLATFORM_DEVICE_H

#include "runtime/abi/syscall.h"
#include <stdbool.h>

/* Acquires the first PCI function that no app owns, of this vendor and with one of the n device
 * ids. 0 and fills out, or a negated enum nom_error: -NOM_ENOENT if there is none (left),
 * -NOM_ENOMEM if its BARs find no room. Start-up only: it makes several system calls. */
int plat_device_acquire(uint16_t vendor, const uint16_t *devices, unsigned n,
                        struct nom_device *out);

/* The device is no more this app's, or is to be unplugged. *generation, 0 at first, is the caller's
 * to keep: nothing is looked at while the board is as it was then. */
bool plat_device_leaves(uint32_t resource_id, uint64_t *generation);
/* Gives it back, silenced and unmapped. */
void plat_device_release(uint32_t resource_id);

/* The interrupt of that entry of the device's MSI-X table ends waits of this core (plat_wait) from
 * now on. 0, or a negated enum nom_error. */
int plat_device_interrupt(uint32_t resource_id, uint32_t entry);

#endif
