/*
 * The system calls on frames (abi/syscall.h): an app asks for memory and maps it where it wants,
 * for paging is its own (spec K9). Arguments and results as in abi/syscall.h, in its order; those
 * that a call has not are ignored.
 */
#ifndef NK_FRAMES_H
#define NK_FRAMES_H

#include "machine.h"

struct nk_app;

int64_t nk_call_grant(struct nk_app *app, uint64_t bytes, uint64_t flags, uint64_t out, uint64_t d);
int64_t nk_call_map(struct nk_app *app, uint64_t address, uint64_t physical, uint64_t bytes,
                    uint64_t rights);
int64_t nk_call_unmap(struct nk_app *app, uint64_t address, uint64_t bytes, uint64_t c, uint64_t d);
int64_t nk_call_free(struct nk_app *app, uint64_t physical, uint64_t bytes, uint64_t c, uint64_t d);
int64_t nk_call_protect(struct nk_app *app, uint64_t address, uint64_t bytes, uint64_t rights,
                        uint64_t d);

#endif
