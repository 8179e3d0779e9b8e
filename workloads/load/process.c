/*
 * The child asks for SIGKILL at its parent's death, then looks whether the parent was dead already:
 * by a file descriptor of the parent that was opened before the fork, since the parent's number
 * says nothing across PID namespaces. Between those two there is no moment in which it could be
 * orphaned.
 */
#include "workloads/load/process.h"
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void become_child(const char *name, enum load_process_group group, int keep_fd, int parent) {
    struct pollfd dead = {.fd = parent, .events = POLLIN};
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || poll(&dead, 1, 0) != 0) {
        _exit(1);
    }
    prctl(PR_SET_NAME, name);
    if (group == LOAD_PROCESS_LEADS) {
        setpgid(0, 0);
    }
    for (int s = 1; s < NSIG; s++) {
        signal(s, SIG_DFL);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (keep_fd > STDERR_FILENO + 1) {
        close_range(STDERR_FILENO + 1, (unsigned)keep_fd - 1, 0);
    }
    close_range(keep_fd > STDERR_FILENO ? (unsigned)keep_fd + 1 : STDERR_FILENO + 1, ~0u, 0);
}

pid_t load_process_fork(const char *name, enum load_process_group group, int keep_fd) {
    int parent = pidfd_open(getpid(), 0);
    if (parent < 0) {
        return -errno;
    }
    pid_t pid = fork();
    if (pid == 0) {
        become_child(name, group, keep_fd, parent);
        return 0;
    }
    int error = errno;
    close(parent);
    if (pid < 0) {
        return -error;
    }
    if (group == LOAD_PROCESS_LEADS) {
        setpgid(pid, pid); /* both do, so that neither has to wait for the other */
    }
    return pid;
}

int load_process_pin(int core) {
    if (core < 0) {
        return 0;
    }
    if (core >= CPU_SETSIZE) {
        return -EINVAL;
    }
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)core, &set);
    return sched_setaffinity(0, sizeof set, &set) == 0 ? 0 : -errno;
}

void load_process_kill(pid_t pid) {
    kill(-pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
}
