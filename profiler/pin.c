/*
 * Keeps the guest's processor on a core of its own: without that, results halve or triple with the
 * scheduler's mood. QEMU names its threads (debug-threads=on); vCPU threads are "CPU n/...".
 */
#include "profiler/internal.h"
#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool profiler_is_vcpu_thread(pid_t qemu, const char *tid) {
    char path[64], name[32];

    snprintf(path, sizeof path, "/proc/%d/task/%.16s/comm", (int)qemu, tid);
    return profiler_read_file(path, name, sizeof name) > 0 &&
           (strncmp(name, "CPU ", 4) == 0 || strncmp(name, "ALL CPUs", 8) == 0);
}

/* The number of a vCPU by its thread's name; 0 where all are one thread. */
static uint32_t vcpu_number(pid_t qemu, const char *tid) {
    char path[64], name[32];
    unsigned number = 0;

    snprintf(path, sizeof path, "/proc/%d/task/%.16s/comm", (int)qemu, tid);
    if (profiler_read_file(path, name, sizeof name) > 0 && sscanf(name, "CPU %u", &number) != 1)
        number = 0;
    return number;
}

/* One vCPU has its core to itself; more of them share what the I/O core leaves. One that no serving
 * app has (the price daemon's, mostly asleep) is on the I/O core: when it runs, an app that polls
 * goes on. */
static void vcpu_set(const struct trial_settings *s, bool serves, cpu_set_t *set) {
    CPU_ZERO(set);
    if (!serves && s->io_core >= 0) {
        CPU_SET((size_t)s->io_core, set);
        return;
    }
    if (s->vcpus == 1) {
        CPU_SET((size_t)s->vcpu_core, set);
        return;
    }
    sched_getaffinity(0, sizeof *set, set);
    CPU_SET((size_t)s->vcpu_core, set);
    if (s->io_core >= 0 && CPU_COUNT(set) > 1)
        CPU_CLR((size_t)s->io_core, set);
}

uint32_t profiler_pin_target(pid_t qemu, const struct trial_settings *s, uint32_t apps) {
    char path[64];
    uint32_t found = 0;
    cpu_set_t vcpu, io;

    snprintf(path, sizeof path, "/proc/%d/task", (int)qemu);
    DIR *tasks = opendir(path);
    if (!tasks)
        return 0;
    CPU_ZERO(&vcpu);
    CPU_ZERO(&io);
    if (s->io_core >= 0)
        CPU_SET((size_t)s->io_core, &io);
    for (struct dirent *task; (task = readdir(tasks));) {
        if (task->d_name[0] == '.')
            continue;
        bool is_vcpu = profiler_is_vcpu_thread(qemu, task->d_name);
        if (is_vcpu && s->vcpu_core >= 0)
            vcpu_set(s, vcpu_number(qemu, task->d_name) < apps, &vcpu);
        const cpu_set_t *set = is_vcpu ? &vcpu : &io;
        found += is_vcpu;
        if (CPU_COUNT(set))
            sched_setaffinity((pid_t)strtol(task->d_name, NULL, 10), sizeof *set, set);
    }
    closedir(tasks);
    return found;
}
