/*
 * Address spaces: the kernel's own rights on its image, and each app's lower half.
 */
#ifndef NK_PAGING_H
#define NK_PAGING_H

#include "machine.h"

struct nk_app;

/* Rights of a page, as the processor's table entries have them. */
#define NK_PAGE_WRITE      0x2ULL
#define NK_PAGE_UNCACHED   0x18ULL
#define NK_PAGE_NO_EXECUTE 0x8000000000000000ULL

/* Gives every page of the kernel's image its own rights and drops the identity map. */
void nk_paging_start(void);

/* An empty address space: physical address of its top table, or 0 without memory. */
uint64_t nk_paging_space(unsigned app);

/* Pages of page tables that mapping this many bytes may take, at most. */
unsigned nk_paging_tables(uint64_t bytes, bool large);

/*
 * Maps physical at address in the app, with the rights given; 2 MiB at a time wherever both are on
 * such a border. All three numbers on page borders; address below NK_APP_END. False without memory
 * for tables (part may be mapped then: reserve first, or end the app).
 */
bool nk_paging_map(struct nk_app *app, uint64_t address, uint64_t physical, uint64_t bytes,
                   uint64_t rights);

/* Physical address behind an address of the app, or 0; *rights as mapped. */
uint64_t nk_paging_find(const struct nk_app *app, uint64_t address, uint64_t *rights);

/*
 * The app's memory, through its own tables, so that the kernel never touches an address an app
 * gave: true if the whole range is the app's (and writable, for nk_paging_put); otherwise nothing
 * is copied.
 */
bool nk_paging_get(const struct nk_app *app, void *to, uint64_t address, uint64_t bytes);
bool nk_paging_put(const struct nk_app *app, uint64_t address, const void *from, uint64_t bytes);
bool nk_paging_writable(const struct nk_app *app, uint64_t address, uint64_t bytes);

#endif
