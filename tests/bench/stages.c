/*
 * scenes.h: stages. One message at a time goes to the guest and back. The client's stamps, QEMU's
 * and the guest's of the same message follow each other, so their differences are what each stage
 * takes, and add up to the round trip. A message whose stamps are incomplete or out of order (QEMU
 * woke for something else between) is left out and counted.
 */
#include "tests/bench/stages.h"
#include "tests/bench/scenes.h"
#include "tests/bench/systems.h"

#include <fcntl.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#define APP      "stages"
#define PRELOAD  "LD_PRELOAD"
#define MESSAGES 20000u
#define WARM_UP  1000u

enum stamp { SENDS, WOKEN, READ, SEEN, TAKEN, KICKS, RUNG, WRITES, WROTE, HAS_IT, STAMPS };
static const char *const stage_names[STAMPS] = {
    NULL,
    "client sends; QEMU's thread is woken and runs",
    "QEMU reads the frame off the tap",
    "into the ring, until the guest sees it",
    "driver and stack, until the app has it",
    "app and stack, until the reply is in the ring",
    "doorbell, until QEMU's thread runs",
    "QEMU takes the reply off the ring",
    "write to the tap: the host's stack, client woken",
    "QEMU sleeps again; client runs and has it",
};

struct round {
    uint64_t tsc[STAMPS];
    uint64_t kicked_tsc;
};

static volatile const int never_stop;
static struct round rounds[WARM_UP + MESSAGES];

static double now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec * 1e-3;
}

/* The file and who writes to it, for the QEMU that is started next. NULL without memory. */
static struct stages_log *prepare(const struct profiler_paths *paths, char name[40]) {
    char library[600];
    int fd = memfd_create("stages", 0);
    if (fd < 0 || ftruncate(fd, sizeof(struct stages_log)) != 0)
        return NULL;
    void *log = mmap(NULL, sizeof(struct stages_log), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    snprintf(name, 40, "/proc/%d/fd/%d", (int)getpid(), fd);
    snprintf(library, sizeof library, "%.*s/../../tests/stamps.so",
             (int)(strrchr(paths->kernel, '/') - paths->kernel), paths->kernel);
    setenv(STAGES_FILE, name, 1);
    setenv(PRELOAD, library, 1);
    return log == MAP_FAILED ? NULL : log;
}

/* 0, or -1: the guest has gone. */
static int ask(int fd, struct round *r, struct round *before) {
    static char message[STAGES_MESSAGE_BYTES], reply[STAGES_MESSAGE_BYTES];
    struct stages_guest guest;
    r->tsc[SENDS] = __rdtsc();
    if (send(fd, message, sizeof message, MSG_NOSIGNAL) != sizeof message ||
        recv(fd, reply, sizeof reply, MSG_WAITALL) != sizeof reply)
        return -1;
    r->tsc[HAS_IT] = __rdtsc();
    memcpy(&guest, reply, sizeof guest);
    before->tsc[SEEN] = guest.seen_tsc;
    before->tsc[TAKEN] = guest.taken_tsc;
    before->tsc[KICKS] = guest.kick_tsc;
    before->kicked_tsc = guest.kicked_tsc;
    return 0;
}

/* All rounds; the length of a microsecond, or 0 with why. */
static double ping(const struct target *target, char *why, size_t why_bytes) {
    struct timeval limit = {.tv_sec = 5};
    struct round first = {0};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr *server = (const struct sockaddr *)&target->apps[0].service;
    snprintf(why, why_bytes, "the guest does not answer");
    double from_us = now_us(), tsc_per_us = 0;
    uint64_t from_tsc = __rdtsc();
    size_t n = 0;
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0 &&
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0 &&
        connect(fd, server, sizeof target->apps[0].service) == 0)
        while (n < WARM_UP + MESSAGES && ask(fd, &rounds[n], n ? &rounds[n - 1] : &first) == 0)
            n++;
    if (n == WARM_UP + MESSAGES)
        tsc_per_us = (double)(__rdtsc() - from_tsc) / (now_us() - from_us);
    if (fd >= 0)
        close(fd);
    return tsc_per_us;
}

/* Puts QEMU's stamps to the rounds in which they lie: the first read, the last wakening before it,
 * the first write, the last wakening before that. */
static void place(const struct stages_log *log) {
    size_t at = 0;
    for (size_t n = 0; n < WARM_UP + MESSAGES; n++) {
        struct round *r = &rounds[n];
        uint64_t woken = 0;
        for (; at < log->count && log->stamp[at].tsc < r->tsc[SENDS]; at++)
            ;
        for (; at < log->count && log->stamp[at].tsc < r->tsc[HAS_IT]; at++) {
            uint64_t tsc = log->stamp[at].tsc, call = log->stamp[at].call;
            if (call == STAGES_WAKES) {
                woken = tsc;
            } else if (call == STAGES_READS && r->tsc[READ] == 0) {
                r->tsc[WOKEN] = woken;
                r->tsc[READ] = tsc;
            } else if (call == STAGES_WRITES && r->tsc[WRITES] == 0) {
                r->tsc[RUNG] = woken;
                r->tsc[WRITES] = tsc;
            } else if (call == STAGES_WROTE && r->tsc[WROTE] == 0) {
                r->tsc[WROTE] = tsc;
            }
        }
        if (r->tsc[WROTE] == 0) /* the client ran before the call had returned */
            r->tsc[WROTE] = r->tsc[HAS_IT];
    }
}

static bool is_whole(const struct round *r) {
    for (size_t i = 1; i < STAMPS; i++)
        if (r->tsc[i] < r->tsc[i - 1])
            return false;
    return r->tsc[SENDS] != 0;
}

static int print(double tsc_per_us) {
    static double us[MESSAGES];
    size_t whole = 0;
    double sum = 0;
    for (size_t n = WARM_UP; n + 1 < WARM_UP + MESSAGES; n++)
        whole += is_whole(&rounds[n]);
    printf("  %zu of %u messages have all stamps in order\n", whole, MESSAGES);
    if (whole < MESSAGES / 2) {
        puts("  too few: guest and host may have different clocks");
        return 1;
    }
    printf("  %-52s %8s %8s %8s\n", "stage", "mean us", "median", "p90");
    for (size_t i = 1; i <= STAMPS + 1; i++) {
        size_t count = 0;
        for (size_t n = WARM_UP; n + 1 < WARM_UP + MESSAGES; n++) {
            const struct round *r = &rounds[n];
            uint64_t tsc = i < STAMPS    ? r->tsc[i] - r->tsc[i - 1]
                           : i == STAMPS ? r->tsc[HAS_IT] - r->tsc[SENDS]
                                         : r->kicked_tsc - r->tsc[KICKS];
            if (is_whole(r))
                us[count++] = (double)tsc / tsc_per_us;
        }
        double mean = gsl_stats_mean(us, 1, count);
        gsl_sort(us, 1, count);
        if (i == STAMPS)
            printf("  %-52s %8.2f\n", "sum of the means", sum);
        printf("  %-52s %8.2f %8.2f %8.2f\n",
               i < STAMPS    ? stage_names[i]
               : i == STAMPS ? "round trip, as the client has it"
                             : "beside: the guest is in the doorbell",
               mean, gsl_stats_median_from_sorted_data(us, 1, count),
               gsl_stats_quantile_from_sorted_data(us, 1, count, 0.9));
        sum += i < STAMPS ? mean : 0;
    }
    return 0;
}

int bench_stages(const struct profiler_paths *paths, const struct trial_settings *settings) {
    struct profiler_paths tests = *paths;
    struct trial_settings s = *settings;
    struct target target;
    char why[256] = "no memory for stamps", name[40];
    double tsc_per_us = 0;
    cpu_set_t before, io;
    struct stages_log *log = prepare(paths, name);
    snprintf(s.app, sizeof s.app, APP);
    snprintf(tests.initrd, sizeof tests.initrd, "%.*s/../../tests/initrd.cpio",
             (int)(strrchr(paths->kernel, '/') - paths->kernel), paths->kernel);
    printf("\nstages of a round trip of %u bytes, nom (%s, %s)\n", STAGES_MESSAGE_BYTES, s.accel,
           s.network);
    sched_getaffinity(0, sizeof before, &before);
    bool runs = log && target_start(&target, &tests, &s, NULL, &never_stop, why, sizeof why) == 0;
    unsetenv(PRELOAD);
    unsetenv(STAGES_FILE);
    if (runs) {
        CPU_ZERO(&io);
        if (s.client_core >= 0) {
            CPU_SET((size_t)s.client_core, &io);
            sched_setaffinity(0, sizeof io, &io);
        }
        tsc_per_us = ping(&target, why, sizeof why);
        sched_setaffinity(0, sizeof before, &before);
    }
    if (log)
        target_stop(&target);
    if (tsc_per_us == 0) {
        printf("  %s\n", why);
        return 1;
    }
    place(log);
    return print(tsc_per_us);
}
