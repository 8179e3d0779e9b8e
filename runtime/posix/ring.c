/* The buffer wraps: each part is copied in two pieces at most. */
#include "runtime/posix/ring.h"
#include "runtime/posix/pages.h"
#include <errno.h>
#include <string.h>

#define PAGES (POSIX_RING_BYTES / POSIX_PAGE_BYTES)

int posix_ring_open(struct posix_ring *r) {
    *r = (struct posix_ring){.page = posix_pages_take_unclean(PAGES)};
    if (r->page == 0)
        return -ENOMEM;
    r->buffer = posix_page_address(r->page);
    return 0;
}

void posix_ring_close(struct posix_ring *r) {
    if (r->buffer)
        posix_pages_give(r->page, PAGES);
    r->buffer = NULL;
}

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

size_t posix_ring_put(struct posix_ring *r, const struct iovec *parts, int count) {
    size_t done = 0;
    for (int i = 0; i < count; i++) {
        const char *from = parts[i].iov_base;
        for (size_t left = least(parts[i].iov_len, posix_ring_room(r)); left > 0;) {
            uint32_t at = (r->head + r->used) % POSIX_RING_BYTES;
            size_t n = least(left, POSIX_RING_BYTES - at);
            memcpy(r->buffer + at, from, n);
            r->used += (uint32_t)n;
            from += n;
            left -= n;
            done += n;
        }
    }
    return done;
}

size_t posix_ring_peek(const struct posix_ring *r, const struct iovec *parts, int count,
                       size_t most) {
    size_t done = 0;
    most = least(most, r->used);
    for (int i = 0; i < count; i++) {
        char *to = parts[i].iov_base;
        for (size_t left = least(parts[i].iov_len, most - done); left > 0;) {
            uint32_t at = (r->head + (uint32_t)done) % POSIX_RING_BYTES;
            size_t n = least(left, POSIX_RING_BYTES - at);
            memcpy(to, r->buffer + at, n);
            to += n;
            left -= n;
            done += n;
        }
    }
    return done;
}

void posix_ring_skip(struct posix_ring *r, size_t bytes) {
    r->head += (uint32_t)bytes;
    r->used -= (uint32_t)bytes;
}
