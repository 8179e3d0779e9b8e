/*
 * A session apart for all that measures. Where the kernel groups tasks by session (autogroup), the
 * priority of a task counts within its session only: so guest, client and spinner must be of one
 * session, and that session, not they, must go before others. A session's priority outlives
 * whoever sets it; hence never the user's own session, but a new one.
 *
 *   caller --fork--> child: measures, in the new session, dies with the caller
 *                    caller: waits, relays signals, and has the child's exit code in the end
 */
#include "profiler/internal.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define AUTOGROUP "/proc/self/autogroup"
#define FIRST     "-20" /* of all sessions; only root may go below 0 */

static void relayed_signals(sigset_t *set) {
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGCHLD);
}

static void go_first(void) {
    int fd = open(AUTOGROUP, O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return; /* the kernel does not group: nothing to do */
    if (write(fd, FIRST, strlen(FIRST)) < 0)
        errno = 0; /* not root: profiler_session_nice tells */
    close(fd);
}

/* Until the child has ended. */
static int wait_for(pid_t pid, const sigset_t *signals) {
    int number, status;

    for (;;) {
        pid_t ended = waitpid(pid, &status, WNOHANG);
        if (ended == pid)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        if (ended < 0)
            return EXIT_FAILURE;
        if (sigwait(signals, &number) == 0 && number != SIGCHLD)
            kill(pid, number);
    }
}

int profiler_session(int *exit_code) {
    sigset_t signals, before;
    pid_t parent = getpid();

    relayed_signals(&signals);
    signal(SIGCHLD, SIG_DFL); /* ignored, it would take the exit code away */
    sigprocmask(SIG_BLOCK, &signals, &before);
    pid_t pid = fork();
    if (pid == 0) {
        setsid();
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
            _exit(EXIT_FAILURE);
        go_first();
    } else if (pid > 0) {
        *exit_code = wait_for(pid, &signals);
    }
    int error = pid < 0 ? -errno : 0;
    sigprocmask(SIG_SETMASK, &before, NULL);
    return pid > 0 ? 1 : error;
}

int profiler_session_nice(void) {
    char text[64];
    int nice_;

    if (profiler_read_file(AUTOGROUP, text, sizeof text) <= 0)
        return 0;
    const char *at = strstr(text, "nice ");
    return at && sscanf(at, "nice %d", &nice_) == 1 ? nice_ : 0;
}
