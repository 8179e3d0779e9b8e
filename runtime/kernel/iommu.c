/*
 * Trusted mode only, so far.
 */
#include "iommu.h"

void nk_iommu_map(struct nk_app *app, uint64_t physical, uint64_t bytes, bool writable) {
    (void)app;
    (void)physical;
    (void)bytes;
    (void)writable;
}

void nk_iommu_unmap(struct nk_app *app, uint64_t physical, uint64_t bytes) {
    (void)app;
    (void)physical;
    (void)bytes;
}
