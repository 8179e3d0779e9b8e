/*
 * The floor for tests and fuzzers: no kernel, no processor's clock, no wire. Time is memory_now_tsc
 * (floor_tsc.h), which stands still until the test moves it; the NIC is memory_nic.h; the wire is
 * link.h. Nothing here depends on anything but the settings, so that a run is its seed.
 *
 * What devices may reach is what plat_dma_alloc gave and the files, as on the other floors. What
 * breaks a contract of platform.h or nic.h is a bug of the app side: a line to stderr, and abort.
 */
#ifndef PLATFORM_MEMORY_FLOOR_H
#define PLATFORM_MEMORY_FLOOR_H

#include "runtime/platform/memory/memory_nic.h"
#include <floor_tsc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEMORY_TSC_HZ        UINT64_C(1000000000)
#define MEMORY_FIRST_TSC     UINT64_C(1000000000)          /* where the clock stands at first */
#define MEMORY_FIRST_WALL_NS UINT64_C(1000000000000000000) /* and the date then */
#define MEMORY_LOG_MAX       16384u                        /* bytes of log kept, the first ones */
#define MEMORY_DMA_OFFSET    UINT64_C(0x100000000000)      /* device's address less the program's */
#define MEMORY_DMA_SPANS     2048u                         /* pieces plat_dma_alloc gives at most */

struct memory_file {
    const char *path; /* as packed: "www/index.html" */
    const void *data;
    size_t bytes;
};

struct memory_settings {
    uint64_t seed; /* of plat_entropy */
    /* The app's files: these, copied; or else those of a cpio archive, copied; or none. */
    const struct memory_file *files;
    size_t file_count;
    const void *archive;
    size_t archive_bytes;
    struct memory_nic_settings nic;
    size_t dma_bytes_max; /* all that plat_dma_alloc gives, the NIC's buffers included; 0: any */
    bool log_to_stderr;   /* beside memory_log */
    /* Asked by plat_asked_to_end, once a turn of an app's loop: moves the world on and says whether
     * the app is to end. NULL: it is not. */
    bool (*turn)(void *context);
    void *context;
};

/* Once a process, before anything of platform.h or nic.h. 0, or -1 if memory does not suffice. */
int memory_start(const struct memory_settings *settings);
/* What plat_log said so far, lines with their newlines. */
const char *memory_log(void);
/* Says what contract was broken, and aborts. */
_Noreturn void memory_broken(const char *what);

/* Between the parts of this floor. */
void memory_dma_start(size_t bytes_max);
int memory_files_start(const struct memory_settings *settings);

#endif
