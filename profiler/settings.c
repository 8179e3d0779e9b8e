/*
 * What is known of this machine and of the programs on it, before anything is measured.
 */
#include "profiler/internal.h"
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define TOOL_SECONDS 10.0

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
    const char *argv[] = {path, "--version", NULL};
    const struct profiler_spawn qemu = {.argv = argv, .core = -1};

    version[0] = '\0';
    if (profiler_qemu_find(path, sizeof path, why, sizeof why) == 0 &&
        profiler_run(&qemu, TOOL_SECONDS, text, sizeof text, why, sizeof why) == 0)
        snprintf(version, bytes, "%.*s", (int)strcspn(text, "\n"), text);
}

/* What is peculiar to a guest, or to a process. */
static void guest_settings(const struct profiler_paths *paths, const char *accel,
                           struct trial_settings *s) {
    struct profiler_probe tap;
    char detail[256];

    snprintf(s->accel, sizeof s->accel, "%s", accel);
    profiler_probe("tap", &tap);
    snprintf(s->network, sizeof s->network, "%s", tap.works ? "tap" : "user");
    s->user_namespace = tap.works && tap.user_namespace;
    s->memory_mib = profiler_app_of(s->app)->memory_mib;
    qemu_version(s->qemu_version, sizeof s->qemu_version);
    if (strcmp(s->target, "nom") == 0)
        profiler_build_id(paths->kernel, s->kernel_build_id);
    else if (strcmp(s->target, "linux") == 0)
        profiler_linux_find(paths, s->guest_kernel, detail, sizeof detail);
    else
        profiler_osv_find(paths, s->guest_kernel, detail, sizeof detail);
}

static void process_settings(struct trial_settings *s) {
    struct profiler_probe veth;

    snprintf(s->accel, sizeof s->accel, "none");
    snprintf(s->network, sizeof s->network, "veth");
    profiler_probe("veth", &veth);
    s->user_namespace = veth.user_namespace;
    if (veth.rps)
        s->rps_core = s->client_core;
}

/* The binary that runs; of an OSv image we know none. */
static const char *app_file(const struct profiler_paths *paths, const char *floor) {
    const struct {
        const char *floor, *path;
    } files[] = {{"nom", paths->app_elf},
                 {"hosted", paths->hosted},
                 {"host", paths->sockets},
                 {"linux", paths->linux_guest}};

    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (strcmp(files[i].floor, floor) == 0)
            return files[i].path;
    return "";
}

void profiler_settings_default(const struct profiler_paths *paths, const char *app,
                               const struct profiler_floor *floor, const char *accel,
                               struct trial_settings *s) {
    struct utsname host;
    int32_t cores[2];

    memset(s, 0, sizeof *s);
    snprintf(s->app, sizeof s->app, "%s", app);
    snprintf(s->target, sizeof s->target, "%s", floor->name);
    snprintf(s->client, sizeof s->client, "%s", profiler_app_of(app)->client);
    snprintf(s->load, sizeof s->load, "single");
    s->connections = 1;
    s->kick = NOM_KICK_NATURAL;
    s->poll_us = NOM_POLL_US_INITIAL;
    s->seconds = 1.5;
    s->warmup_seconds = 0.3;
    s->vcpus = 1;
    s->traffic = profiler_app_of(app)->traffic;
    s->debug_build = NOM_DEBUG_BUILD;
    s->session_nice = profiler_session_nice();

    s->vcpu_core = s->io_core = s->client_core = s->rps_core = -1;
    if (usable_cores(cores) >= 2) {
        s->vcpu_core = cores[0];
        s->io_core = s->client_core = cores[1];
        s->spinner = true;
    }
    if (floor->guest)
        guest_settings(paths, accel, s);
    else
        process_settings(s);
    profiler_build_id(app_file(paths, floor->name), s->app_build_id);
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
