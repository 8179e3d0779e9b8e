/*
 * Where the files of apps and guests are: NOM_HOME, or lib/nom beside the bin/ of the running
 * program. An app is known if NAME.elf is there, or if its baseline is a program that a package
 * installs; nom.elf is the kernel and no app.
 */
#include "profiler/internal.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SYSTEM_FOLDERS "/usr/bin:/bin:/usr/sbin:/sbin"

static int home(char *path, size_t bytes, char *why, size_t why_bytes) {
    const char *set = getenv("NOM_HOME");
    char exe[512];

    if (set && *set) {
        if ((size_t)snprintf(path, bytes, "%s", set) >= bytes)
            return profiler_fail(why, why_bytes, "NOM_HOME is too long");
        return 0;
    }
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n < 0)
        return profiler_fail(why, why_bytes, "cannot tell where this program is: %s",
                             strerror(errno));
    exe[n] = '\0';
    for (int up = 0; up < 2; up++) { /* nomctl, then bin */
        char *slash = strrchr(exe, '/');
        if (slash)
            *slash = '\0';
    }
    if ((size_t)snprintf(path, bytes, "%s/lib/nom", exe) >= bytes)
        return profiler_fail(why, why_bytes, "the path of this program is too long");
    return 0;
}

static bool is_app_name(const char *name) {
    if (strcmp(name, "nom") == 0)
        return false;
    for (const char *c = name; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '-' || *c == '_'))
            return false;
    return name[0] && name[0] != '-' && strlen(name) < TRIAL_NAME_BYTES;
}

/* The apps there are, in words. */
static void list_apps(const char *folder, char *text, size_t bytes) {
    struct dirent **entries;
    int n = scandir(folder, &entries, NULL, alphasort);
    size_t used = 0;

    text[0] = '\0';
    for (int i = 0; i < n; i++) {
        char *dot = strrchr(entries[i]->d_name, '.');
        if (dot && strcmp(dot, ".elf") == 0) {
            *dot = '\0';
            if (is_app_name(entries[i]->d_name) && used < bytes)
                used += (size_t)snprintf(text + used, bytes - used, "%s%s", used ? ", " : "",
                                         entries[i]->d_name);
        }
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
}

/* A form of the app that not every build has; "" then. */
static void optional(char path[512], const char *folder, const char *form, const char *app) {
    if ((size_t)snprintf(path, 512, "%s/%s/%s", folder, form, app) >= 512 ||
        access(path, X_OK) != 0)
        path[0] = '\0';
}

/* Every form of the app that there is. False: no app of this name. */
static bool find_forms(const char *app, const char *folder, struct profiler_paths *paths) {
    char initrd[sizeof paths->initrd];

    paths->app = profiler_app_find(app);
    const char *installed = paths->app ? paths->app->baseline.program : NULL;
    optional(paths->hosted, folder, "hosted", app);
    if (!installed) {
        optional(paths->sockets, folder, "sockets", app);
        optional(paths->linux_guest, folder, "linux-guest", app);
    } else if (profiler_find_tool(installed, SYSTEM_FOLDERS, paths->sockets,
                                  sizeof paths->sockets) == 0) {
        snprintf(paths->linux_guest, sizeof paths->linux_guest, "%s", paths->sockets);
    } else {
        paths->sockets[0] = '\0';
    }
    snprintf(initrd, sizeof initrd, "%s/%s.cpio", folder, app);
    if (access(initrd, R_OK) == 0)
        memcpy(paths->initrd, initrd, sizeof initrd);
    snprintf(paths->app_elf, sizeof paths->app_elf, "%s/%s.elf", folder, app);
    if (access(paths->app_elf, R_OK) == 0)
        return true;
    paths->app_elf[0] = '\0';
    return installed != NULL; /* it can be measured where it is installed */
}

int profiler_paths(const char *app, struct profiler_paths *paths, char *why, size_t why_bytes) {
    char folder[sizeof paths->kernel - TRIAL_NAME_BYTES - sizeof "/linux-guest/"], apps[160];

    memset(paths, 0, sizeof *paths);
    if (home(folder, sizeof folder, why, why_bytes) != 0)
        return -1;
    snprintf(paths->kernel, sizeof paths->kernel, "%s/nom.elf", folder);
    snprintf(paths->initrd, sizeof paths->initrd, "%s/initrd.cpio", folder);
    if (access(paths->kernel, R_OK) != 0)
        return profiler_fail(why, why_bytes, "no nom kernel at %s (run make, or set NOM_HOME): %s",
                             paths->kernel, strerror(errno));
    if (access(paths->initrd, R_OK) != 0)
        return profiler_fail(why, why_bytes, "no apps at %s (run make, or set NOM_HOME): %s",
                             paths->initrd, strerror(errno));
    memcpy(paths->check_initrd, paths->initrd, sizeof paths->check_initrd);
    optional(paths->priced, folder, "hosted", "priced");
    if (!app)
        return 0;
    if (is_app_name(app) && find_forms(app, folder, paths))
        return 0;
    list_apps(folder, apps, sizeof apps);
    return profiler_fail(why, why_bytes, "no app named %s; there is: %s", app,
                         apps[0] ? apps : "none");
}
