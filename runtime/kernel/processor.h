/*
 * What a core's control registers say, the same on every core.
 */
#ifndef NK_PROCESSOR_H
#define NK_PROCESSOR_H

#include "machine.h"

/* Sets up this core; panics, naming it, without a feature that apps need. */
void nk_processor_start(void);

/* Whether apps have XSAVE (and whatever registers it knows), not FXSAVE only. */
bool nk_processor_xsave(void);

/* Whether QEMU interprets this machine (TCG). */
bool nk_processor_tcg(void);

#endif
