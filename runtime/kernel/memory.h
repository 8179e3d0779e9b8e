/*
 * Who owns which memory. It is kept in blocks of 2 MiB; a block has one owner, or is split into
 * pages of 4 KiB that have one each. A frame is such a block or page. What is handed out is zeroed.
 *
 * A frame in use is one that an app has mapped, or that the kernel uses in its name (its image, its
 * page tables): it can be neither mapped nor freed by the app.
 */
#ifndef NK_MEMORY_H
#define NK_MEMORY_H

#include "boot.h"
#include "runtime/abi/start.h"

/* Owners. An app is its own number, from 1. */
enum nk_owner {
    NK_OWNER_FREE = 0,
    NK_OWNER_KERNEL = NOM_APPS_MAX + 1,
    NK_OWNER_CHANNEL, /* memory shared by two apps (channel.h) */
    NK_OWNER_MACHINE, /* firmware, kernel image, initrd: never handed out */
    NK_OWNERS
};

void nk_memory_start(const struct nk_boot *boot);

/*
 * Each gives the physical address of memory in a row, or 0 if there is none: so many bytes, rounded
 * up as abi/syscall.h says (struct nom_frames); so many blocks, or pages (at most 512), in use.
 */
uint64_t nk_memory_grant(unsigned owner, uint64_t bytes); /* more than NOM_CHANNEL_BYTES_MAX: lends
                                                             the lock (core.h) */
uint64_t nk_memory_blocks(unsigned owner, uint64_t count);
uint64_t nk_memory_pages(unsigned owner, unsigned count);
/* For the kernel itself: I/O page tables and the like. */
uint64_t nk_memory_kernel_pages(unsigned count);

/*
 * 0 if the range is made of the owner's frames, all of one size, and none is in use; *large: they
 * are blocks. -NOM_EINVAL: it ends within a frame, holds both sizes or nothing; -NOM_EPERM:
 * something in it is not the owner's; -NOM_EBUSY: something is in use. Any numbers may be asked
 * about.
 */
int nk_memory_check(unsigned owner, uint64_t physical, uint64_t bytes, bool *large);

/* Of frames of one owner: in use from now on, or no longer. */
void nk_memory_use(uint64_t physical, uint64_t bytes, bool in_use);
/* Frames of one owner, in use or not, are free from now on. */
void nk_memory_free(uint64_t physical, uint64_t bytes);
/* Frees all that the owner has; how many bytes that were. */
uint64_t nk_memory_release(unsigned owner);

uint64_t nk_memory_usable_bytes(void);
uint64_t nk_memory_owned_bytes(unsigned owner);
uint64_t nk_memory_free_bytes(void);

#endif
