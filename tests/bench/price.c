/*
 * scenes.h: price. The table has two rows at one load; by a utility that takes 1 $/Gbit off for
 * each 10 us of latency, the one earns more at LOW_USD, the other at HIGH_USD, so each change of
 * price is a change of W. The client keeps packets coming, so that there is always a next one.
 */
#include "tests/bench/scenes.h"
#include "tests/bench/systems.h"
#include "tuner/tuner.h"

#include <dirent.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS     32u
#define CONTROL_SECONDS 5.0
#define CHANGE_SECONDS  10.0 /* for a change to take effect */
#define LOAD_SECONDS    3600.0
#define LOOK_US         2000
#define LOW_USD         1.0
#define HIGH_USD        4.5
#define BETA            1e5
#define CHANGES_MAX     (BENCH_REPEATS_MAX * BENCH_PRICE_CHANGES)
#define POLL_S          0.01
#define PUBLISHER       "CPU 1/"

struct effect {
    double decided_us, sent_us, delay_us;
};

static volatile const int never_stop;

/* Fast and late, and slow and early. */
static int make_table(void **file, size_t *bytes) {
    struct tuner_point points[2] = {
        {.load = "many", .delay_us = 0, .throughput_ops = 1e5, .latency_mean_us = 10},
        {.load = "many", .delay_us = 8, .throughput_ops = 1e6, .latency_mean_us = 150}};
    struct tuner_table_info info = {
        .app = "nhttpd", .target = "nom", .accel = "none", .session_id = 1, .built_unix_s = 1};
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
    printf("  %-24s n %4zu: median %.1f us, p90 %.1f, p99 %.1f, worst %.1f (least %.1f)\n", what,
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

/* Publisher behind the others of its core: see above. 0 or -1 with why. */
static int put_behind(pid_t qemu, char *why, size_t why_bytes) {
    const struct sched_param none = {0};
    char path[64], name[32];
    snprintf(path, sizeof path, "/proc/%d/task", (int)qemu);
    DIR *tasks = opendir(path);
    int found = 0;
    for (struct dirent *task; tasks && (task = readdir(tasks));) {
        snprintf(path, sizeof path, "/proc/%d/task/%.16s/comm", (int)qemu, task->d_name);
        FILE *comm = fopen(path, "re");
        if (comm && fgets(name, sizeof name, comm) && strncmp(name, PUBLISHER, sizeof PUBLISHER - 1) == 0)
            found += sched_setscheduler((pid_t)strtol(task->d_name, NULL, 10), SCHED_IDLE, &none) == 0;
        if (comm)
            fclose(comm);
    }
    if (tasks)
        closedir(tasks);
    if (found != 1)
        snprintf(why, why_bytes, "priced's processor cannot be put behind others");
    return found == 1 ? 0 : -1;
}

int bench_price(const struct profiler_paths *paths, const struct trial_settings *settings,
                size_t repeats) {
    static struct effect effects[CHANGES_MAX];
    const struct target_options options = {.prices = true, .price_poll_s = POLL_S};
    struct trial_settings s = *settings;
    struct target target;
    struct load load;
    char why[256] = "no memory for a table";
    size_t n = 0, wanted = repeats * BENCH_PRICE_CHANGES;
    uint32_t connections = getenv("X_CONN") ? (uint32_t)atoi(getenv("X_CONN")) : CONNECTIONS;
    cpu_set_t before, io;
    s.vcpus = 2;
    if (getenv("X_NOSPIN"))
        s.spinner = false;
    sched_getaffinity(0, sizeof before, &before);
    printf(
        "\nprice, nom (%s), 2 vCPUs, %u connections: from priced's publication to the first packet "
        "under the new W\n",
        s.accel, connections);
    if (target_start(&target, paths, &s, &options, &never_stop, why, sizeof why) == 0 &&
        (getenv("X_NOIDLE") || put_behind(target.pid, why, sizeof why) == 0)) {
        if (s.io_core >= 0) {
            CPU_ZERO(&io);
            CPU_SET((size_t)s.io_core, &io);
            sched_setaffinity(0, sizeof io, &io);
        }
        struct load_config config = {.server = target.apps[0].service,
                                     .path = "/",
                                     .connections = connections,
                                     .seconds = LOAD_SECONDS,
                                     .keep_alive = true,
                                     .core = s.client_core,
                                     .timeout_seconds = CHANGE_SECONDS};
        int control = control_connect(&target.apps[0].control, CONTROL_SECONDS, why, sizeof why);
        if (control >= 0 && load_start(&load, LOAD_CLIENT_NOM, &config) == 0) {
            n = change(&target, control, effects, wanted, why, sizeof why);
            load_free(&load);
        }
        if (control >= 0)
            close(control);
    }
    target_stop(&target);
    sched_setaffinity(0, sizeof before, &before);
    if (getenv("X_DUMP"))
        for (size_t i = 0; i < n; i++)
            printf("%g %.2f %.2f\n", effects[i].delay_us, effects[i].decided_us, effects[i].sent_us);
    print("publish to first packet", effects, n, sent, -1);
    print("  of these to W = 0", effects, n, sent, 0);
    print("  of these to W = 8", effects, n, sent, 8);
    print("publish to W in force", effects, n, decided, -1);
    print("W in force to packet", effects, n, waited, -1);
    if (n < wanted)
        printf("  %s\n", why);
    return n < wanted;
}
