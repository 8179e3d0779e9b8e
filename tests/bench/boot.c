/* scenes.h: boot. A boot ends with the first whole reply; the next guest starts when the last has
 * gone. */
#include "tests/bench/scenes.h"
#include "tests/bench/systems.h"

#include <elf.h>
#include <gsl/gsl_statistics_double.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define REPLY_SECONDS   5.0
#define CONTROL_SECONDS 2.0
#define LEAST_SECONDS   10.0 /* to be ready with little memory */

static const uint32_t memory_mib[] = {16, 24, 32, 48, 64, 96, 128};

/* What boots, in turns. */
struct system {
    char name[64];
    struct trial_settings settings;
    double ms[BENCH_REPEATS_MAX];
};
enum { SYSTEMS_MAX = 3 };

static volatile const int never_stop;

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* One request on a connection of its own; whether 200 came. */
static int is_served(const struct target *target) {
    static const char request[] = "GET / HTTP/1.1\r\nHost: nom\r\nConnection: close\r\n\r\n";
    const struct timeval limit = {.tv_sec = (time_t)REPLY_SECONDS};
    char reply[64] = "";
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr *to = (const struct sockaddr *)&target->apps[0].service;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    int ok = connect(fd, to, sizeof target->apps[0].service) == 0 &&
             send(fd, request, strlen(request), MSG_NOSIGNAL) == (ssize_t)strlen(request) &&
             recv(fd, reply, sizeof reply - 1, 0) > 0 && strncmp(reply, "HTTP/1.1 200", 12) == 0;
    close(fd);
    return ok;
}

/* Milliseconds from QEMU's start to a reply; -1 with why. The target is stopped by the caller. */
static double boot(struct target *target, const struct profiler_paths *paths,
                   const struct trial_settings *s, double ready_seconds, char *why,
                   size_t why_bytes) {
    const struct target_options options = {.ready_timeout_seconds = ready_seconds};
    if (target_start(target, paths, s, &options, &never_stop, why, why_bytes) != 0)
        return -1;
    if (!is_served(target)) {
        snprintf(why, why_bytes, "it was ready and gave no reply");
        return -1;
    }
    return (now_s() - target->started_s) * 1000;
}

static void add(struct system *systems, size_t *count, const struct profiler_paths *paths,
                const char *floor, const char *accel) {
    struct system *s = &systems[(*count)++];
    profiler_settings_default(paths, "nhttpd", profiler_floor_find(floor), accel, &s->settings);
    s->settings.spinner = false;
    snprintf(s->name, sizeof s->name, "%s, %s", floor, accel);
}

static size_t find_systems(const struct profiler_paths *paths, struct system *systems) {
    struct profiler_floor_check check;
    struct profiler_accel_check kvm = {0};
    char why[256];
    size_t count = 0;
    profiler_floor_check(paths, profiler_floor_find("linux"), &check);
    if (!check.works)
        printf("  no Linux guest to compare with: %s\n", check.detail);
    if (profiler_accel_check(paths, "kvm", &kvm, why, sizeof why) != 0)
        kvm.kind = PROFILER_ACCEL_ABSENT;
    bool any_kvm = kvm.kind == PROFILER_ACCEL_KVM || kvm.kind == PROFILER_ACCEL_KVM_RING3;
    if (any_kvm)
        add(systems, &count, paths, "nom", "kvm");
    add(systems, &count, paths, "nom", "tcg");
    if (check.works) /* a KVM that interprets ring 0 boots no Linux */
        add(systems, &count, paths, "linux", kvm.kind == PROFILER_ACCEL_KVM ? "kvm" : "tcg");
    return count;
}

/* What the kernel's file loads, and how much of memory that is with what is zero at first. */
static void print_image(const char *path) {
    Elf64_Ehdr header;
    Elf64_Phdr segment;
    uint64_t loaded = 0, in_memory = 0;
    FILE *file = fopen(path, "rb");
    if (file && fread(&header, sizeof header, 1, file) == 1)
        for (uint16_t i = 0; i < header.e_phnum; i++)
            if (fseek(file, (long)(header.e_phoff + i * sizeof segment), SEEK_SET) == 0 &&
                fread(&segment, sizeof segment, 1, file) == 1 && segment.p_type == PT_LOAD) {
                loaded += segment.p_filesz;
                in_memory += segment.p_memsz;
            }
    if (file)
        fclose(file);
    printf("  kernel image %.1f KiB, in memory %.1f KiB\n", (double)loaded / 1024,
           (double)in_memory / 1024);
}

static void print_memory(const struct target *target) {
    struct nom_statistics s;
    char why[256];
    int fd = control_connect(&target->apps[0].control, CONTROL_SECONDS, why, sizeof why);
    if (fd < 0 || control_statistics(fd, &s, why, sizeof why) != 0)
        printf("  memory in use: unknown (%s)\n", why);
    else
        printf("  memory in use once it serves: %.1f of %.1f MiB (kernel and app; the initrd not "
               "counted)\n",
               (double)(s.memory_bytes - s.memory_free_bytes) / 1048576,
               (double)s.memory_bytes / 1048576);
    if (fd >= 0)
        close(fd);
}

/* With the least memory that will do: 0; 1 if none does. */
static int print_least(const struct profiler_paths *paths, const struct trial_settings *base) {
    struct target target;
    char why[256];
    for (size_t i = 0; i < sizeof memory_mib / sizeof *memory_mib; i++) {
        struct trial_settings s = *base;
        s.memory_mib = memory_mib[i];
        double ms = boot(&target, paths, &s, LEAST_SECONDS, why, sizeof why);
        if (ms >= 0) {
            printf("  serves from %u MB of memory on (%s)\n", memory_mib[i], s.accel);
            print_memory(&target);
        } else
            printf("  does not serve with %u MB: %s\n", memory_mib[i], why);
        target_stop(&target);
        if (ms >= 0)
            return 0;
    }
    return 1;
}

int bench_boot(const struct profiler_paths *paths, size_t repeats) {
    static struct system systems[SYSTEMS_MAX];
    struct target target;
    char why[256], what[160];
    printf("\nboot: QEMU's start to the first reply, 128 MB, one vCPU\n");
    size_t count = find_systems(paths, systems);
    for (size_t r = 0; r < repeats; r++)
        for (size_t i = 0; i < count; i++) {
            struct system *s = &systems[r % 2 ? count - 1 - i : i];
            s->ms[r] = boot(&target, paths, &s->settings, 0, why, sizeof why);
            if (s->ms[r] >= 0 && r + 1 == repeats && strcmp(s->settings.target, "nom") == 0)
                print_memory(&target);
            target_stop(&target);
            if (s->ms[r] < 0) {
                printf("  %s: %s\n", s->name, why);
                return 1;
            }
        }
    for (size_t i = 0; i < count; i++)
        printf("  %-12s %8.1f ms (%.1f to %.1f in %zu repeats)\n", systems[i].name,
               bench_median(systems[i].ms, repeats), gsl_stats_min(systems[i].ms, 1, repeats),
               gsl_stats_max(systems[i].ms, 1, repeats), repeats);
    const struct system *last = &systems[count - 1];
    for (size_t i = 0; i + 1 < count && strcmp(last->settings.target, "linux") == 0; i++) {
        snprintf(what, sizeof what, "%.60s / %.60s", last->name, systems[i].name);
        bench_print_ratio(what, last->ms, systems[i].ms, repeats);
    }
    print_image(paths->kernel);
    return print_least(paths, &systems[0].settings);
}
