/*
 * What is known of this machine and of the programs on it, before anything is measured.
 */
#include "profiler/internal.h"
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef NOM_DEBUG_BUILD
#define NOM_DEBUG_BUILD 0
#endif

/* The cores this process may use: how many, and the first two. */
static int usable_cores(int32_t first_two[2]) {
    cpu_set_t set;
    int count = 0;

    first_two[0] = first_two[1] = -1;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 0;
    for (int core = 0; core < CPU_SETSIZE; core++) {
        if (!CPU_ISSET(core, &set))
            continue;
        if (count < 2)
            first_two[count] = core;
        count++;
    }
    return count;
}

/* First value of a key in /proc/cpuinfo. */
static void cpuinfo(const char *key, char *value, size_t bytes) {
    char text[8192];

    snprintf(value, bytes, "unknown");
    if (profiler_read_file("/proc/cpuinfo", text, sizeof text) <= 0)
        return;
    const char *line = strstr(text, key);
    const char *colon = line ? strchr(line, ':') : NULL;
    if (colon) {
        colon += strspn(colon, ": \t");
        snprintf(value, bytes, "%.*s", (int)strcspn(colon, "\n"), colon);
    }
}

/* First line that QEMU prints for --version; "" without QEMU. */
static void qemu_version(char *version, size_t bytes) {
    char path[512], why[128], text[512];
    int out[2];
    ssize_t n, have = 0;

    version[0] = '\0';
    if (profiler_qemu_find(path, sizeof path, why, sizeof why) != 0 || pipe2(out, O_CLOEXEC) != 0)
        return;
    pid_t pid = fork();
    if (pid == 0) {
        dup2(out[1], STDOUT_FILENO);
        execl(path, path, "--version", (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    while (pid > 0 && have < (ssize_t)sizeof text - 1 &&
           (n = read(out[0], text + have, sizeof text - 1 - (size_t)have)) > 0)
        have += n;
    close(out[0]);
    text[have] = '\0';
    if (pid > 0)
        waitpid(pid, NULL, 0);
    snprintf(version, bytes, "%.*s", (int)strcspn(text, "\n"), text);
}

void profiler_settings_default(const struct profiler_paths *paths, const char *app,
                               const struct profiler_floor *floor, const char *accel,
                               struct trial_settings *s) {
    struct utsname host;
    int32_t cores[2];
    char why[128];

    memset(s, 0, sizeof *s);
    snprintf(s->app, sizeof s->app, "%s", app);
    snprintf(s->target, sizeof s->target, "%s", floor->name);
    snprintf(s->accel, sizeof s->accel, "%s", floor->guest ? accel : "none");
    snprintf(s->network, sizeof s->network, "%s", profiler_network(why, sizeof why));
    snprintf(s->client, sizeof s->client, "nom");
    snprintf(s->load, sizeof s->load, "single");
    s->connections = 1;
    s->kick = NOM_KICK_NATURAL;
    s->seconds = 1.5;
    s->warmup_seconds = 0.3;
    s->vcpus = 1;
    s->memory_mib = 128;
    snprintf(s->path, sizeof s->path, "/index.html");
    s->debug_build = NOM_DEBUG_BUILD;
    s->session_nice = profiler_session_nice();

    s->vcpu_core = s->io_core = s->client_core = s->rps_core = -1;
    if (usable_cores(cores) >= 2) {
        s->vcpu_core = cores[0];
        s->io_core = s->client_core = cores[1];
        s->spinner = true;
    }
    profiler_build_id(paths->app_elf, s->app_build_id);
    profiler_build_id(paths->kernel, s->kernel_build_id);
    qemu_version(s->qemu_version, sizeof s->qemu_version);
    cpuinfo("model name", s->cpu_model, sizeof s->cpu_model);
    if (uname(&host) == 0)
        snprintf(s->host_kernel, sizeof s->host_kernel, "%s %.60s", host.sysname, host.release);
}

void profiler_machine(char *text, size_t bytes) {
    struct utsname host;
    int32_t cores[2];
    char model[TRIAL_TEXT_BYTES], flags[4096];

    cpuinfo("model name", model, sizeof model);
    cpuinfo("flags", flags, sizeof flags);
    if (uname(&host) != 0)
        memset(&host, 0, sizeof host);
    snprintf(text, bytes, "%d cores of %s%s, %s %s %s", usable_cores(cores), model,
             strstr(flags, " hypervisor") ? " (a virtual machine)" : "", host.sysname, host.release,
             host.machine);
}
