/*
 * Message-signalled interrupts: the table that says which vector of which core a device's
 * interrupts reach. Only the kernel sees it.
 */
#ifndef NK_MSIX_H
#define NK_MSIX_H

#include "remap.h"

#define NK_MSIX_ENTRY_BYTES 16u

struct nk_msix {
    uint32_t entries; /* 0: the function has no such table */
    uint32_t bar, offset;
    uint64_t table; /* physical address, once the BAR has a place */
};

/* All of it but `table`. Where the capability makes no sense there is none. */
void nk_msix_find(uint16_t bdf, struct nk_msix *out);

/* Finds the table in the BARs as placed, with so many bytes each: false if it does not lie there.
 */
bool nk_msix_place(struct nk_msix *msix, const uint64_t *places, const uint64_t *bytes);

/* The function signals by its table and not otherwise. Every entry is masked. Its memory decoding
 * must be on. */
void nk_msix_enable(uint16_t bdf, const struct nk_msix *msix);

/* What an entry's interrupts write, and where; it is masked then. */
void nk_msix_aim(const struct nk_msix *msix, uint32_t entry, struct nk_message message);
void nk_msix_mask(const struct nk_msix *msix, uint32_t entry, bool masked);

#endif
