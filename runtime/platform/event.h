/*
 * What reaches an app from outside its own flow, on the nom floor: events of its contexts (abi/
 * context.h) and its page faults. Handlers run as upcalls: on a stack of their core's own, between
 * two instructions of what they interrupt, whose registers all come back, vector registers too.
 * So a handler may touch memory and make system calls, but takes no lock that the interrupted code
 * may hold, touches no memory that is not there yet (that ends the app), and calls nothing of
 * lib/thread.h.
 */
#ifndef PLATFORM_EVENT_H
#define PLATFORM_EVENT_H

#include "runtime/abi/context.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Calls handle with each event of `events` (NOM_EVENTS_PENDING) that comes on this core from now
 * on; `which` is the event's word of the context page (interrupts, channels), taken from it, or 0.
 * NULL: no more upcalls for them; they stay pending for plat_wait and plat_take. */
void plat_on_event(uint64_t events, void (*handle)(uint64_t event, uint64_t which));
/* Takes those of the events that are pending on this core and brought no upcall. */
uint64_t plat_take(uint64_t events);

/* Asked for each fault that the floor cannot repair itself: true to go on as context->saved says,
 * false to end the app. NULL: none, as at first. */
void plat_on_fault(bool (*handle)(struct nom_context *context));

/* From now on a page in [address, address + bytes), both multiples of 4096 and within the addresses
 * that NOM_SYS_MAP takes, that is touched and not mapped is given a zeroed frame, and some of its
 * neighbours with it. 0, or -NOM_EINVAL, -NOM_ENOMEM (too many such regions, or it meets another).
 * plat_reserve does this for memory of any use. */
int plat_lazy(uint64_t address, uint64_t bytes);

#endif
