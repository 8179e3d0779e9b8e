/*
 * Address spaces: the kernel's own rights on its image, and each app's lower half.
 */
#ifndef NK_PAGING_H
#define NK_PAGING_H

#include "machine.h"

struct nk_app;

/* Rights of a page, as the processor's table entries have them. */
#define NK_PAGE_WRITE      0x2ULL
#define NK_PAGE_UNCACHED   0x18ULL /* a device's: neither memory for system calls nor for devices */
#define NK_PAGE_SMALL      0x200ULL /* not part of a 2 MiB page; ignored by the processor */
#define NK_PAGE_NO_EXECUTE 0x8000000000000000ULL

/* Gives every page of the kernel's image its own rights and drops the identity map. */
void nk_paging_start(void);

/* Memory for the stacks of a core that is not the first (limits.h), mapped but for the guard; the
 * address of the guard, or 0 without memory. Once for each core. */
uint64_t nk_paging_stacks(unsigned core);

/* An empty address space: physical address of its top table, or 0 without memory. Its tables are
 * the app's, and go back with all that it owns (nk_memory_release). */
uint64_t nk_paging_space(unsigned app);

/*
 * Maps physical at address in the app, with the rights given; 2 MiB at a time wherever both are on
 * such a border, unless NK_PAGE_SMALL. All three numbers on page borders; address below NK_APP_END.
 * 0; -NOM_EBUSY: something is mapped there; -NOM_ENOMEM: no memory for tables. Nothing has changed
 * then.
 */
int nk_paging_place(struct nk_app *app, uint64_t address, uint64_t physical, uint64_t bytes,
                    uint64_t rights);
/* The same; true if it is mapped. */
bool nk_paging_map(struct nk_app *app, uint64_t address, uint64_t physical, uint64_t bytes,
                   uint64_t rights);

/* What is mapped from address on: as far as it is in a row, with the same rights, within one table;
 * no more than bytes, but for a 2 MiB page, which is always whole. */
struct nk_run {
    uint64_t physical, bytes, rights;
    uint64_t unit; /* bytes of its pages */
};
/* False if nothing is. address and bytes on page borders. */
bool nk_paging_run(const struct nk_app *app, uint64_t address, uint64_t bytes, struct nk_run *run);

/* True if all of the range is mapped and it neither begins nor ends within a page. */
bool nk_paging_mapped(const struct nk_app *app, uint64_t address, uint64_t bytes);

/* Both for a range that nk_paging_mapped likes. When they return no core uses what was. */
void nk_paging_unmap(struct nk_app *app, uint64_t address, uint64_t bytes);
void nk_paging_protect(struct nk_app *app, uint64_t address, uint64_t bytes, uint64_t rights);

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
