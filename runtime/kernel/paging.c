/*
 * Invariants: the upper half of every address space is the kernel's and carries no user bit; the
 * lower half of an app's space maps only memory and device pages that the app owns, the initrd, the
 * board and its start page, each either writable or executable or neither; tables lie in memory of
 * the app and are mapped nowhere but in the kernel's direct map.
 */
#include "paging.h"
#include "app.h"
#include "memory.h"

#define PRESENT     0x1ULL
#define USER        0x4ULL
#define LARGE       0x80ULL
#define ADDRESS     0x000ffffffffff000ULL
#define RIGHTS      (NK_PAGE_WRITE | NK_PAGE_NO_EXECUTE | NK_PAGE_UNCACHED)
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
    for (unsigned i = 0; i < NK_CORES_MAX; i++)
        nk_tables_image[nk_image_physical(nk_core_stacks + i * NK_CORE_STACKS_BYTES) /
                        NK_PAGE_BYTES] = 0;
    nk_tables_boot[0] = 0;
    nk_cr3_set(nk_image_physical(nk_tables_boot));
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

unsigned nk_paging_tables(uint64_t bytes, bool large) {
    /* One a level above the leaves, and one more where the range crosses a border. */
    return (unsigned)((bytes >> (large ? 30 : BLOCK_SHIFT)) + 4);
}

/* The entry for address at the level whose entries cover 1 << shift bytes, or NULL. A walk that
 * meets a large page stops there: *shift says where. Missing tables are made if asked. */
static uint64_t *entry_of(const struct nk_app *app, uint64_t address, unsigned *shift, bool make) {
    uint64_t *table = nk_direct(app->tables_physical);
    for (unsigned level = TOP_SHIFT;; level -= 9) {
        uint64_t *entry = &table[address >> level & (ENTRIES - 1)];
        if (level == *shift || (*entry & LARGE && level != TOP_SHIFT)) {
            *shift = level;
            return entry;
        }
        if (!(*entry & PRESENT)) {
            uint64_t physical = make ? nk_memory_pages(app->number, 1) : 0;
            if (!physical)
                return NULL;
            *entry = physical | PRESENT | NK_PAGE_WRITE | USER;
        }
        table = nk_direct(*entry & ADDRESS);
    }
}

bool nk_paging_map(struct nk_app *app, uint64_t address, uint64_t physical, uint64_t bytes,
                   uint64_t rights) {
    while (bytes > 0) {
        bool large = ((address | physical) & (NK_BLOCK_BYTES - 1)) == 0 && bytes >= NK_BLOCK_BYTES;
        uint64_t step = large ? NK_BLOCK_BYTES : NK_PAGE_BYTES;
        unsigned shift = large ? BLOCK_SHIFT : PAGE_SHIFT;
        uint64_t *entry = entry_of(app, address, &shift, true);
        if (!entry)
            return false;
        /* The rest of this table's entries need no walk. */
        do {
            *entry++ = physical | PRESENT | USER | rights | (large ? LARGE : 0);
            address += step;
            physical += step;
            bytes -= step;
        } while (!large && bytes > 0 && (address & (NK_BLOCK_BYTES - 1)));
    }
    return true;
}

uint64_t nk_paging_find(const struct nk_app *app, uint64_t address, uint64_t *rights) {
    if (address >= NK_APP_END)
        return 0;
    unsigned shift = PAGE_SHIFT;
    const uint64_t *entry = entry_of(app, address, &shift, false);
    if (!entry || !(*entry & PRESENT))
        return 0;
    *rights = *entry & RIGHTS;
    uint64_t within = (1ULL << shift) - 1;
    return (*entry & ADDRESS & ~within) | (address & within);
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
