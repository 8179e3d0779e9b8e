/*
 * Writes a cpio archive (newc, abi/cpio.h) into a file: the same bytes for the same calls.
 */
#ifndef PROFILER_CPIO_H
#define PROFILER_CPIO_H

#include <stddef.h>
#include <stdint.h>

struct profiler_cpio {
    int fd;          /* written from its present place on */
    uint32_t inode;  /* of the last entry */
    uint64_t offset; /* bytes written */
    int error;       /* the first errno; nothing is written after it */
};

void profiler_cpio_begin(struct profiler_cpio *c, int fd);
/* Paths without a '/' in front; a folder before what is in it. mode: the permissions. */
void profiler_cpio_folder(struct profiler_cpio *c, const char *path);
void profiler_cpio_file(struct profiler_cpio *c, const char *path, uint32_t mode, const void *data,
                        size_t bytes);
/* The same with the bytes of a file of the host. */
void profiler_cpio_copy(struct profiler_cpio *c, const char *path, uint32_t mode, const char *from);
/* 0 or -errno: of anything since the beginning. */
int profiler_cpio_end(struct profiler_cpio *c);

#endif
