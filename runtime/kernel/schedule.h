/*
 * Which context a core runs. A core that has one runs it without a timer; several share it in
 * slices; a core that has none takes one from a core that has several.
 */
#ifndef NK_SCHEDULE_H
#define NK_SCHEDULE_H

#include "context.h"

/* What this core does next: the frame with which to leave the kernel. With the lock held, which it
 * gives; it halts the core as long as there is nothing to run. */
struct nk_frame *nk_schedule(struct nk_core *core);

/* The context lives on this core from now on; no more on its core. */
void nk_schedule_add(struct nk_core *core, struct nk_context *context);
void nk_schedule_remove(struct nk_context *context);

#endif
