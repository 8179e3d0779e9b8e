/*
 * Who owns which memory: in blocks of 2 MiB, each free, kept (kernel, firmware, initrd) or one
 * app's. What is handed out is zeroed.
 */
#ifndef NK_MEMORY_H
#define NK_MEMORY_H

#include "boot.h"

void nk_memory_start(const struct nk_boot *boot);

/* count blocks in a row for this app; physical address, or 0 if there are not so many. */
uint64_t nk_memory_blocks(unsigned app, uint64_t count);

/* count pages (at most 512) in a row from blocks of the app; physical address, or 0. */
uint64_t nk_memory_pages(unsigned app, unsigned count);
/* Makes sure that the next calls of nk_memory_pages for the app, together count pages, do not
 * fail. */
bool nk_memory_reserve(unsigned app, unsigned count);

/* Takes everything back from the app. */
void nk_memory_release(unsigned app);

uint64_t nk_memory_usable_bytes(void);
uint64_t nk_memory_free_bytes(void);

#endif
