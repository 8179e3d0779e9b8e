/*
 * Devices: none decodes an address or reaches memory before an app owns it, nor after.
 */
#ifndef NK_DEVICE_H
#define NK_DEVICE_H

#include "app.h"
#include "msix.h"
#include "runtime/abi/syscall.h"

/* Finds all functions, silences those that apps may own, lists them on board and console. */
void nk_device_start(void);

/* One function, found at start or plugged in: silenced, listed. */
void nk_device_found(struct nom_resource resource);

/* NOM_SYS_ACQUIRE of a device: 0 and fills out, or a negated enum nom_error with nothing changed.
 */
int nk_device_acquire(struct nk_app *app, uint64_t id, struct nom_device *out);

/* NOM_SYS_RELEASE of a device: 0 or -NOM_ENOENT, -NOM_EPERM. */
int nk_device_release(struct nk_app *app, uint64_t id);

/* The device is taken from its owner, if it has one, as if released: it is silenced, its
 * interrupts are unbound, nothing of it is mapped any more. */
void nk_device_take(uint32_t id);

/* Takes everything the app owns; the number of devices among it. */
unsigned nk_device_release_all(struct nk_app *app);

/* The MSI-X table of a device that an app owns. */
const struct nk_msix *nk_device_msix(uint32_t id);

/* The IOMMU has stopped a device that reached for this address, or (interrupt) named this entry of
 * the table of interrupts (remap.h): it is silenced, and the app that owns it is ended. */
void nk_device_fault(uint16_t bdf, uint64_t address, bool interrupt);

/* A device's name for people: "00:03.0", with its NUL. */
#define NK_DEVICE_NAME_BYTES 8
const char *nk_device_name(uint16_t bdf, char name[NK_DEVICE_NAME_BYTES]);

#endif
