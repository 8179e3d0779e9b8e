/*
 * One arena, grown by whole huge pages where the kernel has them and never given back; all of it is
 * present before it is handed out, so that the data path takes no page fault. The "device" here is
 * the kernel, which reaches what the process reaches: a device address is the address itself.
 */
#include "floor.h"
#include "runtime/platform/platform.h"
#include "runtime/platform/shared/shared.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_BYTES ((size_t)4096)
#define HUGE_BYTES ((size_t)2 << 20)

static char *next; /* what is not handed out of the newest piece */
static size_t left;

static size_t round_up(size_t bytes, size_t to) {
    return (bytes + to - 1) & ~(to - 1);
}

/* A new piece of at least that much, on a huge page's boundary. */
static int grow(size_t bytes) {
    bytes = round_up(bytes, HUGE_BYTES);
    char *map = mmap(NULL, bytes + HUGE_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED)
        return -1;
    char *start = (char *)round_up((size_t)map, HUGE_BYTES);
    if (start > map)
        munmap(map, (size_t)(start - map));
    if (start < map + HUGE_BYTES)
        munmap(start + bytes, (size_t)(map + HUGE_BYTES - start));
    madvise(start, bytes, MADV_HUGEPAGE);
    for (size_t at = 0; at < bytes; at += PAGE_BYTES)
        *(volatile char *)(start + at) = 0;
    next = start;
    left = bytes;
    return 0;
}

void *plat_dma_alloc(size_t bytes) {
    if (bytes == 0 || bytes > SIZE_MAX / 2)
        return NULL;
    size_t whole = round_up(bytes, PAGE_BYTES);
    size_t unaligned = -(size_t)next & (plat_dma_alignment(bytes) - 1);
    if (left < unaligned + whole) {
        if (grow(whole) != 0)
            return NULL;
        unaligned = 0;
    }
    void *p = next + unaligned;
    next += unaligned + whole;
    left -= unaligned + whole;
    return p;
}

/* Linux gives what is touched, and who gets how much is its administrator's business. */
size_t plat_memory_share(void) {
    return SIZE_MAX;
}

void *plat_reserve(size_t bytes) {
    size_t whole = round_up(bytes, PAGE_BYTES);
    if (bytes == 0 || bytes > SIZE_MAX / 2)
        return NULL;
    char *map = mmap(NULL, whole + 2 * PAGE_BYTES, PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED)
        return NULL;
    return mprotect(map + PAGE_BYTES, whole, PROT_READ | PROT_WRITE) == 0 ? map + PAGE_BYTES : NULL;
}

uint64_t plat_dma_address(const void *p) {
    return (uint64_t)p;
}

int plat_memory_map_file(const char *path, const void **data, uint64_t *bytes) {
    struct stat s;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int error = fstat(fd, &s) != 0 ? -errno : !S_ISREG(s.st_mode) ? -EINVAL : 0;
    if (!error && s.st_size > 0) {
        void *map = mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
        error = map == MAP_FAILED ? -errno : 0;
        *data = map;
    } else {
        *data = NULL;
    }
    *bytes = (uint64_t)s.st_size;
    close(fd);
    return error;
}
