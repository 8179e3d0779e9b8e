/*
 * Channels (spec K13): memory shared by two apps that both agreed, and an event for the other side.
 * It lies at the same address in both: pointers into it mean the same to both.
 */
#ifndef NK_CHANNEL_H
#define NK_CHANNEL_H

#include "machine.h"

struct nk_app;

/*
 * NOM_SYS_CHANNEL: operation, key and pointer as in abi/syscall.h. 0, or
 *   OFFER   -NOM_EINVAL: bytes 0 or too many, or to oneself; -NOM_ENOENT: no such app runs;
 *           -NOM_ENOMEM: no memory, or NK_CHANNELS_OFFERED_MAX of the caller's are open
 *   ACCEPT  -NOM_ENOENT: nothing of this number is on offer to the caller; -NOM_ENOMEM
 *   CLOSE   -NOM_ENOENT: the caller has no such channel, and none was offered to it
 */
int64_t nk_call_channel(struct nk_app *app, uint64_t op, uint64_t key, uint64_t pointer);

/* NOM_NOTIFY_CHANNEL: the other side hears of it. -NOM_ENOENT: the caller has no such channel, or
 * the other side has not accepted, has closed or has ended. */
int64_t nk_channel_notify(struct nk_app *app, uint64_t number);

/* The app has ended: as if it had closed all of its channels. */
void nk_channel_end(struct nk_app *app);

#endif
