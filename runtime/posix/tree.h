/*
 * The names of files: one tree, in memory. The files packed with the app and a few that programs
 * expect are read-only; below /tmp files come and go. There are no links. A file stays while it is
 * open, also without a name.
 */
#ifndef POSIX_TREE_H
#define POSIX_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Every limit of the tree. */
#define POSIX_NAME_BYTES_MAX 255  /* of one part of a path */
#define POSIX_PATH_BYTES_MAX 4096 /* with its end */
#define POSIX_NODES_MAX      8192
#define POSIX_TMP_BYTES_MAX  (UINT64_C(64) << 20) /* of all files below /tmp together */

struct posix_kind;

struct posix_node {
    struct posix_node *parent;              /* of the root: itself; NULL: it has lost its name */
    struct posix_node *next, *first, *last; /* of the same parent; children, by order */
    uint64_t order;                         /* among all that were ever given a name */
    uint32_t number;                        /* of the inode */
    uint32_t opens;
    uint32_t mode;                   /* type and permissions, as in struct stat */
    bool writable;                   /* lies below /tmp, or is it */
    const struct posix_kind *device; /* what opening it gives; NULL: ENXIO */
    const char *data;                /* of a file */
    uint64_t bytes;
    uint32_t page, pages; /* where data lies, of a file that is writable */
    uint64_t changed_ns;  /* since 1970 */
    size_t name_bytes;
    char name[POSIX_NAME_BYTES_MAX + 1];
};

/* Makes the root. 0 or -ENOMEM. */
int posix_tree_start(void);
struct posix_node *posix_tree_root(void);
struct posix_node *posix_node_child(const struct posix_node *directory, const char *name,
                                    size_t bytes);
/* A new child of that type and those permissions; NULL: no room. The name is not taken yet. */
struct posix_node *posix_node_add(struct posix_node *directory, const char *name, size_t bytes,
                                  uint32_t mode);
/* It loses its name; gone unless it is open. */
void posix_node_remove(struct posix_node *n);
/* It gets another name, which is not taken. */
void posix_node_move(struct posix_node *n, struct posix_node *directory, const char *name,
                     size_t bytes);
/* While it is open it is not gone. */
void posix_node_keep(struct posix_node *n);
void posix_node_drop(struct posix_node *n);

/* Where a path leads. */
struct posix_place {
    struct posix_node *node;      /* NULL: nothing has that name */
    struct posix_node *directory; /* in which it has or may get its name */
    const char *name;             /* its last part, in the path; "." and ".." are node's alone */
    size_t name_bytes;            /* 0: the path ends with one of those, or is the root's */
    bool must_be_directory;       /* a slash ends it */
};

/* 0; -ENOENT, -ENOTDIR or -ENAMETOOLONG where not even its directory is there. */
long posix_tree_find(struct posix_node *from, const char *path, struct posix_place *out);

/* ---- contents of files below /tmp ---- */

/* bytes as long as that from now on, with zeroes where it grew: 0, -ENOSPC or -EFBIG. */
long posix_contents_resize(struct posix_node *n, uint64_t bytes);
/* Where its bytes may be written, once it is long enough. */
char *posix_contents(const struct posix_node *n);

/* ---- what is in it from the start ---- */

/* Files packed with the app, devices, /etc and /tmp. 0 or -ENOMEM. */
int posix_initrd_start(void);

#endif
