/*
 * The program is in the same process group, so that killing the group ends both, and dies with this
 * process.
 */
#include "workloads/load/outside.h"
#include "workloads/load/process.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STATUS_NOT_THERE 127
#define STATUS_NO_START  126

static double clock_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static _Noreturn void become(const struct outside *outside, int output) {
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    close(output);
    execvp(outside->arguments[0], outside->arguments);
    if (errno == ENOENT && outside->other_name != NULL) {
        execvp(outside->other_name, outside->arguments);
    }
    _exit(errno == ENOENT ? STATUS_NOT_THERE : STATUS_NO_START);
}

/* Reads until it closes its output (0) or the deadline passes (-ETIMEDOUT); what does not fit is
 * dropped. */
static int read_report(int output, double deadline, char *report) {
    size_t have = 0;
    for (;;) {
        char piece[512];
        double left = deadline - clock_seconds();
        struct pollfd ready = {.fd = output, .events = POLLIN};
        if (left <= 0 || poll(&ready, 1, (int)(left * 1000) + 1) == 0) {
            report[have] = '\0';
            return -ETIMEDOUT;
        }
        ssize_t n = read(output, piece, sizeof piece);
        if (n == 0 || (n < 0 && errno != EINTR)) {
            report[have] = '\0';
            return 0;
        }
        size_t room = OUTSIDE_REPORT_BYTES - 1 - have;
        size_t part = n < 0 ? 0 : (size_t)n < room ? (size_t)n : room;
        memcpy(report + have, piece, part);
        have += part;
    }
}

/* The last line with a letter or digit in it; what follows it is cut off. */
static const char *last_line(char *report) {
    for (;;) {
        char *line = strrchr(report, '\n');
        const char *words = line != NULL ? line + 1 : report;
        if (line == NULL || strpbrk(words, "abcdefghijklmnopqrstuvwxyz0123456789") != NULL) {
            return words;
        }
        *line = '\0';
    }
}

int outside_run(const struct outside *outside, struct load_result *result,
                char report[OUTSIDE_REPORT_BYTES], double *cpu_seconds) {
    const char *name = outside->arguments[0];
    int output[2];
    if (pipe2(output, O_CLOEXEC) != 0) {
        snprintf(result->error, sizeof result->error, "%s: no pipe: %s", name,
                 strerrordesc_np(errno));
        return -1;
    }
    pid_t pid = load_process_fork(name, LOAD_PROCESS_JOINS, output[1]);
    if (pid == 0) {
        become(outside, output[1]);
    }
    close(output[1]);
    if (pid < 0) {
        close(output[0]);
        snprintf(result->error, sizeof result->error, "%s: no process: %s", name,
                 strerrordesc_np(-pid));
        return -1;
    }
    int late = read_report(output[0], clock_seconds() + outside->seconds, report);
    close(output[0]);
    if (late != 0) {
        kill(pid, SIGKILL);
    }
    struct rusage use = {0};
    int status = 0;
    while (wait4(pid, &status, 0, &use) < 0 && errno == EINTR) {
    }
    *cpu_seconds = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
                   (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
    if (late != 0) {
        snprintf(result->error, sizeof result->error, "%s did not end in time", name);
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_NOT_THERE) {
        snprintf(result->error, sizeof result->error, "%s is not in PATH: install package %s", name,
                 outside->package);
    } else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        const char *line = last_line(report);
        snprintf(result->error, sizeof result->error, "%s failed: %.150s", name,
                 line[0] != '\0' ? line : "it printed nothing");
    } else {
        return 0;
    }
    return -1;
}

int outside_begin(const struct load_config *config, const char *name, struct load_result *result) {
    int error = load_process_pin(config->core);
    if (error != 0) {
        snprintf(result->error, sizeof result->error, "cannot pin %s to its core: %s", name,
                 strerrordesc_np(-error));
        return -1;
    }
    return 0;
}

unsigned outside_whole_seconds(double seconds) {
    return (unsigned)fmax(1, ceil(seconds));
}
