/* What other parts may do with the program's threads. */
#ifndef POSIX_THREADS_H
#define POSIX_THREADS_H

#include "runtime/posix/posix.h"

/* Each thread that has not ended. visit starts or ends none. */
void posix_threads_each(void (*visit)(struct thread *t));

#endif
