/*
 * Invariants: the upper half of every address space is the kernel's and carries no user bit; the
 * lower half of an app's space maps only memory and device pages that the app owns, the initrd, the
 * board, its start page and its channels, each either writable or executable or neither; tables lie
 * in memory of the app and are mapped nowhere but in the kernel's direct map. An entry that refers
 * to a table counts that table's used entries, in bits that the processor ignores; it is never 0: a
 * table that becomes empty is freed.
 */
#include "paging.h"
#include "app.h"
#include "console.h"
#include "core.h"
#include "iommu.h"
#include "memory.h"
#include "runtime/abi/syscall.h"

#define PRESENT     0x1ULL
#define USER        0x4ULL
#define LARGE       0x80ULL
#define ADDRESS     0x000ffffffffff000ULL
#define RIGHTS      (NK_PAGE_WRITE | NK_PAGE_NO_EXECUTE | NK_PAGE_UNCACHED | NK_PAGE_SMALL)
#define COUNT_ONE   (1ULL << 52)
#define COUNT(e)    ((e) >> 52 & 0x3ff)
#define ENTRIES     512
#define HALF        256 /* first entry of the top table that is the kernel's */
#define TOP_SHIFT   39
#define BLOCK_SHIFT 21
#define PAGE_SHIFT  12

extern uint64_t nk_tables_boot[], nk_tables_image[];
extern const uint8_t nk_image_start[], nk_text_end[], nk_rodata_end[], nk_image_end[];
extern const uint8_t nk_core_stacks[];

static void image_rights(uint64_t start, uint64_t end, uint64_t entry) {
    for (uint64_t p = start; p < end; p += NK_PAGE_BYTES)
        nk_tables_image[p / NK_PAGE_BYTES] = entry ? p | entry : 0;
}

/* Page by page, for the code that runs here lies in these pages. */
void nk_paging_start(void) {
    uint64_t start = nk_image_physical(nk_image_start), text_end = nk_image_physical(nk_text_end);
    uint64_t rodata_end = nk_image_physical(nk_rodata_end), end = nk_image_physical(nk_image_end);
    image_rights(0, start, 0);
    image_rights(start, text_end, PRESENT);
    image_rights(text_end, rodata_end, PRESENT | NK_PAGE_NO_EXECUTE);
    image_rights(rodata_end, end, PRESENT | NK_PAGE_NO_EXECUTE | NK_PAGE_WRITE);
    image_rights(end, NK_BLOCK_BYTES, 0);
    nk_tables_image[nk_image_physical(nk_core_stacks) / NK_PAGE_BYTES] = 0;
    nk_tables_boot[0] = 0;
    nk_cr3_set(nk_image_physical(nk_tables_boot));
}

_Static_assert(NK_CORES_MAX *NK_CORE_STACKS_BYTES <= NK_IMAGE_PHYSICAL, "stacks and image");

uint64_t nk_paging_stacks(unsigned core) {
    const unsigned guard = NK_STACK_GUARD_BYTES / NK_PAGE_BYTES;
    const unsigned pages = NK_CORE_STACKS_BYTES / NK_PAGE_BYTES;
    uint64_t physical = nk_memory_kernel_pages(pages - guard);
    if (!physical)
        return 0;
    for (unsigned i = guard; i < pages; i++)
        nk_tables_image[core * pages + i] =
            (physical + (i - guard) * NK_PAGE_BYTES) | PRESENT | NK_PAGE_NO_EXECUTE | NK_PAGE_WRITE;
    return NK_STACKS_BASE + core * NK_CORE_STACKS_BYTES;
}

uint64_t nk_paging_space(unsigned app) {
    uint64_t physical = nk_memory_pages(app, 1);
    if (physical) {
        uint64_t *top = nk_direct(physical);
        top[HALF] = nk_tables_boot[HALF];
        top[ENTRIES - 1] = nk_tables_boot[ENTRIES - 1];
    }
    return physical;
}

/* Where a walk ended: an entry, whose table up refers to (NULL for the top table), covering 1 <<
 * shift bytes. */
struct walk {
    uint64_t *entry, *up;
    unsigned shift;
};

/* Down to entries that cover 1 << shift bytes, or as far as there are tables. */
static struct walk walk(const struct nk_app *app, uint64_t address, unsigned shift) {
    uint64_t *table = nk_direct(app->tables_physical);
    struct walk w = {NULL, NULL, TOP_SHIFT};
    for (;; w.shift -= 9) {
        w.entry = &table[address >> w.shift & (ENTRIES - 1)];
        if (w.shift == shift || !(*w.entry & PRESENT) || *w.entry & LARGE)
            return w;
        w.up = w.entry;
        table = nk_direct(*w.entry & ADDRESS);
    }
}

/* Frees the tables on the way to address that are empty. */
static void prune(const struct nk_app *app, uint64_t address) {
    for (;;) {
        struct walk w = walk(app, address, PAGE_SHIFT);
        if (!w.up || COUNT(*w.up) > 0)
            return;
        nk_memory_free(*w.up & ADDRESS, NK_PAGE_BYTES);
        *w.up = 0;
        w = walk(app, address, PAGE_SHIFT);
        if (w.up)
            *w.up -= COUNT_ONE;
    }
}

/* Makes the tables down to entries for count pages of 1 << shift bytes. Fails if one is used. */
static int prepare(const struct nk_app *app, uint64_t address, unsigned shift, uint64_t count) {
    struct walk w;
    for (;;) {
        w = walk(app, address, shift);
        if (w.shift == shift)
            break;
        if (*w.entry & PRESENT)
            return -NOM_EBUSY;
        uint64_t physical = nk_memory_pages(app->number, 1);
        if (!physical)
            return -NOM_ENOMEM;
        *w.entry = physical | PRESENT | NK_PAGE_WRITE | USER;
        if (w.up)
            *w.up += COUNT_ONE;
    }
    for (uint64_t i = 0; i < count && COUNT(*w.up) > 0; i++)
        if (w.entry[i])
            return -NOM_EBUSY;
    return 0;
}

/* How much of a range one table maps, in pages of 1 << *shift bytes. */
static uint64_t step(uint64_t address, uint64_t physical, uint64_t bytes, uint64_t rights,
                     unsigned *shift) {
    uint64_t rest = NK_BLOCK_BYTES - (address & (NK_BLOCK_BYTES - 1));
    bool large = ((address | physical) & (NK_BLOCK_BYTES - 1)) == 0 && bytes >= NK_BLOCK_BYTES &&
                 !(rights & NK_PAGE_SMALL);
    *shift = large ? BLOCK_SHIFT : PAGE_SHIFT;
    return bytes < rest ? bytes : rest;
}

static void fill(const struct nk_app *app, uint64_t address, unsigned shift, uint64_t count,
                 uint64_t entry) {
    struct walk w = walk(app, address, shift);
    for (uint64_t i = 0; i < count; i++, entry += 1ULL << shift)
        w.entry[i] = entry;
    *w.up += count * COUNT_ONE;
}

int nk_paging_place(struct nk_app *app, uint64_t address, uint64_t physical, uint64_t bytes,
                    uint64_t rights) {
    unsigned shift;
    uint64_t n;
    int error = 0;
    for (uint64_t done = 0; done < bytes && !error; done += n) {
        n = step(address + done, physical + done, bytes - done, rights, &shift);
        error = prepare(app, address + done, shift, n >> shift);
        if (error) {
            for (uint64_t undo = 0; undo <= done; undo += n) {
                n = step(address + undo, physical + undo, bytes - undo, rights, &shift);
                prune(app, address + undo);
            }
            nk_core_flush(app);
            nk_iommu_flush(app);
            return error;
        }
    }
    for (uint64_t done = 0; done < bytes; done += n) {
        n = step(address + done, physical + done, bytes - done, rights, &shift);
        fill(app, address + done, shift, n >> shift,
             (physical + done) | PRESENT | USER | rights | (shift == PAGE_SHIFT ? 0 : LARGE));
    }
    nk_iommu_flush(app); /* a unit may remember that nothing was there */
    return 0;
}

bool nk_paging_map(struct nk_app *app, uint64_t address, uint64_t physical, uint64_t bytes,
                   uint64_t rights) {
    return nk_paging_place(app, address, physical, bytes, rights) == 0;
}

bool nk_paging_run(const struct nk_app *app, uint64_t address, uint64_t bytes, struct nk_run *run) {
    struct walk w = walk(app, address, PAGE_SHIFT);
    uint64_t first = *w.entry;
    if (!(first & PRESENT))
        return false;
    *run = (struct nk_run){first & ADDRESS, 1ULL << w.shift, first & RIGHTS, 1ULL << w.shift};
    if (w.shift != PAGE_SHIFT)
        return true;
    uint64_t rest = NK_BLOCK_BYTES - (address & (NK_BLOCK_BYTES - 1));
    uint64_t most = bytes < rest ? bytes : rest, mask = ADDRESS | RIGHTS | PRESENT;
    while (run->bytes < most && (*++w.entry & mask) == (first & mask) + run->bytes)
        run->bytes += NK_PAGE_BYTES;
    return true;
}

bool nk_paging_mapped(const struct nk_app *app, uint64_t address, uint64_t bytes) {
    struct nk_run run;
    for (; bytes > 0; address += run.bytes, bytes -= run.bytes)
        if (!nk_paging_run(app, address, bytes, &run) || run.bytes > bytes || address % run.unit)
            return false;
    return true;
}

/* Rewrites the entries of a run: keeps the bits of `keep` and adds those of `add`. */
static struct walk rewrite(const struct nk_app *app, uint64_t address, uint64_t bytes,
                           uint64_t keep, uint64_t add, uint64_t *count) {
    struct walk w = walk(app, address, PAGE_SHIFT);
    *count = bytes >> w.shift;
    for (uint64_t i = 0; i < *count; i++)
        w.entry[i] = (w.entry[i] & keep) | add;
    return w;
}

void nk_paging_unmap(struct nk_app *app, uint64_t address, uint64_t bytes) {
    struct nk_run run;
    for (; bytes > 0; address += run.bytes, bytes -= run.bytes) {
        uint64_t count;
        if (!nk_paging_run(app, address, bytes, &run))
            nk_panic("unmapping %x, where nothing is mapped", address);
        struct walk w = rewrite(app, address, run.bytes, 0, 0, &count);
        *w.up -= count * COUNT_ONE;
        prune(app, address);
    }
    nk_core_flush(app);
    nk_iommu_flush(app);
}

void nk_paging_protect(struct nk_app *app, uint64_t address, uint64_t bytes, uint64_t rights) {
    struct nk_run run;
    const uint64_t changed = NK_PAGE_WRITE | NK_PAGE_NO_EXECUTE;
    for (; bytes > 0; address += run.bytes, bytes -= run.bytes) {
        uint64_t count;
        if (!nk_paging_run(app, address, bytes, &run))
            nk_panic("new rights for %x, where nothing is mapped", address);
        rewrite(app, address, run.bytes, ~changed, rights & changed, &count);
    }
    nk_core_flush(app);
    nk_iommu_flush(app);
}

uint64_t nk_paging_find(const struct nk_app *app, uint64_t address, uint64_t *rights) {
    if (address >= NK_APP_END)
        return 0;
    struct walk w = walk(app, address, PAGE_SHIFT);
    if (!(*w.entry & PRESENT))
        return 0;
    *rights = *w.entry & RIGHTS;
    uint64_t within = (1ULL << w.shift) - 1;
    return (*w.entry & ADDRESS & ~within) | (address & within);
}

/* Bytes from address to the end of its page. */
static uint64_t page_rest(uint64_t address, uint64_t bytes) {
    uint64_t rest = NK_PAGE_BYTES - (address & (NK_PAGE_BYTES - 1));
    return rest < bytes ? rest : bytes;
}

static bool owned(const struct nk_app *app, uint64_t address, uint64_t bytes, uint64_t rights) {
    if (address >= NK_APP_END || bytes > NK_APP_END - address)
        return false;
    while (bytes > 0) {
        uint64_t found, n = page_rest(address, bytes);
        if (!nk_paging_find(app, address, &found) || (found & rights) != rights ||
            (found & NK_PAGE_UNCACHED)) /* a device's registers are no memory */
            return false;
        address += n;
        bytes -= n;
    }
    return true;
}

bool nk_paging_writable(const struct nk_app *app, uint64_t address, uint64_t bytes) {
    return owned(app, address, bytes, NK_PAGE_WRITE);
}

bool nk_paging_get(const struct nk_app *app, void *to, uint64_t address, uint64_t bytes) {
    if (!owned(app, address, bytes, 0))
        return false;
    for (uint8_t *target = to; bytes > 0;) {
        uint64_t rights, n = page_rest(address, bytes);
        nk_copy(target, nk_direct(nk_paging_find(app, address, &rights)), n);
        target += n;
        address += n;
        bytes -= n;
    }
    return true;
}

bool nk_paging_put(const struct nk_app *app, uint64_t address, const void *from, uint64_t bytes) {
    if (!nk_paging_writable(app, address, bytes))
        return false;
    for (const uint8_t *source = from; bytes > 0;) {
        uint64_t rights, n = page_rest(address, bytes);
        nk_copy(nk_direct(nk_paging_find(app, address, &rights)), source, n);
        source += n;
        address += n;
        bytes -= n;
    }
    return true;
}
