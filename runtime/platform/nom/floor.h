/*
 * What the parts of this floor set up for each other at start, beside platform/shared.
 */
#ifndef PLAT_FLOOR_H
#define PLAT_FLOOR_H

#include "runtime/abi/start.h"

void plat_memory_start(const struct nom_start *start);
/* Devices reach this app's memory by the app's own addresses from now on (NOM_RESOURCE_IOMMU). */
void plat_memory_translated(void);
uint32_t plat_app_number(void); /* of this app in its machine, from 1 */

#endif
