/* Calls that change names and permissions. */
#include "runtime/platform/platform.h"
#include "runtime/posix/calls.h"
#include "runtime/posix/node.h"
#include "runtime/posix/path.h"
#include "runtime/posix/posix.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define PERMISSIONS 07777u

/* What has a name that may be taken from it. */
static long find_named(long directory, long path, struct posix_place *p) {
    long error = posix_path_find(directory, (const char *)path, p);
    if (error)
        return error;
    if (!p->node)
        return -ENOENT;
    if (p->name_bytes == 0)
        return p->node == posix_tree_root() ? -EBUSY : -EINVAL;
    return posix_path_may_change(p);
}

long posix_sys_unlinkat(long directory, long path, long flags) {
    struct posix_place p;
    if (flags & ~(long)AT_REMOVEDIR)
        return -EINVAL;
    long error = find_named(directory, path, &p);
    if (error)
        return error;
    bool is_directory = S_ISDIR(p.node->mode);
    if (is_directory != (flags == AT_REMOVEDIR))
        return is_directory ? -EISDIR : -ENOTDIR;
    if (p.node->first)
        return -ENOTEMPTY;
    posix_node_remove(p.node);
    return 0;
}

long posix_sys_mkdirat(long directory, long path, long mode) {
    struct posix_place p;
    long error = posix_path_find(directory, (const char *)path, &p);
    if (error)
        return error;
    if (p.node)
        return -EEXIST;
    if (p.name_bytes == 0)
        return -ENOENT;
    error = posix_path_may_change(&p);
    if (error)
        return error;
    return posix_node_add(p.directory, p.name, p.name_bytes, S_IFDIR | posix_path_mode(mode))
               ? 0
               : -ENOSPC;
}

static bool lies_in(const struct posix_node *n, const struct posix_node *directory) {
    while (n && n != directory && n->parent != n)
        n = n->parent;
    return n == directory;
}

/* Whether `from` may take the place of what has the name now. */
static long may_replace(const struct posix_node *from, const struct posix_node *old) {
    if (S_ISDIR(old->mode))
        return !S_ISDIR(from->mode) ? -EISDIR : old->first ? -ENOTEMPTY : 0;
    return S_ISDIR(from->mode) ? -ENOTDIR : 0;
}

long posix_sys_renameat(long directory, long path, long to_directory, long to_path) {
    struct posix_place from, to;
    long error = find_named(directory, path, &from);
    if (!error)
        error = posix_path_find(to_directory, (const char *)to_path, &to);
    if (error)
        return error;
    if (to.name_bytes == 0)
        return -EBUSY;
    error = posix_path_may_change(&to);
    if (error || to.node == from.node)
        return error;
    if (S_ISDIR(from.node->mode) && lies_in(to.directory, from.node))
        return -EINVAL;
    if (to.must_be_directory && !S_ISDIR(from.node->mode))
        return -ENOTDIR;
    error = to.node ? may_replace(from.node, to.node) : 0;
    if (error)
        return error;
    if (to.node)
        posix_node_remove(to.node);
    posix_node_move(from.node, to.directory, to.name, to.name_bytes);
    return 0;
}

static long change_mode(struct posix_node *n, long mode) {
    if (!n->writable)
        return -EROFS;
    n->mode = (n->mode & S_IFMT) | ((uint32_t)mode & PERMISSIONS);
    return 0;
}

long posix_sys_fchmodat(long directory, long path, long mode) {
    struct posix_place p;
    long error = posix_path_find(directory, (const char *)path, &p);
    return error ? error : !p.node ? -ENOENT : change_mode(p.node, mode);
}

long posix_sys_fchmod(long descriptor, long mode) {
    const struct posix_file *f = posix_file_of(descriptor);
    struct posix_node *n = f ? posix_node_of(f) : NULL;
    return !f ? -EBADF : n ? change_mode(n, mode) : -EINVAL;
}
