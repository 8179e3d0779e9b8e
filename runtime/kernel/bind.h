/*
 * Interrupts of devices, bound to contexts of the apps that own them (NOM_SYS_INTERRUPT, spec K11).
 *
 * One interrupt sets the app's bit and is an event. If a second one comes before the app has taken
 * the bit, the entry is held: masked, so that a device cannot storm a core that others share. The
 * device remembers what comes meanwhile. The hold ends when the app has taken the bit and waits,
 * ends an upcall, or unmasks.
 */
#ifndef NK_BIND_H
#define NK_BIND_H

#include "context.h"

/* NOM_SYS_INTERRUPT: the result as abi/syscall.h says. */
int64_t nk_call_interrupt(struct nk_context *context, uint64_t id, uint64_t entry, uint64_t op);

/* The context waits, or ends an upcall: what was held and taken since is unmasked. */
void nk_bind_settle(struct nk_context *context);

/* Unbinds all of a device; of a context that leaves its core. */
void nk_bind_end(uint32_t id);
void nk_bind_context_end(const struct nk_context *context);

#endif
