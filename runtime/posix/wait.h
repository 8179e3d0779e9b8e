/* Between wait.c and the parts that start it or end what waits. */
#ifndef POSIX_WAIT_H
#define POSIX_WAIT_H

#include "runtime/lib/thread.h"

/* After thread_start, before anything waits. */
void posix_wait_start(void);
/* A thread that may be in posix_block looks again at signals: after posix_signal. */
void posix_wake_waiting(struct thread *t);

#endif
