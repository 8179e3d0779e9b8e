/*
 * The Linux guest: Debian's cloud kernel, and an archive made in memory of busybox, a script that
 * is its init, the modules of a virtio network, and the app: static, or this machine's program with
 * its libraries. The same bytes for the same files and settings.
 *
 * Its init loads the modules, sets the address, runs the app, and restarts the machine when the
 * app has ended, at which QEMU ends. The kernel's command line gives Linux its best: nothing is
 * printed, the time-stamp counter is believed, and protection against other users of the processor
 * is off, since the guest has no other users (docs/baselines.md).
 */
#include "profiler/linux_guest.h"
#include "profiler/cpio.h"
#include "profiler/internal.h"
#include "profiler/libraries.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* memcached looks its user up, NPtcp its protocol. */
#define PASSWD    "root:x:0:0:root:/:/bin/sh\n"
#define PROTOCOLS "tcp 6 TCP\n"
#define APPEND    "console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable clocksource=tsc"

/* After the last words the kernel is to say nothing. */
static const char init_begin[] = "#!/bin/busybox sh\n"
                                 "b=/bin/busybox\n"
                                 "end() {\n"
                                 "    [ -z \"$*\" ] || echo \"init: $*\"\n"
                                 "    echo 0 >/proc/sys/kernel/printk\n"
                                 "    $b sleep 0.1\n"
                                 "    $b reboot -f\n"
                                 "}\n"
                                 "$b mount -t proc proc /proc && $b mount -t sysfs sys /sys && $b "
                                 "mount -t devtmpfs dev /dev ||\n"
                                 "    end 'no /proc, /sys or /dev'\n";

/* The folder of nom's own guest files. */
static void folder_of(const struct profiler_paths *paths, char *folder, size_t bytes) {
    snprintf(folder, bytes, "%s", paths->kernel);
    char *slash = strrchr(folder, '/');
    *(slash ? slash : folder) = '\0';
}

struct files {
    struct profiler_linux_files system;
    struct profiler_libraries libraries; /* of the app */
};

static int find(const struct profiler_paths *paths, struct files *files, char *why,
                size_t why_bytes) {
    char folder[sizeof paths->kernel];
    folder_of(paths, folder, sizeof folder);
    if (profiler_linux_files_find(folder, &files->system, why, why_bytes) != 0)
        return -1;
    if (!paths->linux_guest[0])
        return profiler_fail(why, why_bytes, "the app has no form for a Linux guest (run make)");
    if (access(paths->linux_guest, R_OK) != 0)
        return profiler_fail(why, why_bytes, "%s: %s (run make)", paths->linux_guest,
                             strerror(errno));
    memset(&files->libraries, 0, sizeof files->libraries);
    return paths->app && paths->app->baseline.program
               ? profiler_libraries_find(paths->linux_guest, &files->libraries, why, why_bytes)
               : 0; /* ours is static */
}

int profiler_linux_find(const struct profiler_paths *paths, char guest_kernel[TRIAL_TEXT_BYTES],
                        char *detail, size_t detail_bytes) {
    static struct files files;
    guest_kernel[0] = '\0';
    if (find(paths, &files, detail, detail_bytes) != 0)
        return -1;
    snprintf(guest_kernel, TRIAL_TEXT_BYTES, "%s", files.system.release);
    snprintf(detail, detail_bytes, "Linux %.60s from %.120s", files.system.release,
             files.system.kernel);
    return 0;
}

/* Runs the app to its end. One that does not say itself when it is ready listens then. */
static void write_run(const struct trial_settings *s, const char *ip, char *text, size_t bytes) {
    const struct profiler_app *app = profiler_app_of(s->app);
    char words[512];
    profiler_baseline_words(s, ip, "/initrd.cpio", words, sizeof words);
    if (!app->baseline.program)
        snprintf(text, bytes, "/app/%s %s\n", s->app, words);
    else
        snprintf(text, bytes,
                 "export LD_LIBRARY_PATH=/lib64\n"
                 "%s/app/%s %s%s &\n"
                 "app=$!\n"
                 "until $b grep -q ':%04X 00000000:0000 0A' /proc/net/tcp; do\n"
                 "    $b kill -0 $app 2>/dev/null || end '%s has ended'\n"
                 "    $b sleep 0.05\n"
                 "done\n"
                 "echo '%s: ready'\n"
                 "wait $app\n",
                 app->baseline.serves_once ? "while " : "", s->app, words,
                 app->baseline.serves_once ? "; do :; done" : "", (unsigned)app->service_port,
                 s->app, s->app);
}

/* The init script: what is the same for all stands above. */
static int write_init(const struct trial_settings *s, const struct files *files, char *text,
                      size_t bytes) {
    char run[2048];
    bool tap = profiler_network_is_tap(s->network);
    const char *ip = tap ? PROFILER_GUEST_IP : PROFILER_USER_IP;
    size_t n = (size_t)snprintf(text, bytes, "%s", init_begin);
    for (size_t i = 0; i < files->system.modules && n < bytes; i++) {
        const char *name = strrchr(files->system.module[i], '/') + 1;
        n += (size_t)snprintf(text + n, bytes - n,
                              "$b insmod /modules/%s || end 'module %s cannot be loaded'\n", name,
                              name);
    }
    write_run(s, ip, run, sizeof run);
    if (n < bytes)
        n += (size_t)snprintf(
            text + n, bytes - n,
            "$b ip link set lo up\n"
            "$b ip addr add %s/24 dev eth0 && $b ip link set eth0 up || end 'no network'\n"
            "%s%send\n",
            ip, tap ? "" : "$b ip route add default via " PROFILER_USER_GATEWAY "\n", run);
    return n < bytes ? 0 : -1;
}

/* The loader where the program looks for it, the libraries in LD_LIBRARY_PATH. */
static void pack_libraries(struct profiler_cpio *archive, const struct profiler_libraries *l) {
    char name[sizeof l->file[0] + 16];
    if (!l->loader[0])
        return;
    profiler_cpio_folder(archive, "lib64");
    for (const char *at = l->loader + 1; (at = strchr(at, '/')); at++) {
        snprintf(name, sizeof name, "%.*s", (int)(at - l->loader - 1), l->loader + 1);
        if (strcmp(name, "lib64") != 0)
            profiler_cpio_folder(archive, name);
    }
    profiler_cpio_copy(archive, l->loader + 1, 0755, l->loader);
    for (size_t i = 0; i < l->count; i++) {
        snprintf(name, sizeof name, "lib64%s", strrchr(l->file[i], '/'));
        profiler_cpio_copy(archive, name, 0755, l->file[i]);
    }
}

static int pack(const struct profiler_paths *paths, const struct trial_settings *s,
                const struct files *files, int fd) {
    static const char *const folders[] = {"proc", "sys", "dev", "bin", "modules", "app"};
    struct profiler_cpio archive;
    char init[8192], name[sizeof files->system.module[0] + 16];
    if (write_init(s, files, init, sizeof init) != 0)
        return -E2BIG;
    profiler_cpio_begin(&archive, fd);
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        profiler_cpio_folder(&archive, folders[i]);
    profiler_cpio_file(&archive, "init", 0755, init, strlen(init));
    profiler_cpio_copy(&archive, "bin/busybox", 0755, files->system.busybox);
    for (size_t i = 0; i < files->system.modules; i++) {
        snprintf(name, sizeof name, "modules%s", strrchr(files->system.module[i], '/'));
        profiler_cpio_copy(&archive, name, 0644, files->system.module[i]);
    }
    snprintf(name, sizeof name, "app/%s", s->app);
    profiler_cpio_copy(&archive, name, 0755, paths->linux_guest);
    if (profiler_app_of(s->app)->baseline.program) {
        profiler_cpio_folder(&archive, "etc");
        profiler_cpio_file(&archive, "etc/protocols", 0644, PROTOCOLS, strlen(PROTOCOLS));
        profiler_cpio_file(&archive, "etc/passwd", 0644, PASSWD, strlen(PASSWD));
    } else {
        profiler_cpio_copy(&archive, "initrd.cpio", 0644, paths->initrd);
    }
    pack_libraries(&archive, &files->libraries);
    return profiler_cpio_end(&archive);
}

int profiler_linux_compose(const struct profiler_paths *paths, const struct trial_settings *s,
                           struct profiler_guest *guest, char *why, size_t why_bytes) {
    static struct files files;
    if (find(paths, &files, why, why_bytes) != 0)
        return -1;
    int fd = memfd_create("initrd", MFD_CLOEXEC);
    int error = fd < 0 ? -errno : pack(paths, s, &files, fd);
    if (error) {
        if (fd >= 0)
            close(fd);
        return profiler_fail(why, why_bytes, "cannot pack the Linux guest's files: %s",
                             strerror(-error));
    }
    guest->fd = fd;
    snprintf(guest->kernel, sizeof guest->kernel, "%s", files.system.kernel);
    snprintf(guest->initrd, sizeof guest->initrd, "/proc/self/fd/%d", fd);
    snprintf(guest->append, sizeof guest->append, APPEND);
    return 0;
}
