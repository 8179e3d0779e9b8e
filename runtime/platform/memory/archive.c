/*
 * The app's files, as the other floors have them: a cpio archive (abi/cpio.h) in memory that
 * devices reach, listed by platform/shared. A table of files is packed into one first.
 */
#include "runtime/abi/cpio.h"
#include "runtime/platform/memory/floor.h"
#include "runtime/platform/platform.h"
#include "runtime/platform/shared/shared.h"
#include <stdio.h>
#include <string.h>

#define TRAILER  "TRAILER!!!"
#define READABLE 0444u

static size_t padded(size_t bytes) {
    return (bytes + 3) & ~(size_t)3;
}

static size_t entry_bytes(const struct memory_file *f) {
    return padded(NOM_CPIO_HEADER_BYTES + strlen(f->path) + 1) + padded(f->bytes);
}

static unsigned char *pack(unsigned char *at, const struct memory_file *f, uint32_t mode) {
    char header[NOM_CPIO_HEADER_BYTES + 1];
    size_t name_bytes = strlen(f->path) + 1;
    snprintf(header, sizeof header,
             "070701"
             "%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
             0u, mode, 0u, 0u, 1u, 0u, (unsigned)f->bytes, 0u, 0u, 0u, 0u, (unsigned)name_bytes,
             0u);
    memcpy(at, header, NOM_CPIO_HEADER_BYTES);
    memcpy(at + NOM_CPIO_HEADER_BYTES, f->path, name_bytes);
    if (f->bytes > 0)
        memcpy(at + padded(NOM_CPIO_HEADER_BYTES + name_bytes), f->data, f->bytes);
    return at + entry_bytes(f);
}

int memory_files_start(const struct memory_settings *s) {
    const struct memory_file trailer = {TRAILER, NULL, 0};
    size_t bytes = s->archive_bytes;
    if (s->file_count > 0) {
        bytes = entry_bytes(&trailer);
        for (size_t i = 0; i < s->file_count; i++)
            bytes += entry_bytes(&s->files[i]);
    }
    if (bytes == 0)
        return 0;
    unsigned char *archive = plat_dma_alloc(bytes), *at = archive;
    if (!archive)
        return -1;
    if (s->file_count > 0) {
        for (size_t i = 0; i < s->file_count; i++)
            at = pack(at, &s->files[i], NOM_CPIO_TYPE_FILE | READABLE);
        pack(at, &trailer, 0);
    } else {
        memcpy(archive, s->archive, bytes);
    }
    plat_files_start(archive, bytes);
    return 0;
}
