/* scenes.h: idle connections. They are this process's own, opened from the target's namespace. */
#include "tests/bench/scenes.h"
#include "tests/bench/systems.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SETTLE_MS 1000 /* after opening and closing, until the server's timers are through */

static volatile const int never_stop;

static void settle(void) {
    const struct timespec t = {.tv_sec = SETTLE_MS / 1000, .tv_nsec = SETTLE_MS % 1000 * 1000000L};
    nanosleep(&t, NULL);
}

static void close_all(int *fd, size_t n) {
    while (n-- > 0)
        close(fd[n]);
    settle();
}

/* Closed by a reset, or their ports would be in TIME_WAIT and soon all be taken. 0, or -1 after a
 * line; then none is open. */
static int open_all(int *fd, size_t n, const struct sockaddr_in *server) {
    const struct linger reset = {.l_onoff = 1};
    for (size_t i = 0; i < n; i++) {
        fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd[i] < 0 || setsockopt(fd[i], SOL_SOCKET, SO_LINGER, &reset, sizeof reset) != 0 ||
            connect(fd[i], (const struct sockaddr *)server, sizeof *server) != 0) {
            printf("  idle connection %zu: %s\n", i, strerror(errno));
            close_all(fd, fd[i] < 0 ? i : i + 1);
            return -1;
        }
    }
    settle();
    return 0;
}

/* All must be open still. */
static int check_all(const int *fd, size_t n) {
    size_t lost = 0;
    char byte;
    for (size_t i = 0; i < n; i++)
        lost += recv(fd[i], &byte, 1, MSG_DONTWAIT) >= 0 || errno != EAGAIN;
    if (lost > 0)
        printf("  %zu of %zu idle connections were closed\n", lost, n);
    return lost > 0 ? -1 : 0;
}

static double beside(const struct target *target, int *fd) {
    if (open_all(fd, BENCH_IDLE_CONNECTIONS, &target->apps[0].service) != 0)
        return -1;
    double rate = bench_rate(target, BENCH_IDLE_BUSY, true, 0);
    if (check_all(fd, BENCH_IDLE_CONNECTIONS) != 0)
        rate = -1;
    close_all(fd, BENCH_IDLE_CONNECTIONS);
    return rate;
}

int bench_idle(const struct profiler_paths *paths, const struct trial_settings *settings,
               size_t repeats) {
    static int fd[BENCH_IDLE_CONNECTIONS];
    double alone[BENCH_REPEATS_MAX], accompanied[BENCH_REPEATS_MAX];
    struct target target;
    struct rlimit files;
    char why[256];
    size_t done = 0;
    printf("\nidle, %s (%s): %u busy connections, alone and beside %u idle ones\n",
           settings->target, settings->accel, BENCH_IDLE_BUSY, BENCH_IDLE_CONNECTIONS);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (target_start(&target, paths, settings, NULL, &never_stop, why, sizeof why) != 0) {
        printf("  %s\n", why);
        target_stop(&target);
        return 1;
    }
    for (; done < repeats; done++) {
        alone[done] = bench_rate(&target, BENCH_IDLE_BUSY, true, 0);
        accompanied[done] = beside(&target, fd);
        if (alone[done] < 0 || accompanied[done] < 0)
            break;
    }
    target_stop(&target);
    if (done < repeats)
        return 1;
    printf("  k req/s, medians: alone %.1f, beside idle ones %.1f\n",
           bench_median(alone, done) / 1000, bench_median(accompanied, done) / 1000);
    bench_print_ratio("throughput, beside idle ones / alone", accompanied, alone, done);
    return 0;
}
