/*
 * Files of a report. Each is written under a temporary name of its own in the same directory and
 * renamed, so that a reader sees the old file or the new one, never a part. The temporary name is
 * fixed, and the directory is locked while a report writes: what a killed report left is written
 * over, and gone, with the next one.
 */
#include "reports/internal.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_directories(const char *dir) {
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof(path), "%s", dir) >= sizeof(path))
        return ENAMETOOLONG;
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            return errno;
        *slash = '/';
    }
    return mkdir(path, 0777) == 0 || errno == EEXIST ? 0 : errno;
}

int report_directory(const char *dir, char *why, size_t why_bytes) {
    int error = dir[0] ? make_directories(dir) : ENOENT;
    if (error != 0)
        return report_fail(why, why_bytes, REPORT_EDIR, "%s: cannot be made: %s", dir,
                           strerror(error));
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) != 0 || flock(fd, LOCK_EX) != 0) {
        int result = report_fail(why, why_bytes, REPORT_EDIR, "%s: cannot be written: %s", dir,
                                 strerror(errno));
        if (fd >= 0)
            close(fd);
        return result;
    }
    return fd;
}

static int write_all(int fd, const char *bytes, size_t count) {
    while (count > 0) {
        ssize_t written = write(fd, bytes, count);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return errno;
        bytes += written;
        count -= (size_t)written;
    }
    return 0;
}

int report_file(int directory, const char *dir, const char *name, const void *bytes, size_t count,
                char *why, size_t why_bytes) {
    char temporary[REPORT_NAME_BYTES + 16];
    snprintf(temporary, sizeof(temporary), ".%s.tmp", name);
    int fd =
        openat(directory, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    int error = fd < 0 ? errno : write_all(fd, bytes, count);
    if (fd >= 0 && close(fd) != 0 && error == 0)
        error = errno;
    if (error == 0 && renameat(directory, temporary, directory, name) != 0)
        error = errno;
    if (error == 0)
        return 0;
    if (fd >= 0)
        unlinkat(directory, temporary, 0);
    return report_fail(why, why_bytes, REPORT_EDIR, "%s/%s: cannot be written: %s", dir, name,
                       strerror(error));
}
