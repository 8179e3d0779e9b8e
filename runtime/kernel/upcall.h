/*
 * Upcalls (abi/context.h): how what happens reaches the app's own code.
 */
#ifndef NK_UPCALL_H
#define NK_UPCALL_H

#include "context.h"

/* Whether the app has an entry for upcalls in this context. */
bool nk_upcall_possible(const struct nk_context *context);
/* Whether one is to be delivered: something is due, or pending and wanted, and it is in none. */
bool nk_upcall_wanted(const struct nk_context *context);

/* On the way to ring 3: makes the frame that of an upcall, if one is wanted. */
void nk_upcall_deliver(struct nk_context *context);

/* NOM_SYS_RESUME. True: the frame is that of what goes on (or the app has been ended), and there is
 * no result to give. */
bool nk_upcall_resume(struct nk_context *context, uint64_t how);

#endif
