/* Files of the tree that are open. */
#ifndef POSIX_NODE_H
#define POSIX_NODE_H

#include "runtime/posix/posix.h"
#include "runtime/posix/tree.h"

/* A descriptor of it, as open(2) gives it: its flags have been looked at. */
long posix_node_open(struct posix_node *n, int flags);
/* What a file that is open has the name of; NULL: it is none of the tree. */
struct posix_node *posix_node_of(const struct posix_file *f);
void posix_node_stat(const struct posix_node *n, struct stat *out);

/* What /dev has (device.c). */
extern const struct posix_kind posix_null_kind, posix_zero_kind, posix_random_kind;
/* Of each kind of a device. */
long posix_device_stat(struct posix_file *f, struct stat *out);
void posix_node_close(struct posix_file *f);

#endif
