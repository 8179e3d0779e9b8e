/*
 * Static ELF64 executables.
 */
#ifndef NK_ELF_H
#define NK_ELF_H

#include "app.h"

/*
 * Loads the file (in memory the kernel sees through the direct map, any bytes) into the app's
 * address space, each segment with its own rights. NULL and sets *entry, or why not, in words;
 * then the app must not run, and part of it may be loaded.
 */
const char *nk_elf_load(struct nk_app *app, const uint8_t *file, uint64_t bytes, uint64_t *entry);

#endif
