/*
 * An idle core must be woken, which takes tens of microseconds; a core that spins at SCHED_IDLE
 * does not. The child writes one int to a pipe, 0 or its -errno, so that a spinner that could not
 * be pinned or set to SCHED_IDLE is never taken for one that runs.
 */
#include "workloads/load/load.h"
#include "workloads/load/process.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

static void spin(int core, int ready) {
    const struct sched_param none = {0};
    int error = load_process_pin(core);
    if (error == 0 && sched_setscheduler(0, SCHED_IDLE, &none) != 0) {
        error = -errno;
    }
    if (write(ready, &error, sizeof error) != sizeof error || error != 0) {
        _exit(1);
    }
    close(ready);
    for (;;) {
        __builtin_ia32_pause();
    }
}

pid_t load_spinner_start(int core) {
    if (core < 0) {
        return -EINVAL;
    }
    int ready[2];
    if (pipe2(ready, O_CLOEXEC) != 0) {
        return -errno;
    }
    pid_t pid = load_process_fork("nom-spinner", LOAD_PROCESS_LEADS, ready[1]);
    if (pid == 0) {
        spin(core, ready[1]);
    }
    int error = pid < 0 ? pid : -EIO;
    close(ready[1]);
    ssize_t got = pid < 0 ? 0 : read(ready[0], &error, sizeof error);
    close(ready[0]);
    if (pid > 0 && (got != sizeof error || error != 0)) {
        load_process_kill(pid);
    }
    return error == 0 ? pid : error;
}

void load_spinner_stop(pid_t pid) {
    if (pid > 0) {
        load_process_kill(pid);
    }
}
