/*
 * Devices: none decodes an address or reaches memory before an app owns it, nor after.
 */
#ifndef NK_DEVICE_H
#define NK_DEVICE_H

#include "app.h"
#include "runtime/abi/syscall.h"

/* Finds all functions, silences those that apps may own, lists them on board and console. */
void nk_device_start(void);

/* NOM_SYS_ACQUIRE: 0 and fills out, or a negated enum nom_error with nothing changed. */
int nk_device_acquire(struct nk_app *app, uint64_t id, struct nom_device *out);

/* Everything the app owns is silenced and free again. */
void nk_device_release(uint32_t app_number);

#endif
