/* What descriptors, epoll and the process' limits know of each other. */
#ifndef POSIX_FD_H
#define POSIX_FD_H

#include "runtime/posix/posix.h"

/* The descriptor is closed: epoll sets forget what they watch by it. */
void posix_epoll_forget(int descriptor, struct posix_file *f);
/* From now on new descriptors are below this number; POSIX_FILES_MAX holds in any case. */
void posix_files_limit(uint64_t files);

#endif
