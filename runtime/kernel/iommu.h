/*
 * IOMMU mode (spec K8): where the machine has a VT-d unit, a device reaches what its owner's own
 * page tables let the owner reach, and nothing else; a device that nobody owns reaches nothing.
 *
 * The unit walks the app's page tables themselves, from the table of the app's 512 GiB on: their
 * entries mean the same to both. So the addresses that an app gives its devices are its own
 * (virtual) addresses, what the device may do is always exactly what the app may do, and there is
 * no second set of tables to keep. Where there is no unit (trusted mode) devices use guest-physical
 * addresses and reach everything.
 */
#ifndef NK_IOMMU_H
#define NK_IOMMU_H

#include "machine.h"

struct nk_app;

/* Turns it on if the tables name one that can do this. Before the first device is acquired. */
void nk_iommu_start(void);
bool nk_iommu_on(void);

/* The function reaches the app's memory from now on: 0, -NOM_ENOMEM, or -NOM_EINVAL where it lies
 * behind a bridge that speaks for it, so that the unit cannot tell it from its neighbours. */
int nk_iommu_attach(struct nk_app *app, uint16_t bdf);
void nk_iommu_detach(struct nk_app *app, uint16_t bdf);

/* Mappings of the app were taken away or changed: no device uses an old one when this returns. */
void nk_iommu_flush(const struct nk_app *app);

#endif
