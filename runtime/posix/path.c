/*
 * Calls that name a file, to find it, open it, and ask about it. Permissions are those of the
 * file's owner; what is not below /tmp is on a file system for reading only.
 */
#include "runtime/posix/path.h"
#include "runtime/posix/calls.h"
#include "runtime/posix/node.h"
#include "runtime/posix/posix.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EMPTY_PATH     0x1000    /* AT_EMPTY_PATH, which not every header has */
#define TEMPORARY_FILE 020000000 /* the bit of O_TMPFILE beside O_DIRECTORY */
#define NAME_ONLY      010000000 /* O_PATH */
#define PERMISSIONS    07777u

static struct posix_node *current; /* directory; kept. NULL: the root */
static uint32_t mask = 022;

/* ---- finding ---- */

static struct posix_node *current_directory(void) {
    return current ? current : posix_tree_root();
}

long posix_path_find(long directory, const char *path, struct posix_place *out) {
    struct posix_node *from = current_directory();
    if (directory != AT_FDCWD && path[0] != '/') {
        const struct posix_file *f = posix_file_of(directory);
        if (!f)
            return -EBADF;
        from = posix_node_of(f);
        if (!from || !S_ISDIR(from->mode))
            return -ENOTDIR;
    }
    return posix_tree_find(from, path, out);
}

static long find_node(long directory, const char *path, struct posix_node **out) {
    struct posix_place p;
    long error = posix_path_find(directory, path, &p);
    *out = error ? NULL : p.node;
    return error ? error : p.node ? 0 : -ENOENT;
}

long posix_path_may_change(const struct posix_place *p) {
    return !p->directory->writable ? -EROFS : !p->directory->parent ? -ENOENT : 0;
}

uint32_t posix_path_mode(long mode) {
    return (uint32_t)mode & PERMISSIONS & ~mask;
}

/* ---- opening ---- */

static long may_open(const struct posix_node *n, int flags) {
    int access = flags & O_ACCMODE;
    bool writes = access != O_RDONLY || (flags & O_TRUNC);
    if (S_ISDIR(n->mode))
        return writes ? -EISDIR : 0;
    if (flags & O_DIRECTORY)
        return -ENOTDIR;
    if (S_ISCHR(n->mode))
        return 0;
    if (writes && !n->writable)
        return -EROFS;
    if ((writes && !(n->mode & S_IWUSR)) || (access != O_WRONLY && !(n->mode & S_IRUSR)))
        return -EACCES;
    return 0;
}

static long create(const struct posix_place *p, long mode, struct posix_node **out) {
    long error = p->name_bytes == 0 ? -ENOENT : p->must_be_directory ? -EISDIR : 0;
    if (!error)
        error = posix_path_may_change(p);
    if (error)
        return error;
    *out = posix_node_add(p->directory, p->name, p->name_bytes, S_IFREG | posix_path_mode(mode));
    return *out ? 0 : -ENOSPC;
}

long posix_sys_openat(long directory, long path, long flags, long mode) {
    struct posix_place p;
    if (flags & (TEMPORARY_FILE | NAME_ONLY))
        return -EOPNOTSUPP;
    long error = posix_path_find(directory, (const char *)path, &p);
    if (error)
        return error;
    if (!p.node)
        error = flags & O_CREAT ? create(&p, mode, &p.node) : -ENOENT;
    else if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
        error = -EEXIST;
    else if ((flags & O_CREAT) && S_ISDIR(p.node->mode))
        error = -EISDIR;
    else
        error = may_open(p.node, (int)flags);
    if (!error && (flags & O_TRUNC) && S_ISREG(p.node->mode))
        error = posix_contents_resize(p.node, 0);
    return error ? error : posix_node_open(p.node, (int)flags);
}

/* ---- asking ---- */

long posix_sys_newfstatat(long directory, long path, long out, long flags) {
    struct posix_node *n;
    if (flags & ~(long)(AT_SYMLINK_NOFOLLOW | EMPTY_PATH))
        return -EINVAL;
    if ((flags & EMPTY_PATH) && ((const char *)path)[0] == '\0' && directory != AT_FDCWD)
        return posix_sys_fstat(directory, out);
    long error = find_node(directory, (const char *)path, &n);
    if (!error)
        posix_node_stat(n, (struct stat *)out);
    return error;
}

long posix_sys_faccessat(long directory, long path, long mode, long flags) {
    struct posix_node *n;
    (void)flags;
    if (mode & ~(long)(R_OK | W_OK | X_OK))
        return -EINVAL;
    long error = find_node(directory, (const char *)path, &n);
    if (error)
        return error;
    if ((mode & W_OK) && !n->writable && !S_ISCHR(n->mode))
        return -EROFS;
    return ((uint32_t)mode << 6) & ~n->mode ? -EACCES : 0;
}

long posix_sys_readlinkat(long directory, long path, long out, long bytes) {
    struct posix_node *n;
    (void)out;
    long error = bytes <= 0 ? -EINVAL : find_node(directory, (const char *)path, &n);
    return error ? error : -EINVAL; /* nothing is a link */
}

/* ---- the current directory ---- */

long posix_sys_chdir(long path) {
    struct posix_node *n;
    long error = find_node(AT_FDCWD, (const char *)path, &n);
    if (error)
        return error;
    if (!S_ISDIR(n->mode))
        return -ENOTDIR;
    posix_node_keep(n);
    if (current)
        posix_node_drop(current);
    current = n;
    return 0;
}

/* Written from its end. */
long posix_sys_getcwd(long out, long bytes) {
    char path[POSIX_PATH_BYTES_MAX];
    size_t at = sizeof path - 1;
    path[at] = '\0';
    for (const struct posix_node *n = current_directory(); n != posix_tree_root(); n = n->parent) {
        if (!n->parent)
            return -ENOENT;
        if (n->name_bytes + 1 > at)
            return -ENAMETOOLONG;
        at -= n->name_bytes;
        memcpy(path + at, n->name, n->name_bytes);
        path[--at] = '/';
    }
    if (path[at] == '\0')
        path[--at] = '/';
    size_t length = sizeof path - at;
    if (bytes < 0 || (size_t)bytes < length)
        return -ERANGE;
    memcpy((char *)out, path + at, length);
    return (long)length;
}

long posix_sys_umask(long wanted) {
    long before = (long)mask;
    mask = (uint32_t)wanted & 0777;
    return before;
}
