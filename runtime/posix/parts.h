/* Values in and out of the parts of a read or write. */
#ifndef POSIX_PARTS_H
#define POSIX_PARTS_H

#include "runtime/posix/posix.h"
#include <string.h>

/* Copies what fits to the parts' beginning; bytes copied. */
static inline size_t posix_parts_put(const struct iovec *parts, int count, const void *from,
                                     size_t bytes) {
    size_t done = 0;
    for (int i = 0; i < count && done < bytes; i++) {
        size_t n = parts[i].iov_len < bytes - done ? parts[i].iov_len : bytes - done;
        memcpy(parts[i].iov_base, (const char *)from + done, n);
        done += n;
    }
    return done;
}

/* Copies so many bytes from the parts' beginning; bytes copied. */
static inline size_t posix_parts_get(const struct iovec *parts, int count, void *to, size_t bytes) {
    size_t done = 0;
    for (int i = 0; i < count && done < bytes; i++) {
        size_t n = parts[i].iov_len < bytes - done ? parts[i].iov_len : bytes - done;
        memcpy((char *)to + done, parts[i].iov_base, n);
        done += n;
    }
    return done;
}

#endif
