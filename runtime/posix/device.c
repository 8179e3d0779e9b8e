/* /dev/null, /dev/zero, /dev/random and /dev/urandom: what is written to them is gone. */
#include "runtime/posix/node.h"
#include "runtime/posix/random.h"
#include <string.h>

static long swallow(struct posix_file *f, const struct iovec *parts, int count, int64_t offset) {
    (void)f;
    (void)offset;
    return (long)posix_parts_bytes(parts, count);
}

static long read_nothing(struct posix_file *f, const struct iovec *parts, int count,
                         int64_t offset) {
    (void)f;
    (void)parts;
    (void)count;
    (void)offset;
    return 0;
}

static long read_zeroes(struct posix_file *f, const struct iovec *parts, int count,
                        int64_t offset) {
    for (int i = 0; i < count; i++)
        memset(parts[i].iov_base, 0, parts[i].iov_len);
    return swallow(f, parts, count, offset);
}

static long read_random(struct posix_file *f, const struct iovec *parts, int count,
                        int64_t offset) {
    for (int i = 0; i < count; i++)
        posix_random(parts[i].iov_base, parts[i].iov_len);
    return swallow(f, parts, count, offset);
}

static long seek_nowhere(struct posix_file *f, int64_t offset, int whence) {
    (void)f;
    (void)offset;
    (void)whence;
    return 0;
}

#define DEVICE(device_name, reads)                                                                 \
    {                                                                                              \
        .name = (device_name), .read = (reads), .write = swallow, .seek = seek_nowhere,            \
        .stat = posix_device_stat, .close = posix_node_close                                       \
    }

const struct posix_kind posix_null_kind = DEVICE("null", read_nothing);
const struct posix_kind posix_zero_kind = DEVICE("zero", read_zeroes);
const struct posix_kind posix_random_kind = DEVICE("random", read_random);
