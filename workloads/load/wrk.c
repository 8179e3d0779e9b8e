/*
 * One process runs wrk once or twice (a warm-up first) and reads what it prints. wrk is in the same
 * process group, so that killing the group ends both, and dies with this process.
 */
#include "workloads/load/wrk.h"
#include "workloads/load/process.h"
#include <arpa/inet.h>
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

#define REPORT_BYTES  8192u
#define STATUS_NO_WRK 127
#define GRACE_SECONDS 3.0 /* for wrk to begin and to print */

static double clock_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void become_wrk(const struct load_config *config, unsigned seconds, int output) {
    char url[sizeof config->path + 64], host[INET_ADDRSTRLEN];
    char connections[16], duration[16], timeout[16];
    inet_ntop(AF_INET, &config->server.sin_addr, host, sizeof host);
    snprintf(url, sizeof url, "http://%s:%u%s", host, ntohs(config->server.sin_port), config->path);
    snprintf(connections, sizeof connections, "%u", config->connections);
    snprintf(duration, sizeof duration, "%us", seconds);
    snprintf(timeout, sizeof timeout, "%.0fs", ceil(config->timeout_seconds));
    char *arguments[] = {"wrk",       "-t1",   "-c", connections, "-d", duration, "--latency",
                         "--timeout", timeout, url,  NULL,        NULL, NULL};
    if (!config->keep_alive) {
        arguments[10] = "-H";
        arguments[11] = "Connection: close";
    }
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    close(output);
    execvp(arguments[0], arguments);
    _exit(errno == ENOENT ? STATUS_NO_WRK : 126);
}

/* Reads until wrk closes its output (0) or the deadline passes (-ETIMEDOUT); what does not fit is
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
        size_t room = REPORT_BYTES - 1 - have;
        size_t part = n < 0 ? 0 : (size_t)n < room ? (size_t)n : room;
        memcpy(report + have, piece, part);
        have += part;
    }
}

/* 0 and what wrk printed and used, or -1 and an error line. */
static int run_once(const struct load_config *config, double seconds, struct load_result *result,
                    char *report, double *cpu_seconds) {
    int output[2];
    unsigned whole = (unsigned)fmax(1, ceil(seconds));
    if (pipe2(output, O_CLOEXEC) != 0) {
        snprintf(result->error, sizeof result->error, "wrk: no pipe: %s", strerrordesc_np(errno));
        return -1;
    }
    pid_t pid = load_process_fork("wrk", LOAD_PROCESS_JOINS, output[1]);
    if (pid == 0) {
        become_wrk(config, whole, output[1]);
    }
    close(output[1]);
    if (pid < 0) {
        close(output[0]);
        snprintf(result->error, sizeof result->error, "wrk: no process: %s", strerrordesc_np(-pid));
        return -1;
    }
    int late = read_report(
        output[0], clock_seconds() + whole + config->timeout_seconds + GRACE_SECONDS, report);
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
        snprintf(result->error, sizeof result->error, "wrk did not end in time");
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_NO_WRK) {
        snprintf(result->error, sizeof result->error, "wrk is not in PATH: install package wrk");
    } else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        report[strcspn(report, "\n")] = '\0';
        snprintf(result->error, sizeof result->error, "wrk failed: %.150s",
                 report[0] != '\0' ? report : "it printed nothing");
    } else {
        return 0;
    }
    return -1;
}

void wrk_run(const struct load_config *config, struct load_result *result) {
    static char report[REPORT_BYTES];
    double cpu_seconds = 0;
    int error = load_process_pin(config->core);
    if (error != 0) {
        snprintf(result->error, sizeof result->error, "cannot pin wrk to its core: %s",
                 strerrordesc_np(-error));
        return;
    }
    if (config->warmup_seconds > 0 &&
        run_once(config, config->warmup_seconds, result, report, &cpu_seconds) != 0) {
        return;
    }
    result->phase = LOAD_PHASE_RECORDING;
    error = run_once(config, config->seconds, result, report, &cpu_seconds);
    result->phase = LOAD_PHASE_ENDED;
    if (error == 0 && wrk_parse(report, result) == 0) {
        result->client_cpu_seconds = cpu_seconds;
        result->done = true;
    }
}
