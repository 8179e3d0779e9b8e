/*
 * Programs as children of this process: QEMU, an app's own process, and small tools.
 *
 * A child dies with this process (parent-death signal), is in a process group of its own so that
 * Ctrl-C at a terminal reaches only us, and inherits no descriptor but those it is given. It stays
 * in the caller's session: another would be another scheduling group (autogroup), and it would then
 * share its core evenly with the idle-class spinner instead of pushing it aside
 * (load_spinner_start).
 */
#include "profiler/internal.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAILED_BEFORE_EXEC 126 /* exit status that nobody sees: the reason is told by a pipe */

int profiler_find_tool(const char *name, const char *more_folders, char *path, size_t bytes) {
    const char *set = getenv("PATH"), *lists[] = {set ? set : "/usr/bin:/bin", more_folders};

    for (size_t i = 0; i < 2; i++)
        for (const char *at = lists[i]; *at;) {
            size_t n = strcspn(at, ":");
            if (n && (size_t)snprintf(path, bytes, "%.*s/%s", (int)n, at, name) < bytes &&
                access(path, X_OK) == 0)
                return 0;
            at += n + (at[n] == ':');
        }
    return -ENOENT;
}

/* In the child: the descriptors, and those alone. */
static int hand_over(const struct profiler_spawn *s, int output) {
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
        dup2(output, STDERR_FILENO) < 0 || close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) != 0)
        return -1;
    for (size_t i = 0; i < PROFILER_KEEP_MAX; i++)
        if (s->keep[i] > STDERR_FILENO && fcntl(s->keep[i], F_SETFD, 0) != 0)
            return -1;
    return 0;
}

/* In the child: becomes the program, or writes errno into `failure`. */
static _Noreturn void execute(const struct profiler_spawn *s, int failure) {
    execv(s->argv[0], (char *const *)s->argv);
    int error = errno;
    _exit(write(failure, &error, sizeof error) == sizeof error ? FAILED_BEFORE_EXEC : 1);
}

static volatile sig_atomic_t kept_up; /* the program's process, 0: none now */
static volatile sig_atomic_t enough;

static void on_enough(int number) {
    enough = number;
    if (kept_up > 0)
        kill(kept_up, SIGKILL);
}

/* In the child, which stays: starts the program again whenever it has ended well. SIGTERM, also for
 * the parent's death, ends it with the program: so that nobody else has to bury that. */
static _Noreturn void keep_up(const struct profiler_spawn *s, pid_t parent, int failure) {
    const struct sigaction action = {.sa_handler = on_enough};
    pid_t self = getpid(), pid = 0;
    sigset_t term, none;
    int status = 0;

    sigemptyset(&none);
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    if (dup2(failure, STDERR_FILENO + 1) < 0 ||
        fcntl(STDERR_FILENO + 1, F_SETFD, FD_CLOEXEC) != 0 ||
        close_range(STDERR_FILENO + 2, ~0u, 0) != 0 || sigaction(SIGTERM, &action, NULL) != 0 ||
        sigprocmask(SIG_BLOCK, &term, NULL) != 0 || prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 ||
        getppid() != parent)
        _exit(FAILED_BEFORE_EXEC);
    while (!enough && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        kept_up = pid = fork();
        sigprocmask(SIG_SETMASK, &none, NULL);
        if (pid == 0) {
            if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != self)
                _exit(FAILED_BEFORE_EXEC);
            execute(s, STDERR_FILENO + 1);
        }
        close(STDERR_FILENO + 1); /* the first time; that it has begun is then known by exec */
        if (pid < 0)
            _exit(1);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
        sigprocmask(SIG_BLOCK, &term, NULL);
        kept_up = 0;
    }
    if (WIFSIGNALED(status))
        raise(WTERMSIG(status));
    _exit(WEXITSTATUS(status));
}

/* In the child: all that comes before the program. */
static _Noreturn void become(const struct profiler_spawn *s, pid_t parent, int output,
                             int failure) {
    sigset_t none;

    setpgid(0, 0);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        _exit(FAILED_BEFORE_EXEC);
    if (s->core >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((size_t)s->core, &set);
        sched_setaffinity(0, sizeof set, &set);
    }
    if ((s->netns_fd <= 0 || setns(s->netns_fd, CLONE_NEWNET) == 0) && hand_over(s, output) == 0) {
        if (s->again)
            keep_up(s, parent, failure);
        execute(s, failure);
    }
    int error = errno;
    _exit(write(failure, &error, sizeof error) == sizeof error ? FAILED_BEFORE_EXEC : 1);
}

static void close_pipe(const int ends[2]) {
    for (size_t i = 0; i < 2; i++)
        if (ends[i] >= 0)
            close(ends[i]);
}

pid_t profiler_spawn(const struct profiler_spawn *s, int *output_fd, char *why, size_t why_bytes) {
    int output[2] = {-1, -1}, failure[2], error = 0;
    pid_t parent = getpid();

    *output_fd = -1;
    if (s->output <= 0 && pipe2(output, O_CLOEXEC) != 0)
        return profiler_fail(why, why_bytes, "no pipe for %s: %s", s->argv[0], strerror(errno));
    if (pipe2(failure, O_CLOEXEC) != 0) {
        profiler_fail(why, why_bytes, "no pipe for %s: %s", s->argv[0], strerror(errno));
        close_pipe(output);
        return -1;
    }
    pid_t pid = fork();
    if (pid == 0)
        become(s, parent, s->output > 0 ? s->output : output[1], failure[1]);
    if (pid < 0)
        error = errno;
    if (output[1] >= 0)
        close(output[1]);
    output[1] = -1;
    close(failure[1]);
    /* Ends at once when exec closes the other end. */
    if (pid > 0 && read(failure[0], &error, sizeof error) == sizeof error) {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
        pid = -1;
    }
    close(failure[0]);
    if (pid < 0) {
        close_pipe(output);
        return profiler_fail(why, why_bytes, "%s cannot be started: %s", s->argv[0],
                             strerror(error));
    }
    if (output[0] >= 0)
        fcntl(output[0], F_SETFL, O_NONBLOCK);
    *output_fd = output[0];
    return pid;
}

/* Until the other end is closed or time is up. */
static bool read_all(int fd, char *text, size_t bytes, double deadline_s) {
    size_t have = 0;

    text[0] = '\0';
    for (;;) {
        char rest[512];
        double left_s = deadline_s - profiler_now_s();
        struct pollfd out = {.fd = fd, .events = POLLIN};
        if (left_s <= 0)
            return false;
        poll(&out, 1, (int)(left_s * 1000) + 1);
        ssize_t n = have + 1 < bytes ? read(fd, text + have, bytes - 1 - have)
                                     : read(fd, rest, sizeof rest);
        if (n == 0)
            return true;
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        if (n > 0 && have + 1 < bytes)
            text[have += (size_t)n] = '\0';
    }
}

int profiler_run(const struct profiler_spawn *s, double timeout_seconds, char *text, size_t bytes,
                 char *why, size_t why_bytes) {
    int output, status = -1;
    pid_t pid = profiler_spawn(s, &output, why, why_bytes);

    if (pid < 0)
        return -1;
    bool ended = read_all(output, text, bytes, profiler_now_s() + timeout_seconds);
    if (!ended)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    close(output);
    if (!ended)
        return profiler_fail(why, why_bytes, "%s did not end within %g s", s->argv[0],
                             timeout_seconds);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    const char *said = text[0] ? text : "failed";
    return profiler_fail(why, why_bytes, "%s: %.*s", s->argv[0], (int)strcspn(said, "\n"), said);
}
