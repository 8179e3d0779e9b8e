/* What descriptors and epoll know of each other. */
#ifndef POSIX_FD_H
#define POSIX_FD_H

#include "runtime/posix/posix.h"

/* The descriptor is closed: epoll sets forget what they watch by it. */
void posix_epoll_forget(int descriptor, struct posix_file *f);

#endif
