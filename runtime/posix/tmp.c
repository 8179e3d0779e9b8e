/*
 * Contents of files below /tmp: each a run of pages that doubles as it grows. Invariant: what lies
 * behind a file's end reads as zeroes.
 */
#include "runtime/posix/pages.h"
#include "runtime/posix/tree.h"
#include <errno.h>
#include <string.h>

#define PAGES_MAX (uint32_t)(POSIX_TMP_BYTES_MAX / POSIX_PAGE_BYTES)

static uint32_t pages_used; /* by all */

static void set_pages(struct posix_node *n, uint32_t page, uint32_t pages) {
    pages_used += pages - n->pages;
    n->page = page;
    n->pages = pages;
    n->data = pages ? posix_page_address(page) : NULL;
}

static long grow(struct posix_node *n, uint32_t pages) {
    uint32_t left = PAGES_MAX - pages_used;
    if (pages - n->pages > left)
        return -ENOSPC;
    if (pages < 2 * n->pages && n->pages <= left)
        pages = 2 * n->pages;
    if (n->pages > 0 && posix_pages_extend(n->page, n->pages, pages - n->pages, false)) {
        set_pages(n, n->page, pages);
        return 0;
    }
    uint32_t to = posix_pages_take(pages, false);
    if (!to)
        return -ENOSPC;
    if (n->pages > 0) {
        memcpy(posix_page_address(to), n->data, n->bytes);
        posix_pages_give(n->page, n->pages);
    }
    set_pages(n, to, pages);
    return 0;
}

static void shrink(struct posix_node *n, uint32_t pages, uint64_t bytes) {
    if (pages < n->pages) {
        posix_pages_give(n->page + pages, n->pages - pages);
        set_pages(n, n->page, pages);
    }
    uint64_t end = (uint64_t)pages * POSIX_PAGE_BYTES;
    if (n->bytes < end)
        end = n->bytes;
    memset(posix_contents(n) + bytes, 0, end - bytes);
}

long posix_contents_resize(struct posix_node *n, uint64_t bytes) {
    if (!n->writable)
        return 0;
    if (bytes > POSIX_TMP_BYTES_MAX)
        return -EFBIG;
    uint32_t pages = (uint32_t)((bytes + POSIX_PAGE_BYTES - 1) / POSIX_PAGE_BYTES);
    long error = pages > n->pages ? grow(n, pages) : 0;
    if (error)
        return error;
    if (bytes < n->bytes)
        shrink(n, pages, bytes);
    n->bytes = bytes;
    return 0;
}

char *posix_contents(const struct posix_node *n) {
    return posix_page_address(n->page);
}
