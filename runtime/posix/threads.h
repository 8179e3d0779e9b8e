/* What other parts may do with the program's threads. */
#ifndef POSIX_THREADS_H
#define POSIX_THREADS_H

#include "runtime/posix/posix.h"

/* Sets of signals: bit n - 1 is signal n. A thread starts with its creator's, nothing pending. */
struct posix_thread_signals {
    uint64_t blocked, pending; /* pending: sent to this thread alone */
};

/* Of the thread of that number, 0: of the running one; NULL: there is none, or it has ended. */
struct posix_thread_signals *posix_thread_signals(long tid);
/* Each thread that has not ended. visit starts or ends none. */
void posix_threads_each(void (*visit)(struct thread *t));

#endif
