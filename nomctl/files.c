/*
 * Files as wholes. A file that is written appears whole under its name or not at all: it grows
 * under NAME.new, locked, and is renamed. A NAME.new that a killed process left is taken over by
 * the next writer.
 */
#include "nomctl/nomctl.h"
#include "runtime/econ/econ.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int file_read(const char *path, size_t most, void **bytes, size_t *n, char *why, size_t why_bytes) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *to = malloc(most + 1);
    ssize_t got = 0;
    *n = 0;
    while (fd >= 0 && to && *n <= most && (got = read(fd, to + *n, most + 1 - *n)) > 0)
        *n += (size_t)got;
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (fd < 0 || got < 0)
        snprintf(why, why_bytes, "%s: %s", path, strerror(error));
    else if (!to)
        snprintf(why, why_bytes, "%s: out of memory", path);
    else if (*n > most)
        snprintf(why, why_bytes, "%s: more than %zu bytes long", path, most);
    else {
        *bytes = to;
        return 0;
    }
    free(to);
    return -1;
}

/* Opens and locks the file now called `path`; -1 with errno. */
static int open_locked(const char *path) {
    for (;;) {
        struct stat ours, theirs;
        int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (fd < 0)
            return -1;
        if (flock(fd, LOCK_EX) != 0 || fstat(fd, &ours) != 0) {
            int error = errno;
            close(fd);
            errno = error;
            return -1;
        }
        /* Renamed away by another writer before we had the lock? */
        if (stat(path, &theirs) == 0 && ours.st_ino == theirs.st_ino &&
            ours.st_dev == theirs.st_dev)
            return fd;
        close(fd);
    }
}

static int write_all(int fd, const void *bytes, size_t n) {
    if (ftruncate(fd, 0) != 0)
        return -1;
    for (size_t done = 0; done < n;) {
        ssize_t wrote = write(fd, (const char *)bytes + done, n - done);
        if (wrote < 0)
            return -1;
        done += (size_t)wrote;
    }
    return fsync(fd);
}

int file_write(const char *path, const void *bytes, size_t n, char *why, size_t why_bytes) {
    char temporary[4096];
    if (snprintf(temporary, sizeof temporary, "%s.new", path) >= (int)sizeof temporary) {
        snprintf(why, why_bytes, "%.100s...: name too long", path);
        return -1;
    }
    int fd = open_locked(temporary);
    if (fd < 0) {
        snprintf(why, why_bytes, "%s: %s", path, strerror(errno));
        return -1;
    }
    int rc = write_all(fd, bytes, n);
    if (rc == 0)
        rc = rename(temporary, path);
    if (rc != 0) {
        snprintf(why, why_bytes, "%s: %s", path, strerror(errno));
        unlink(temporary);
    }
    close(fd);
    return rc;
}

/* In a list like that of PATH; 0 if it is there. */
static int find_in(const char *from, const char *name, char *path, size_t path_bytes) {
    struct stat st;
    while (from && *from) {
        size_t n = strcspn(from, ":");
        snprintf(path, path_bytes, "%.*s/%s", n ? (int)n : 1, n ? from : ".", name);
        if (access(path, X_OK) == 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode))
            return 0;
        from += n + (from[n] == ':');
    }
    return -1;
}

int file_find_tool(const char *name, char *path, size_t path_bytes) {
    if (find_in(getenv("PATH"), name, path, path_bytes) == 0)
        return 0;
    /* Not in an ordinary user's PATH, but for all to run. */
    return find_in("/usr/sbin:/sbin", name, path, path_bytes);
}

int table_file_read(const char *path, struct table_file *file) {
    char why[WHY_BYTES];
    const size_t most =
        sizeof(struct nom_table_header) + NOM_TABLE_ROWS_MAX * sizeof(struct nom_table_row);
    if (file_read(path, most, &file->bytes, &file->size, why, sizeof why))
        return out_fail(NOMCTL_USAGE, "table %s", why);
    if (econ_table_check(file->bytes, file->size, &file->header, &file->rows, why, sizeof why)) {
        free(file->bytes);
        return out_fail(NOMCTL_USAGE, "%s: not a usable table: %s", path, why);
    }
    return NOMCTL_OK;
}
