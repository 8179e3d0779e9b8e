/*
 * Where a Linux guest's kernel, modules and busybox are. The first of these that is there counts,
 * and what is wrong with it is an error; nobody looks further:
 *
 *   $NOM_LINUX              a folder as tools/fetch-linux makes it
 *   lib/nom/linux           beside nom's own guest files (fetch-linux --link)
 *   the cache               $NOM_CACHE/linux, $XDG_CACHE_HOME/nom/linux, ~/.cache/nom/linux
 *   /boot, /lib/modules     a cloud kernel that is installed; the newest
 *
 * Modules: those in WANTED that are not built in, each after all that modules.dep says it needs.
 */
#include "profiler/internal.h"
#include "profiler/libraries.h"
#include "profiler/linux_guest.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOW "tools/fetch-linux gets Debian's cloud kernel"

static const char *const wanted[] = {"virtio_pci", "virtio_net"};

/* The bzImage's setup header (Linux, Documentation/arch/x86/boot.rst). */
#define SETUP_MAGIC        0x202
#define SETUP_VERSION_TEXT 0x20e /* 16 bits: where the version's text is, less 0x200 */
#define SETUP_BYTES        32768

static int read_release(struct profiler_linux_files *f, char *why, size_t why_bytes) {
    static char setup[SETUP_BYTES];
    uint16_t at = 0;
    int fd = open(f->kernel, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, setup, sizeof setup - 1);
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (n < 0)
        return profiler_fail(why, why_bytes, "%s cannot be read: %s", f->kernel, strerror(error));
    setup[n] = '\0';
    if (n > SETUP_VERSION_TEXT + 2)
        memcpy(&at, setup + SETUP_VERSION_TEXT, sizeof at);
    if (n < 0x400 || memcmp(setup + SETUP_MAGIC, "HdrS", 4) != 0 || at == 0 || at + 0x200 >= n)
        return profiler_fail(why, why_bytes, "%s is no Linux kernel (a bzImage); " HOW, f->kernel);
    const char *text = setup + at + 0x200;
    snprintf(f->release, sizeof f->release, "%.*s", (int)strcspn(text, " \n"), text);
    return 0;
}

/* Is `path` the file of a module? In names _ and - are the same. 2: it is compressed. */
static int names_module(const char *path, size_t n, const char *module) {
    const char *base = path;
    for (size_t i = 0; i < n; i++)
        if (path[i] == '/')
            base = path + i + 1;
    size_t left = n - (size_t)(base - path), length = strlen(module);
    if (left < length + 3 || memcmp(base + length, ".ko", 3) != 0)
        return 0;
    for (size_t i = 0; i < length; i++)
        if ((base[i] == '-' ? '_' : base[i]) != module[i])
            return 0;
    return left == length + 3 ? 1 : base[length + 3] == '.' ? 2 : 0;
}

static int add_module(struct profiler_linux_files *f, const char *folder, const char *path,
                      size_t n, char *why, size_t why_bytes) {
    char file[sizeof f->module[0]];
    if ((size_t)snprintf(file, sizeof file, "%s/%.*s", folder, (int)n, path) >= sizeof file)
        return profiler_fail(why, why_bytes, "a path is too long: %.*s", (int)n, path);
    for (size_t i = 0; i < f->modules; i++)
        if (strcmp(f->module[i], file) == 0)
            return 0;
    if (f->modules == PROFILER_LINUX_MODULES_MAX)
        return profiler_fail(why, why_bytes, "more than %u modules are needed",
                             PROFILER_LINUX_MODULES_MAX);
    if (access(file, R_OK) != 0)
        return profiler_fail(why, why_bytes, "%s is missing, which modules.dep names; " HOW, file);
    memcpy(f->module[f->modules++], file, sizeof file);
    return 0;
}

/* A line "FILE: FILE..." of modules.dep: the last is needed first. */
static int add_line(struct profiler_linux_files *f, const char *folder, char *line, char *why,
                    size_t why_bytes) {
    char *colon = strchr(line, ':'), *end = line + strcspn(line, "\n");
    while (end > colon + 1) {
        char *from = end;
        while (from > colon + 1 && from[-1] != ' ')
            from--;
        if (end > from && add_module(f, folder, from, (size_t)(end - from), why, why_bytes) != 0)
            return -1;
        end = from > colon + 1 ? from - 1 : from;
    }
    return add_module(f, folder, line, (size_t)(colon - line), why, why_bytes);
}

/* Looks for the module's line in a list of files. 1: *line has it, 2: it is compressed, 0: none. */
static int find_line(const char *folder, const char *list, const char *module, char **line,
                     size_t *line_bytes) {
    char path[600];
    int found = 0;
    snprintf(path, sizeof path, "%s/%s", folder, list);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    while (!found && getline(line, line_bytes, file) > 0)
        found = names_module(*line, strcspn(*line, ":\n"), module);
    fclose(file);
    return found;
}

static int find_modules(struct profiler_linux_files *f, const char *folder, char *why,
                        size_t why_bytes) {
    char *line = NULL;
    size_t line_bytes = 0;
    int result = 0;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted && result == 0; i++) {
        int found = find_line(folder, "modules.dep", wanted[i], &line, &line_bytes);
        if (found == 1 && strchr(line, ':'))
            result = add_line(f, folder, line, why, why_bytes);
        else if (found == 2)
            result =
                profiler_fail(why, why_bytes,
                              "the modules in %s are compressed; " HOW " with plain ones", folder);
        else if (find_line(folder, "modules.builtin", wanted[i], &line, &line_bytes) != 1)
            result = profiler_fail(why, why_bytes, "%s/modules.dep names no module %s; " HOW,
                                   folder, wanted[i]);
    }
    free(line);
    return result;
}

static bool is_static(const char *path) {
    char interpreter[64];
    return profiler_interpreter(path, interpreter, sizeof interpreter) == 0;
}

static int find_busybox(struct profiler_linux_files *f, const char *folder, char *why,
                        size_t why_bytes) {
    snprintf(f->busybox, sizeof f->busybox, "%.480s/busybox", folder);
    if (access(f->busybox, R_OK) != 0 &&
        profiler_find_tool("busybox", "", f->busybox, sizeof f->busybox) != 0)
        return profiler_fail(why, why_bytes,
                             "no busybox for the Linux guest (Debian package busybox-static, or "
                             "tools/fetch-linux)");
    if (!is_static(f->busybox))
        return profiler_fail(why, why_bytes,
                             "%s is not static, as a guest without libraries needs it (Debian "
                             "package busybox-static, or tools/fetch-linux)",
                             f->busybox);
    return 0;
}

static int take(struct profiler_linux_files *f, const char *folder, char *why, size_t why_bytes) {
    if (read_release(f, why, why_bytes) != 0 || find_modules(f, folder, why, why_bytes) != 0)
        return -1;
    return find_busybox(f, folder, why, why_bytes);
}

static int take_folder(struct profiler_linux_files *f, const char *folder, char *why,
                       size_t why_bytes) {
    if ((size_t)snprintf(f->kernel, sizeof f->kernel, "%s/vmlinuz", folder) >= sizeof f->kernel)
        return profiler_fail(why, why_bytes, "a path is too long: %s", folder);
    return take(f, folder, why, why_bytes);
}

static void cache_folder(char *path, size_t bytes) {
    const char *nom = getenv("NOM_CACHE"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    path[0] = '\0';
    if (nom && *nom)
        snprintf(path, bytes, "%s/linux", nom);
    else if (xdg && *xdg)
        snprintf(path, bytes, "%s/nom/linux", xdg);
    else if (home && *home)
        snprintf(path, bytes, "%s/.cache/nom/linux", home);
}

static int is_cloud_kernel(const struct dirent *entry) {
    size_t n = strlen(entry->d_name), end = strlen("-cloud-amd64");
    return strncmp(entry->d_name, "vmlinuz-", 8) == 0 && n > 8 + end &&
           strcmp(entry->d_name + n - end, "-cloud-amd64") == 0;
}

/* The newest of /boot. False: none. */
static bool installed(struct profiler_linux_files *f, char folder[512]) {
    struct dirent **entries;
    int n = scandir("/boot", &entries, is_cloud_kernel, versionsort);
    for (int i = 0; i < n; i++) {
        snprintf(f->kernel, sizeof f->kernel, "/boot/%.400s", entries[i]->d_name);
        snprintf(folder, 512, "/lib/modules/%.400s", entries[i]->d_name + strlen("vmlinuz-"));
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return n > 0;
}

int profiler_linux_files_find(const char *beside, struct profiler_linux_files *f, char *why,
                              size_t why_bytes) {
    const char *set = getenv("NOM_LINUX");
    char folder[512];
    memset(f, 0, sizeof *f);
    if (set && *set)
        return take_folder(f, set, why, why_bytes);
    snprintf(folder, sizeof folder, "%.480s/linux", beside);
    if (beside[0] && access(folder, F_OK) == 0)
        return take_folder(f, folder, why, why_bytes);
    cache_folder(folder, sizeof folder);
    if (folder[0] && access(folder, F_OK) == 0)
        return take_folder(f, folder, why, why_bytes);
    if (installed(f, folder))
        return take(f, folder, why, why_bytes);
    return profiler_fail(why, why_bytes,
                         "no Linux kernel for a guest: " HOW " (or NOM_LINUX names its folder)");
}
