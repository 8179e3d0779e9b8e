/*
 * scenes.h: price. The app is tests/guest/apps/push.c, which sends without being asked: of one that
 * answers, the next packet would depend on how soon the client asks again, and where the machine
 * has two cores the client, QEMU and the price daemon share one of them. The price daemon sleeps
 * but when it asks for the price.
 *
 * The table has two rows at one load; by a utility that takes 1 $/Gbit off for each 10 us of
 * latency, the one earns more at LOW_USD, the other at HIGH_USD, so each change of price is a
 * change of W.
 */
#include "tests/bench/scenes.h"
#include "tests/bench/systems.h"
#include "tuner/tuner.h"

#include <dirent.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define APP             "push"
#define APP_THREAD      "CPU 0/" /* its virtual processor's */
#define CONNECTIONS     4u
#define TAKE_NS         500000 /* between two readings of what was sent */
#define CONTROL_SECONDS 5.0
#define CHANGE_SECONDS  10.0 /* for a change to take effect */
#define ASK_SECONDS     0.01 /* how often the price daemon asks */
#define LOOK_US         2000
#define LOW_USD         1.0
#define HIGH_USD        4.5
#define BETA            1e5
#define SLOW_US         8.0 /* the one W; the other is 0 */
#define CHANGES_MAX     (BENCH_REPEATS_MAX * BENCH_PRICE_CHANGES)

/* Of one change, from its publication on; delay_us is the W that it brought. */
struct effect {
    double decided_us, sent_us, delay_us;
};

static volatile const int never_stop;

/* Fast and late, and slow and early. */
static int make_table(void **file, size_t *bytes) {
    struct tuner_point points[2] = {
        {.load = "many", .delay_us = 0, .throughput_ops = 1e5, .latency_mean_us = 10},
        {.load = "many", .delay_us = SLOW_US, .throughput_ops = 1e6, .latency_mean_us = 150}};
    struct tuner_table_info info = {
        .app = APP, .target = "nom", .accel = "none", .session_id = 1, .built_unix_s = 1};
    char why[128];
    for (size_t i = 0; i < 2; i++) {
        struct tuner_point *p = &points[i];
        p->connections = CONNECTIONS;
        p->repeats = 1;
        p->poll_us = NOM_POLL_US_INITIAL;
        p->throughput_low = p->throughput_high = p->throughput_ops;
        p->useful_gbit_per_s = p->gbit_out_per_s = p->throughput_ops * 1e-5;
        p->latency_low_us = p->latency_high_us = p->latency_p50_us = p->latency_mean_us;
        p->latency_p90_us = p->latency_p99_us = p->latency_p999_us = p->latency_mean_us;
        p->jitter_us = 1;
    }
    if (tuner_utility_parse("refund:alpha=20,beta=100000", &info.utility, why, sizeof why) != 0)
        return -1;
    return tuner_table(&info, points, 2, file, bytes);
}

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Until the app has measured one more change. 0, or -1 with why. */
static int await_change(struct target *target, int control, struct nom_statistics *s,
                        uint64_t before, char *why, size_t why_bytes) {
    double deadline_s = now_s() + CHANGE_SECONDS;
    for (;; usleep(LOOK_US)) {
        if (target_pump(target, NULL) != 0) {
            target_ended_text(target, why, why_bytes);
            return -1;
        }
        if (control_statistics(control, s, why, why_bytes) != 0)
            return -1;
        if (s->price_latencies > before)
            return 0;
        if (now_s() > deadline_s) {
            snprintf(why, why_bytes, "a change of price had no effect within %g s", CHANGE_SECONDS);
            return -1;
        }
    }
}

/* The table, then price after price; how many were measured, fewer than wanted with why. */
static size_t change(struct target *target, int control, struct effect *effects, size_t wanted,
                     char *why, size_t why_bytes) {
    struct nom_statistics s = {0};
    void *table = NULL;
    size_t bytes, n = 0;
    uint64_t before = 0;
    if (make_table(&table, &bytes) != 0 ||
        control_table(control, table, bytes, why, why_bytes) != 0) {
        free(table);
        return 0;
    }
    free(table);
    for (size_t i = 0; n < wanted; i++) {
        target_price(target, i % 2 ? HIGH_USD : LOW_USD, 0, 0);
        if (i < 2) { /* until both rows have been in force nothing is counted */
            sleep(1);
            if (control_statistics(control, &s, why, why_bytes) != 0)
                return 0;
        } else if (await_change(target, control, &s, before, why, why_bytes) != 0)
            return n;
        else
            effects[n++] = (struct effect){.decided_us = (double)s.price_decided_last_ns / 1000,
                                           .sent_us = (double)s.price_latency_last_ns / 1000,
                                           .delay_us = s.delay_us};
        before = s.price_latencies;
    }
    return n;
}

static void print(const char *what, const struct effect *effects, size_t n,
                  double (*of)(const struct effect *), double delay_us) {
    static double us[CHANGES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (delay_us < 0 || effects[i].delay_us == delay_us)
            us[count++] = of(&effects[i]);
    if (count == 0)
        return;
    gsl_sort(us, 1, count);
    printf("  %-28s %5zu: median %.1f us, p90 %.1f, p99 %.1f, worst %.1f (least %.1f)\n", what,
           count, gsl_stats_median_from_sorted_data(us, 1, count),
           gsl_stats_quantile_from_sorted_data(us, 1, count, 0.9),
           gsl_stats_quantile_from_sorted_data(us, 1, count, 0.99), us[count - 1], us[0]);
}

static double decided(const struct effect *e) {
    return e->decided_us;
}

static double sent(const struct effect *e) {
    return e->sent_us;
}

static double waited(const struct effect *e) {
    return e->sent_us - e->decided_us;
}

/* Takes what comes, at leisure. */
static _Noreturn void take(const struct sockaddr_in *server) {
    static char messages[1 << 16];
    const struct timespec pause = {.tv_nsec = TAKE_NS};
    int fd[CONNECTIONS];
    for (size_t i = 0; i < CONNECTIONS; i++) {
        fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd[i] < 0 || connect(fd[i], (const struct sockaddr *)server, sizeof *server) != 0)
            _exit(1);
    }
    for (;;) {
        nanosleep(&pause, NULL);
        for (size_t i = 0; i < CONNECTIONS; i++)
            if (recv(fd[i], messages, sizeof messages, MSG_DONTWAIT) == 0)
                _exit(1);
    }
}

static pid_t taker_start(const struct sockaddr_in *server) {
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
            _exit(1);
        take(server);
    }
    return pid;
}

/* Of the app's virtual processor: seconds that it was ready to run and the host ran others, and how
 * often it was run. */
static double kept_waiting_s(pid_t qemu, unsigned long *times) {
    char path[64], name[32];
    unsigned long long waited_ns = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)qemu);
    DIR *tasks = opendir(path);
    for (struct dirent *task; tasks && (task = readdir(tasks));) {
        snprintf(path, sizeof path, "/proc/%d/task/%.16s/comm", (int)qemu, task->d_name);
        FILE *file = fopen(path, "re");
        bool is_app = file && fgets(name, sizeof name, file) &&
                      strncmp(name, APP_THREAD, strlen(APP_THREAD)) == 0;
        if (file)
            fclose(file);
        snprintf(path, sizeof path, "/proc/%d/task/%.16s/schedstat", (int)qemu, task->d_name);
        if (is_app && (file = fopen(path, "re"))) {
            if (fscanf(file, "%*u %llu %lu", &waited_ns, times) != 2)
                waited_ns = 0;
            fclose(file);
        }
    }
    if (tasks)
        closedir(tasks);
    return (double)waited_ns * 1e-9;
}

/* What the figures are made of. */
static void print_bounds(const struct nom_statistics *from, const struct nom_statistics *to,
                         double waited_s, unsigned long times) {
    double s = (double)(to->uptime_us - from->uptime_us) * 1e-6;
    double kicks = (double)(to->net.kicks - from->net.kicks);
    double sent = (double)(to->net.tx_batches - from->net.tx_batches);
    printf(
        "  bounds: packets left each %.1f us, with a kick each %.1f us, during which an app does "
        "not look;\n  the host kept the app's processor waiting for %.2f %% of the time, %lu "
        "times of %.2f ms\n",
        s * 1e6 / sent, s * 1e6 / kicks, waited_s / s * 100, times,
        waited_s * 1000 / (double)(times ? times : 1));
}

static size_t scene(struct target *target, struct effect *effects, size_t wanted, char *why,
                    size_t why_bytes) {
    struct nom_statistics from = {0}, to = {0};
    unsigned long times = 0, times_before = 0;
    size_t n = 0;
    int control = control_connect(&target->apps[0].control, CONTROL_SECONDS, why, why_bytes);
    if (control < 0)
        return 0;
    pid_t taker = taker_start(&target->apps[0].service);
    if (taker > 0 && control_statistics(control, &from, why, why_bytes) == 0) {
        double waited_s = kept_waiting_s(target->pid, &times_before);
        n = change(target, control, effects, wanted, why, why_bytes);
        waited_s = kept_waiting_s(target->pid, &times) - waited_s;
        if (n > 0 && control_statistics(control, &to, why, why_bytes) == 0)
            print_bounds(&from, &to, waited_s, times - times_before);
    }
    if (taker > 0) {
        kill(taker, SIGKILL);
        waitpid(taker, NULL, 0);
    }
    close(control);
    return n;
}

int bench_price(const struct profiler_paths *paths, const struct trial_settings *settings,
                size_t repeats) {
    static struct effect effects[CHANGES_MAX];
    const struct target_options options = {.prices = true, .price_poll_s = ASK_SECONDS};
    struct profiler_paths tests = *paths;
    struct trial_settings s = *settings;
    struct target target;
    char why[256] = "no memory for a table";
    size_t n = 0, wanted = repeats * BENCH_PRICE_CHANGES;
    cpu_set_t before, io;
    snprintf(s.app, sizeof s.app, APP);
    snprintf(tests.initrd, sizeof tests.initrd, "%.*s/../../tests/initrd.cpio",
             (int)(strrchr(paths->kernel, '/') - paths->kernel), paths->kernel);
    s.vcpus = 2;
    s.spinner = false; /* packets keep that core awake */
    printf(
        "\nprice, nom (%s), 2 vCPUs: from priced's publication to the first packet under the new "
        "W, %u clients\n",
        s.accel, CONNECTIONS);
    sched_getaffinity(0, sizeof before, &before);
    if (target_start(&target, &tests, &s, &options, &never_stop, why, sizeof why) == 0) {
        CPU_ZERO(&io);
        if (s.io_core >= 0) { /* the app's core is for the app */
            CPU_SET((size_t)s.io_core, &io);
            sched_setaffinity(0, sizeof io, &io);
        }
        n = scene(&target, effects, wanted, why, sizeof why);
        sched_setaffinity(0, sizeof before, &before);
    }
    target_stop(&target);
    print("publication to packet", effects, n, sent, -1);
    print("  where W went to 0", effects, n, sent, 0);
    print("  where W went to 8 us", effects, n, sent, SLOW_US);
    print("publication to W in force", effects, n, decided, -1);
    print("W in force to packet", effects, n, waited, -1);
    if (n < wanted)
        printf("  %s\n", why);
    return n < wanted;
}
