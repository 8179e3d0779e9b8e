/*
 * Trusted mode only, so far.
 */
#include "iommu.h"

void nk_iommu_flush(const struct nk_app *app) {
    (void)app;
}
