/* Names as calls give them, for those that change the tree. */
#ifndef POSIX_PATH_H
#define POSIX_PATH_H

#include "runtime/posix/tree.h"

/* A path as seen from the directory of a descriptor, or AT_FDCWD. 0 or -errno, as
 * posix_tree_find. */
long posix_path_find(long directory, const char *path, struct posix_place *out);
/* Whether names may come and go there: 0, -EROFS, or -ENOENT of a directory that is gone. */
long posix_path_may_change(const struct posix_place *p);
/* Permissions of what is created with that mode. */
uint32_t posix_path_mode(long mode);

#endif
