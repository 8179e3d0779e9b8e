/* Child processes that cannot outlive the thread that started them. Private to this folder. */
#ifndef LOAD_PROCESS_H
#define LOAD_PROCESS_H

#include <sys/types.h>

enum load_process_group {
    LOAD_PROCESS_LEADS = 0, /* a process group of its own */
    LOAD_PROCESS_JOINS = 1, /* stays in the caller's */
};

/* fork. In the child (0): dies when the calling thread does, has default signal handling, and no
 * file open but the standard three and keep_fd (-1: none). In the parent: its pid, or -errno. */
pid_t load_process_fork(const char *name, enum load_process_group group, int keep_fd);
/* Pins the calling process to the core; -1: does nothing. 0 or -errno. */
int load_process_pin(int core);
/* Kills the process group that the child leads, and reaps the child. */
void load_process_kill(pid_t pid);

#endif
