/* scenes.h: rest. */
#include "tests/bench/scenes.h"
#include "tests/bench/systems.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CONTROL_SECONDS 5.0
#define SETTLE_SECONDS  3
#define REST_SECONDS    10
#define PRICE_SECONDS   10.0 /* between two questions of the price daemon */

static volatile const int never_stop;

/* Of all threads of a process, up to now; 0 of one that is gone. */
static double cpu_s(pid_t pid) {
    struct timespec used;
    clockid_t clock;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
        return 0;
    return (double)used.tv_sec + (double)used.tv_nsec * 1e-9;
}

static int counters(const struct target *target, struct nom_statistics *s, char *why,
                    size_t why_bytes) {
    int fd = control_connect(&target->apps[0].control, CONTROL_SECONDS, why, why_bytes);
    if (fd < 0)
        return -1;
    int result = control_statistics(fd, s, why, why_bytes);
    close(fd);
    return result;
}

/* 0, or -1 with why. */
static int rest(const struct target *target, const char *what, char *why, size_t why_bytes) {
    struct nom_statistics from, to;
    if (counters(target, &from, why, why_bytes) != 0)
        return -1;
    sleep(SETTLE_SECONDS);
    double used_s = cpu_s(target->pid);
    sleep(REST_SECONDS);
    used_s = cpu_s(target->pid) - used_s;
    if (counters(target, &to, why, why_bytes) != 0)
        return -1;
    double s = (double)(to.uptime_us - from.uptime_us) * 1e-6;
    printf("  %-32s %.2f %% of a core over %d s; a second: %.1f timer interrupts, %.1f of devices, "
           "%.1f system calls, %.1f sleeps of nhttpd\n",
           what, used_s / REST_SECONDS * 100, REST_SECONDS,
           (double)(to.kernel.timer_interrupts - from.kernel.timer_interrupts) / s,
           (double)(to.kernel.device_interrupts - from.kernel.device_interrupts) / s,
           (double)(to.kernel.system_calls - from.kernel.system_calls) / s,
           (double)(to.sleeps - from.sleeps) / s);
    if (used_s / REST_SECONDS < BENCH_REST_MAX)
        return 0;
    snprintf(why, why_bytes, "that is %.0f %% or more", BENCH_REST_MAX * 100);
    return -1;
}

int bench_rest(const struct profiler_paths *paths, const struct trial_settings *settings) {
    int failed = 0;
    char why[256], what[80];
    printf("\nrest, nom: QEMU's whole use of the host's processors while nobody asks anything\n");
    for (int prices = 0; prices <= 1; prices++) {
        const struct target_options options = {.prices = prices, .price_poll_s = PRICE_SECONDS};
        struct trial_settings s = *settings;
        struct target target;
        s.vcpus = prices ? 2 : 1;
        s.spinner = false;
        snprintf(what, sizeof what, "%s, nhttpd%s", s.accel, prices ? " and priced" : "");
        if (target_start(&target, paths, &s, &options, &never_stop, why, sizeof why) != 0 ||
            rest(&target, what, why, sizeof why) != 0) {
            printf("  %s: %s\n", what, why);
            failed = 1;
        }
        target_stop(&target);
    }
    return failed;
}
