/*
 * The initrd's regular files, listed once at start: the archive is searched no more after that. A
 * damaged archive gives the files before the damage.
 */
#include "runtime/abi/cpio.h"
#include "runtime/platform/platform.h"
#include "runtime/platform/shared/shared.h"
#include <string.h>

struct file {
    const char *path;
    const void *data;
    size_t bytes;
};

static struct file *files;
static size_t file_count;

/* Regular files of the archive, written to list where it is not NULL. */
static size_t collect(const void *archive, uint64_t bytes, struct file *list) {
    struct nom_cpio_entry entry;
    uint64_t at = 0;
    size_t count = 0;
    while (nom_cpio_next(archive, bytes, &at, &entry) > 0) {
        if ((entry.mode & NOM_CPIO_TYPE_MASK) != NOM_CPIO_TYPE_FILE)
            continue;
        if (list)
            list[count] = (struct file){entry.name, entry.data, entry.bytes};
        count++;
    }
    return count;
}

void plat_files_start(const void *archive, uint64_t bytes) {
    size_t count = bytes ? collect(archive, bytes, NULL) : 0;
    files = count ? plat_dma_alloc(count * sizeof *files) : NULL;
    if (files)
        file_count = collect(archive, bytes, files);
}

int plat_file(const char *path, const void **data, size_t *bytes) {
    for (size_t i = 0; i < file_count; i++) {
        if (strcmp(files[i].path, path) == 0) {
            *data = files[i].data;
            *bytes = files[i].bytes;
            return 0;
        }
    }
    return -1;
}

const char *plat_file_next(size_t index, const void **data, size_t *bytes) {
    if (index >= file_count)
        return NULL;
    *data = files[index].data;
    *bytes = files[index].bytes;
    return files[index].path;
}
