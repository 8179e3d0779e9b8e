/* Bytes on their way from one descriptor to another, in pages of their own. */
#ifndef POSIX_RING_H
#define POSIX_RING_H

#include "runtime/posix/posix.h"

#define POSIX_RING_BYTES 65536u

struct posix_ring {
    char *buffer;        /* NULL: not open */
    uint32_t page;       /* its first */
    uint32_t head, used; /* bytes read so far, as they wrap; bytes held */
};

/* 0 or -ENOMEM. */
int posix_ring_open(struct posix_ring *r);
void posix_ring_close(struct posix_ring *r);
static inline size_t posix_ring_room(const struct posix_ring *r) {
    return POSIX_RING_BYTES - r->used;
}
/* From the parts what fits; bytes taken. */
size_t posix_ring_put(struct posix_ring *r, const struct iovec *parts, int count);
/* To the parts, `most` at most; bytes given. They stay in the ring. */
size_t posix_ring_peek(const struct posix_ring *r, const struct iovec *parts, int count,
                       size_t most);
void posix_ring_skip(struct posix_ring *r, size_t bytes);

#endif
