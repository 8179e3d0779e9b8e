/*
 * Who used the processors, and what went over the wire, up to now. A trial is called noisy on this
 * evidence alone, never on its result.
 *
 * Others' use is what all cores did less what the target, the client, the spinner and this process
 * did. A client is a process group that its first process leads. Steal counts: another machine
 * used our core. A process that is gone counts as 0 from then on; callers sample while theirs live.
 */
#include "profiler/internal.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* CPU seconds of all threads a process has had. */
static double process_cpu_s(pid_t pid) {
    struct timespec used;
    clockid_t clock;

    if (pid <= 0 || clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
        return 0;
    return (double)used.tv_sec + (double)used.tv_nsec * 1e-9;
}

/* Of all processes of a group: a client may have children that do its work. */
static double group_cpu_s(pid_t group) {
    DIR *processes = opendir("/proc");
    double sum_s = 0;

    if (!processes)
        return 0;
    for (struct dirent *process; (process = readdir(processes));) {
        char path[64], text[512];
        int in_group;
        long pid = strtol(process->d_name, NULL, 10);
        snprintf(path, sizeof path, "/proc/%ld/stat", pid);
        if (pid <= 0 || profiler_read_file(path, text, sizeof text) <= 0)
            continue;
        const char *name_end = strrchr(text, ')');
        if (name_end && sscanf(name_end + 1, " %*c %*d %d", &in_group) == 1 && in_group == group)
            sum_s += process_cpu_s((pid_t)pid);
    }
    closedir(processes);
    return sum_s;
}

/* Of a program that is started again and again: those that are over, too. */
static double kept_up_cpu_s(pid_t pid) {
    char path[64], text[512];
    unsigned long user, system;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    const char *name_end =
        pid > 0 && profiler_read_file(path, text, sizeof text) > 0 ? strrchr(text, ')') : NULL;
    if (!name_end ||
        sscanf(name_end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %lu %lu", &user,
               &system) != 2)
        return 0;
    return group_cpu_s(pid) + (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static double vcpu_cpu_s(pid_t qemu) {
    char path[64], text[64];
    double sum_ns = 0;

    snprintf(path, sizeof path, "/proc/%d/task", (int)qemu);
    DIR *tasks = qemu > 0 ? opendir(path) : NULL;
    if (!tasks)
        return 0;
    for (struct dirent *task; (task = readdir(tasks));) {
        if (task->d_name[0] == '.' || !profiler_is_vcpu_thread(qemu, task->d_name))
            continue;
        snprintf(path, sizeof path, "/proc/%d/task/%.16s/schedstat", (int)qemu, task->d_name);
        if (profiler_read_file(path, text, sizeof text) > 0)
            sum_ns += strtod(text, NULL);
    }
    closedir(tasks);
    return sum_ns * 1e-9;
}

static double machine_busy_s(void) {
    char text[512];
    double user, nice_, system, idle, iowait, irq, softirq, steal = 0;

    if (profiler_read_file("/proc/stat", text, sizeof text) <= 0 ||
        sscanf(text, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &user, &nice_, &system, &idle, &iowait,
               &irq, &softirq, &steal) < 7)
        return 0;
    return (user + nice_ + system + steal) / (double)sysconf(_SC_CLK_TCK);
}

void profiler_usage_sample(const struct target *t, uint32_t app, const pid_t *clients, size_t count,
                           struct profiler_usage *u) {
    const char *interface = t->apps[app].interface;

    u->at_s = profiler_now_s();
    u->busy_s = machine_busy_s();
    u->guest_s = profiler_target_is_process(t) && profiler_target_serves_once(t)
                     ? kept_up_cpu_s(t->pid)
                     : process_cpu_s(t->pid);
    for (size_t i = 0; i < TARGET_APPS_MAX; i++)
        u->guest_s += process_cpu_s(t->others[i]);
    u->vcpu_s = profiler_target_is_process(t) ? u->guest_s : vcpu_cpu_s(t->pid);
    u->client_s = 0;
    for (size_t i = 0; i < count; i++)
        u->client_s += group_cpu_s(clients[i]);
    u->own_s = process_cpu_s(getpid()) + process_cpu_s(t->provider.pid);
    u->spinner_s = process_cpu_s(t->spinner);
    u->wire_bytes = interface[0] ? profiler_interface_rx_bytes(interface) : -1;
}

double profiler_usage_other(const struct profiler_usage *from, const struct profiler_usage *to) {
    double all = to->busy_s - from->busy_s;
    double ours = to->guest_s - from->guest_s + to->client_s - from->client_s + to->own_s -
                  from->own_s + to->spinner_s - from->spinner_s;
    double seconds = to->at_s - from->at_s;

    return seconds > 0 && all > ours ? (all - ours) / seconds : 0;
}
