/*
 * Everything belongs to root and is as old as the epoch, inodes count up: so the bytes depend on
 * the calls alone.
 */
#include "profiler/cpio.h"
#include "runtime/abi/cpio.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define TYPE_FOLDER 0040000u

void profiler_cpio_begin(struct profiler_cpio *c, int fd) {
    *c = (struct profiler_cpio){.fd = fd};
}

static void put(struct profiler_cpio *c, const void *data, size_t bytes) {
    for (size_t at = 0; at < bytes && !c->error;) {
        ssize_t n = write(c->fd, (const char *)data + at, bytes - at);
        if (n < 0 && errno != EINTR)
            c->error = errno;
        at += n > 0 ? (size_t)n : 0;
    }
    c->offset += bytes;
}

static void pad(struct profiler_cpio *c) {
    static const char zeros[4];
    put(c, zeros, -c->offset & 3);
}

static void entry(struct profiler_cpio *c, const char *path, uint32_t mode, const void *data,
                  size_t bytes) {
    char header[NOM_CPIO_HEADER_BYTES + 1];
    if (bytes > UINT32_MAX && !c->error)
        c->error = EFBIG;
    /* magic, inode, mode, owner, group, links, time, bytes, four of devices, name, check */
    snprintf(header, sizeof header, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
             ++c->inode, mode, 0u, 0u, 1u, 0u, (uint32_t)bytes, 0u, 0u, 0u, 0u,
             (uint32_t)strlen(path) + 1, 0u);
    put(c, header, NOM_CPIO_HEADER_BYTES);
    put(c, path, strlen(path) + 1);
    pad(c);
    put(c, data, bytes);
    pad(c);
}

void profiler_cpio_folder(struct profiler_cpio *c, const char *path) {
    entry(c, path, TYPE_FOLDER | 0755, "", 0);
}

void profiler_cpio_file(struct profiler_cpio *c, const char *path, uint32_t mode, const void *data,
                        size_t bytes) {
    entry(c, path, NOM_CPIO_TYPE_FILE | mode, data, bytes);
}

void profiler_cpio_copy(struct profiler_cpio *c, const char *path, uint32_t mode,
                        const char *from) {
    struct stat status;
    void *data = MAP_FAILED;
    int fd = open(from, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &status) == 0 && status.st_size > 0)
        data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED && !c->error)
        c->error = errno ? errno : ENODATA;
    if (fd >= 0)
        close(fd);
    if (data == MAP_FAILED)
        return;
    profiler_cpio_file(c, path, mode, data, (size_t)status.st_size);
    munmap(data, (size_t)status.st_size);
}

int profiler_cpio_end(struct profiler_cpio *c) {
    entry(c, "TRAILER!!!", 0, "", 0);
    return -c->error;
}
