/*
 * States of a frame of an app:
 *
 *   not the app's --GRANT--> not mapped --MAP--> mapped --UNMAP--> not mapped --FREE--> not the
 * app's
 *
 * Invariants: a frame that was granted is in use (memory.h) exactly while it is mapped, and at one
 * address only; what lies between NOM_MAP_START and NOM_MAP_END in an app's space is such frames
 * and nothing else, so that no call here reaches what the kernel has mapped.
 */
#include "frames.h"
#include "app.h"
#include "memory.h"
#include "paging.h"
#include "runtime/abi/syscall.h"

static bool in_range(uint64_t address, uint64_t bytes) {
    return bytes > 0 && (address | bytes) % NK_PAGE_BYTES == 0 && address >= NOM_MAP_START &&
           address <= NOM_MAP_END && bytes <= NOM_MAP_END - address;
}

/* Rights as paging.h has them; false for unknown ones, and for writing and execution together. */
static bool page_rights(uint64_t rights, uint64_t *page) {
    if (rights & ~(uint64_t)(NOM_RIGHT_WRITE | NOM_RIGHT_EXECUTE) ||
        rights == (NOM_RIGHT_WRITE | NOM_RIGHT_EXECUTE))
        return false;
    *page = (rights & NOM_RIGHT_WRITE ? NK_PAGE_WRITE : 0) |
            (rights & NOM_RIGHT_EXECUTE ? 0 : NK_PAGE_NO_EXECUTE);
    return true;
}

int64_t nk_call_grant(struct nk_app *app, uint64_t bytes, uint64_t flags, uint64_t out,
                      uint64_t d) {
    (void)d;
    if (bytes == 0 || flags != 0)
        return -NOM_EINVAL;
    if (!nk_paging_writable(app, out, sizeof(struct nom_frames)))
        return -NOM_EFAULT;
    uint64_t unit = bytes >= NOM_FRAMES_LARGE ? NK_BLOCK_BYTES : NK_PAGE_BYTES;
    struct nom_frames frames = {.physical = nk_memory_grant(app->number, bytes),
                                .bytes = (bytes + unit - 1) & ~(unit - 1)};
    if (!frames.physical)
        return -NOM_ENOMEM;
    /* The app may have ended, or taken that page away, while the lock was lent. */
    if (app->runs && nk_paging_put(app, out, &frames, sizeof frames))
        return 0;
    nk_memory_free(frames.physical, frames.bytes);
    return -NOM_EFAULT;
}

int64_t nk_call_map(struct nk_app *app, uint64_t address, uint64_t physical, uint64_t bytes,
                    uint64_t rights) {
    uint64_t page;
    bool large;
    if (!in_range(address, bytes) || !page_rights(rights, &page))
        return -NOM_EINVAL;
    int error = nk_memory_check(app->number, physical, bytes, &large);
    if (error)
        return error;
    if (large && address % NK_BLOCK_BYTES)
        return -NOM_EINVAL;
    error = nk_paging_place(app, address, physical, bytes, page | (large ? 0 : NK_PAGE_SMALL));
    if (!error)
        nk_memory_use(physical, bytes, true);
    return error;
}

int64_t nk_call_unmap(struct nk_app *app, uint64_t address, uint64_t bytes, uint64_t c,
                      uint64_t d) {
    (void)c;
    (void)d;
    struct nk_run run;
    if (!in_range(address, bytes) || !nk_paging_mapped(app, address, bytes))
        return -NOM_EINVAL;
    for (uint64_t done = 0; done < bytes; done += run.bytes) {
        nk_paging_run(app, address + done, bytes - done, &run);
        nk_memory_use(run.physical, run.bytes, false);
    }
    nk_paging_unmap(app, address, bytes);
    return 0;
}

int64_t nk_call_free(struct nk_app *app, uint64_t physical, uint64_t bytes, uint64_t c,
                     uint64_t d) {
    (void)c;
    (void)d;
    bool large;
    int error = nk_memory_check(app->number, physical, bytes, &large);
    if (!error)
        nk_memory_free(physical, bytes);
    return error;
}

int64_t nk_call_protect(struct nk_app *app, uint64_t address, uint64_t bytes, uint64_t rights,
                        uint64_t d) {
    (void)d;
    uint64_t page;
    if (!in_range(address, bytes) || !page_rights(rights, &page) ||
        !nk_paging_mapped(app, address, bytes))
        return -NOM_EINVAL;
    nk_paging_protect(app, address, bytes, page);
    return 0;
}
