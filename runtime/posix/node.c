/* Reading and writing files of the tree, and listing its directories. */
#include "runtime/posix/node.h"
#include "runtime/net/pool.h"
#include "runtime/platform/platform.h"
#include "runtime/posix/parts.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define DEVICE       1
#define OWNER        65534 /* as process.c has it */
#define SECTOR_BYTES 512

struct opened {
    struct posix_file file;
    struct posix_node *node;
    int64_t at; /* of a directory: the order of what was listed last, and 1 and 2 for . and .. */
};

static struct net_pool pool = {.block_bytes = sizeof(struct opened), .blocks_max = POSIX_FILES_MAX};

static struct opened *opened_of(struct posix_file *f) {
    return (struct opened *)f;
}

void posix_node_stat(const struct posix_node *n, struct stat *out) {
    struct timespec changed = {.tv_sec = (time_t)(n->changed_ns / 1000000000),
                               .tv_nsec = (long)(n->changed_ns % 1000000000)};
    *out = (struct stat){.st_dev = DEVICE,
                         .st_ino = n->number,
                         .st_mode = n->mode,
                         .st_nlink = S_ISDIR(n->mode) ? 2
                                     : n->parent      ? 1
                                                      : 0,
                         .st_uid = n->writable ? OWNER : 0,
                         .st_gid = n->writable ? OWNER : 0,
                         .st_size = (off_t)n->bytes,
                         .st_blksize = 4096,
                         .st_blocks = (blkcnt_t)((n->bytes + SECTOR_BYTES - 1) / SECTOR_BYTES),
                         .st_atim = changed,
                         .st_mtim = changed,
                         .st_ctim = changed};
}

long posix_device_stat(struct posix_file *f, struct stat *out) {
    posix_node_stat(opened_of(f)->node, out);
    return 0;
}

void posix_node_close(struct posix_file *f) {
    posix_node_drop(opened_of(f)->node);
    net_pool_give(f);
}

/* ---- files ---- */

static long file_read(struct posix_file *f, const struct iovec *parts, int count, int64_t offset) {
    struct opened *o = opened_of(f);
    const struct posix_node *n = o->node;
    uint64_t at = (uint64_t)(offset < 0 ? o->at : offset);
    size_t got = at < n->bytes ? posix_parts_put(parts, count, n->data + at, n->bytes - at) : 0;
    if (offset < 0)
        o->at += (int64_t)got;
    return (long)got;
}

static long file_write(struct posix_file *f, const struct iovec *parts, int count, int64_t offset) {
    struct opened *o = opened_of(f);
    struct posix_node *n = o->node;
    uint64_t at = (uint64_t)(offset < 0 ? o->at : offset), bytes = posix_parts_bytes(parts, count);
    if (f->flags & O_APPEND)
        at = n->bytes;
    if (bytes > POSIX_TMP_BYTES_MAX || at > POSIX_TMP_BYTES_MAX)
        return -EFBIG;
    long error = at + bytes > n->bytes ? posix_contents_resize(n, at + bytes) : 0;
    if (error)
        return error;
    posix_parts_get(parts, count, posix_contents(n) + at, bytes);
    n->changed_ns = plat_wall_ns();
    if (offset < 0)
        o->at = (int64_t)(at + bytes);
    return (long)bytes;
}

static long file_seek(struct posix_file *f, int64_t offset, int whence) {
    struct opened *o = opened_of(f);
    int64_t from = whence == SEEK_SET   ? 0
                   : whence == SEEK_CUR ? o->at
                   : whence == SEEK_END ? (int64_t)o->node->bytes
                                        : -1;
    if (from < 0 || offset < -from || offset > INT64_MAX - from)
        return -EINVAL;
    return o->at = from + offset;
}

static long file_truncate(struct posix_file *f, int64_t bytes) {
    struct posix_node *n = opened_of(f)->node;
    n->changed_ns = plat_wall_ns();
    return posix_contents_resize(n, (uint64_t)bytes);
}

static const struct posix_kind file_kind = {.name = "file",
                                            .read = file_read,
                                            .write = file_write,
                                            .seek = file_seek,
                                            .stat = posix_device_stat,
                                            .truncate = file_truncate,
                                            .close = posix_node_close};

/* ---- directories ---- */

/* Linux's struct linux_dirent64. */
struct entry {
    uint64_t number;
    int64_t next;
    uint16_t bytes;
    uint8_t type;
    char name[];
};
#define ENTRY_BYTES 19u /* without the name */

static size_t put_entry(char *to, size_t room, const struct posix_node *n, const char *name,
                        int64_t next) {
    size_t name_bytes = strlen(name) + 1, bytes = (ENTRY_BYTES + name_bytes + 7) & ~(size_t)7;
    struct entry e = {n->number, next, (uint16_t)bytes, (uint8_t)((n->mode & S_IFMT) >> 12)};
    if (bytes > room)
        return 0;
    memset(to, 0, bytes);
    memcpy(to, &e, ENTRY_BYTES);
    memcpy(to + ENTRY_BYTES, name, name_bytes);
    return bytes;
}

#define DOTS 2 /* . and .. come first */

static const struct posix_node *listed_after(const struct posix_node *directory, int64_t at) {
    const struct posix_node *n = directory->first;
    while (n && (int64_t)n->order + DOTS <= at)
        n = n->next;
    return n;
}

static long directory_list(struct posix_file *f, void *entries, size_t bytes) {
    struct opened *o = opened_of(f);
    const struct posix_node *d = o->node;
    size_t used = 0;
    for (;;) {
        const struct posix_node *n = o->at == 0   ? d
                                     : o->at == 1 ? (d->parent ? d->parent : d)
                                                  : listed_after(d, o->at);
        if (!n)
            return (long)used;
        int64_t next = o->at < DOTS ? o->at + 1 : (int64_t)n->order + DOTS;
        const char *name = o->at == 0 ? "." : o->at == 1 ? ".." : n->name;
        size_t more = put_entry((char *)entries + used, bytes - used, n, name, next);
        if (more == 0)
            return used > 0 ? (long)used : -EINVAL;
        used += more;
        o->at = next;
    }
}

static long directory_seek(struct posix_file *f, int64_t offset, int whence) {
    struct opened *o = opened_of(f);
    if (whence == SEEK_CUR && offset == 0)
        return o->at;
    if (whence != SEEK_SET || offset < 0)
        return -EINVAL;
    return o->at = offset;
}

static long directory_read(struct posix_file *f, const struct iovec *parts, int count,
                           int64_t offset) {
    (void)f;
    (void)parts;
    (void)count;
    (void)offset;
    return -EISDIR;
}

static const struct posix_kind directory_kind = {.name = "directory",
                                                 .read = directory_read,
                                                 .seek = directory_seek,
                                                 .stat = posix_device_stat,
                                                 .list = directory_list,
                                                 .close = posix_node_close};

/* ---- opening ---- */

long posix_node_open(struct posix_node *n, int flags) {
    const struct posix_kind *kind = S_ISDIR(n->mode)   ? &directory_kind
                                    : S_ISREG(n->mode) ? &file_kind
                                                       : n->device;
    if (!kind)
        return -ENXIO;
    struct opened *o = net_pool_take(&pool, sizeof *o);
    if (!o)
        return -ENFILE;
    posix_file_init(&o->file, kind, flags & (O_ACCMODE | O_APPEND | O_NONBLOCK));
    o->node = n;
    o->at = 0;
    posix_node_keep(n);
    return posix_descriptor(&o->file, 0, flags & O_CLOEXEC);
}

struct posix_node *posix_node_of(const struct posix_file *f) {
    return f->kind->close == posix_node_close ? ((const struct opened *)f)->node : NULL;
}
