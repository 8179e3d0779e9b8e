/*
 * mmap and its kin, over pages.h. All memory of the program is private to it, and a mapped file is
 * a copy of it, so that only reading one makes sense. Nothing is executable. What may be read may
 * be written: a protection is kept as far as that it hides pages which are not to be touched, and
 * those cost no memory.
 */
#include "runtime/platform/platform.h"
#include "runtime/posix/calls.h"
#include "runtime/posix/pages.h"
#include "runtime/posix/posix.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define WRITABLE 0222
#define MAY_MOVE 1 /* MREMAP_MAYMOVE, which not every header has */

int posix_memory_start(void) {
    if (posix_pages_start() == 0)
        return 0;
    plat_log("%s: no address space for memory", posix_name);
    return -1;
}

static long address_of(uint32_t page) {
    return (long)posix_page_address(page);
}

static uint32_t whole_pages(uint64_t bytes) {
    return (uint32_t)((bytes + POSIX_PAGE_BYTES - 1) / POSIX_PAGE_BYTES);
}

static bool too_long(uint64_t bytes) {
    return bytes > (uint64_t)UINT32_MAX * POSIX_PAGE_BYTES;
}

/* ---- mmap ---- */

static long file_to_map(long descriptor, long protection, long flags, struct posix_file **file) {
    struct posix_file *f = posix_file_of(descriptor);
    struct stat s = {0};
    if (!f)
        return -EBADF;
    if (!f->kind->seek || !f->kind->read || !f->kind->stat || f->kind->stat(f, &s) != 0 ||
        !S_ISREG(s.st_mode))
        return -ENODEV;
    if ((f->flags & O_ACCMODE) == O_WRONLY)
        return -EACCES;
    bool shared = (flags & MAP_TYPE) != MAP_PRIVATE;
    if (shared && ((protection & PROT_WRITE) || (s.st_mode & WRITABLE)))
        return -ENODEV; /* nobody else would see what is written */
    *file = f;
    return 0;
}

static long copy_file(struct posix_file *f, uint32_t page, uint64_t bytes, int64_t offset) {
    char *to = posix_page_address(page);
    while (bytes > 0) {
        struct iovec part = {to, bytes};
        long got = f->kind->read(f, &part, 1, offset);
        if (got <= 0)
            return got;
        to += got;
        bytes -= (uint64_t)got;
        offset += got;
    }
    return 0;
}

/* Where something is mapped already: what is there goes, and its pages are used again. */
static long map_fixed(uint64_t address, uint64_t bytes, bool hidden, uint32_t *page) {
    uint32_t count;
    if (!posix_pages_of(address, bytes, page, &count) || !posix_pages_used(*page, count))
        return -ENOMEM;
    posix_pages_hide(*page, count);
    posix_pages_clear(*page, count);
    return hidden || posix_pages_show(*page, count) ? 0 : -ENOMEM;
}

long posix_sys_mmap(long address, long bytes, long protection, long flags, long descriptor,
                    long offset) {
    struct posix_file *f = NULL;
    bool hidden = protection == PROT_NONE;
    uint32_t page;
    long error = 0;
    int type = (int)flags & MAP_TYPE;
    if (bytes <= 0 || offset < 0 || offset % POSIX_PAGE_BYTES ||
        (type != MAP_PRIVATE && type != MAP_SHARED))
        return -EINVAL;
    if (protection & PROT_EXEC)
        return -EACCES;
    if (too_long((uint64_t)bytes))
        return -ENOMEM;
    if (!(flags & MAP_ANONYMOUS))
        error = file_to_map(descriptor, protection, flags, &f);
    if (error)
        return error;
    if (flags & MAP_FIXED)
        error = map_fixed((uint64_t)address, (uint64_t)bytes, hidden && !f, &page);
    else if (!(page = posix_pages_take(whole_pages((uint64_t)bytes), hidden && !f)))
        error = -ENOMEM;
    if (!error && f && (error = copy_file(f, page, (uint64_t)bytes, offset)) != 0)
        posix_pages_give(page, whole_pages((uint64_t)bytes));
    return error ? error : address_of(page);
}

long posix_sys_munmap(long address, long bytes) {
    uint32_t first, count;
    if (bytes <= 0 || !posix_pages_of((uint64_t)address, (uint64_t)bytes, &first, &count))
        return -EINVAL;
    posix_pages_give(first, count);
    return 0;
}

/* ---- changing what is mapped ---- */

static long move(uint32_t first, uint32_t count, uint32_t wanted, bool hidden) {
    uint32_t to = posix_pages_affordable(wanted) ? posix_pages_take(wanted, true) : 0;
    if (!to)
        return -ENOMEM;
    if (!hidden)
        posix_pages_show(to + count, wanted - count);
    posix_pages_copy(to, first, count);
    posix_pages_give(first, count);
    return address_of(to);
}

long posix_sys_mremap(long address, long bytes, long wanted_bytes, long flags, long to) {
    uint32_t first, count;
    (void)to;
    if ((flags & ~(long)MAY_MOVE) || bytes <= 0 || wanted_bytes <= 0 ||
        too_long((uint64_t)wanted_bytes))
        return -EINVAL;
    if (!posix_pages_of((uint64_t)address, (uint64_t)bytes, &first, &count) ||
        !posix_pages_used(first, count))
        return address % POSIX_PAGE_BYTES ? -EINVAL : -EFAULT;
    uint32_t wanted = whole_pages((uint64_t)wanted_bytes);
    bool hidden = posix_pages_hidden(first + count - 1);
    if (wanted <= count)
        posix_pages_give(first + wanted, count - wanted);
    else if (!posix_pages_extend(first, count, wanted - count, hidden))
        return flags & MAY_MOVE ? move(first, count, wanted, hidden) : -ENOMEM;
    return address;
}

long posix_sys_mprotect(long address, long bytes, long protection) {
    uint32_t first, count;
    if (protection & PROT_EXEC)
        return -EACCES;
    if (address % POSIX_PAGE_BYTES)
        return -EINVAL;
    if (bytes == 0)
        return 0;
    if (!posix_pages_of((uint64_t)address, (uint64_t)bytes, &first, &count) ||
        !posix_pages_used(first, count))
        return -ENOMEM;
    if (protection == PROT_NONE)
        posix_pages_hide(first, count);
    else if (!posix_pages_show(first, count))
        return -ENOMEM;
    return 0;
}

/* MADV_FREE lets pages keep what they hold until memory is short; here they always do. */
long posix_sys_madvise(long address, long bytes, long advice) {
    uint32_t first, count;
    if (address % POSIX_PAGE_BYTES || bytes < 0)
        return -EINVAL;
    if (advice != MADV_DONTNEED || bytes == 0)
        return 0;
    if (!posix_pages_of((uint64_t)address, (uint64_t)bytes, &first, &count) ||
        !posix_pages_used(first, count))
        return -ENOMEM;
    posix_pages_clear(first, count);
    return 0;
}

/* Nothing of the program is ever paged out. */
long posix_sys_mlockall(long flags) {
    (void)flags;
    return 0;
}
