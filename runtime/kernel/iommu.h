/*
 * What a device may reach (spec K8): the memory that its owner has mapped. Where there is no IOMMU,
 * or in trusted mode, these do nothing.
 */
#ifndef NK_IOMMU_H
#define NK_IOMMU_H

#include "machine.h"

struct nk_app;

/* Memory is mapped in the app from now on; of what is mapped already the rights may change. */
void nk_iommu_map(struct nk_app *app, uint64_t physical, uint64_t bytes, bool writable);
/* It no longer is: when this returns no device of the app's reaches it. */
void nk_iommu_unmap(struct nk_app *app, uint64_t physical, uint64_t bytes);

#endif
