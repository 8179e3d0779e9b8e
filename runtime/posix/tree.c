/* Nodes and names. Children lie in the order in which they got their names, for readdir. */
#include "runtime/posix/tree.h"
#include "runtime/net/pool.h"
#include "runtime/platform/platform.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static struct net_pool pool = {.block_bytes = sizeof(struct posix_node),
                               .blocks_max = POSIX_NODES_MAX};
static struct posix_node *root;
static uint32_t last_number;

struct posix_node *posix_tree_root(void) {
    return root;
}

static struct posix_node *new_node(uint32_t mode) {
    struct posix_node *n = net_pool_take(&pool, sizeof *n);
    if (n)
        *n = (struct posix_node){
            .number = ++last_number, .mode = mode, .changed_ns = plat_wall_ns()};
    return n;
}

int posix_tree_start(void) {
    root = new_node(S_IFDIR | 0755);
    if (!root)
        return -ENOMEM;
    root->parent = root;
    return 0;
}

struct posix_node *posix_node_child(const struct posix_node *directory, const char *name,
                                    size_t bytes) {
    struct posix_node *n = directory->first;
    while (n && (n->name_bytes != bytes || memcmp(n->name, name, bytes) != 0))
        n = n->next;
    return n;
}

static void enlist(struct posix_node *n, struct posix_node *directory, const char *name,
                   size_t bytes) {
    static uint64_t last_order;
    memcpy(n->name, name, bytes);
    n->name[bytes] = '\0';
    n->name_bytes = bytes;
    n->order = ++last_order;
    n->parent = directory;
    n->next = NULL;
    *(directory->last ? &directory->last->next : &directory->first) = n;
    directory->last = n;
    directory->changed_ns = plat_wall_ns();
}

static void unlist(struct posix_node *n) {
    struct posix_node *directory = n->parent, *before = NULL;
    for (struct posix_node *c = directory->first; c != n; c = c->next)
        before = c;
    *(before ? &before->next : &directory->first) = n->next;
    if (directory->last == n)
        directory->last = before;
    directory->changed_ns = plat_wall_ns();
    n->parent = NULL;
}

struct posix_node *posix_node_add(struct posix_node *directory, const char *name, size_t bytes,
                                  uint32_t mode) {
    struct posix_node *n = new_node(mode);
    if (!n)
        return NULL;
    n->writable = directory->writable;
    enlist(n, directory, name, bytes);
    return n;
}

static void free_if_unused(struct posix_node *n) {
    if (n->parent || n->opens > 0)
        return;
    posix_contents_resize(n, 0);
    net_pool_give(n);
}

void posix_node_remove(struct posix_node *n) {
    unlist(n);
    free_if_unused(n);
}

void posix_node_move(struct posix_node *n, struct posix_node *directory, const char *name,
                     size_t bytes) {
    unlist(n);
    enlist(n, directory, name, bytes);
}

void posix_node_keep(struct posix_node *n) {
    n->opens++;
}

void posix_node_drop(struct posix_node *n) {
    n->opens--;
    free_if_unused(n);
}

/* ---- paths ---- */

/* One part of a path: a directory in, what it leads to out. */
static long step(struct posix_place *p, const char *name, size_t bytes) {
    struct posix_node *directory = p->node;
    if (!directory)
        return -ENOENT;
    if (!S_ISDIR(directory->mode))
        return -ENOTDIR;
    if (bytes > POSIX_NAME_BYTES_MAX)
        return -ENAMETOOLONG;
    p->directory = directory;
    p->name = name;
    p->name_bytes = 0;
    if (bytes == 2 && memcmp(name, "..", 2) == 0) {
        p->node = directory->parent;
    } else if (bytes != 1 || name[0] != '.') {
        p->name_bytes = bytes;
        p->node = posix_node_child(directory, name, bytes);
    }
    return 0;
}

long posix_tree_find(struct posix_node *from, const char *path, struct posix_place *out) {
    size_t left = strnlen(path, POSIX_PATH_BYTES_MAX);
    if (left == 0)
        return -ENOENT;
    if (left == POSIX_PATH_BYTES_MAX)
        return -ENAMETOOLONG;
    *out = (struct posix_place){.node = path[0] == '/' ? root : from, .name = path};
    out->directory = out->node;
    for (;;) {
        while (*path == '/')
            path++;
        size_t bytes = strcspn(path, "/");
        if (bytes == 0)
            break;
        long error = step(out, path, bytes);
        if (error)
            return error;
        path += bytes;
        out->must_be_directory = *path == '/';
    }
    return out->node && out->must_be_directory && !S_ISDIR(out->node->mode) ? -ENOTDIR : 0;
}
