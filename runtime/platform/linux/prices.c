/*
 * The price page as a file that processes map: the one that publishes writes to its mapping, the
 * others see it at once. A lock on the file says who publishes, and ends with that process. Writes
 * through a mapping wake nobody, so a notification is a change of the file's times, of which the
 * kernel tells those that watch it.
 */
#include "floor.h"
#include "runtime/platform/platform.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_BYTES 4096u
_Static_assert(sizeof(struct nom_prices) <= PAGE_BYTES, "the prices fit a page");

static const struct nom_prices *page;
static const char *shared; /* the file; NULL: the page is ours alone */
static int owned = -1;     /* its descriptor, once we publish */

const struct nom_prices *plat_prices(void) {
    return page;
}

/* A file of at least a page, made so where that is allowed; a descriptor or -errno. */
static int open_page(const char *path) {
    struct stat s;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    bool writable = fd >= 0;
    if (!writable)
        fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int error = fstat(fd, &s) != 0 ? -errno : !S_ISREG(s.st_mode) ? -EINVAL : 0;
    if (!error && s.st_size < (off_t)PAGE_BYTES)
        error = !writable ? -EINVAL : ftruncate(fd, PAGE_BYTES) != 0 ? -errno : 0;
    if (error) {
        close(fd);
        return error;
    }
    return fd;
}

/* Without it plat_wait still ends in time, by its limit. */
static void watch(const char *path) {
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd >= 0 && inotify_add_watch(fd, path, IN_ATTRIB) >= 0)
        plat_wait_on_changes(fd);
}

int plat_prices_start(const char *path) {
    int fd = path ? open_page(path) : -1;
    if (path && fd < 0)
        return fd;
    void *map =
        mmap(NULL, PAGE_BYTES, PROT_READ, path ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, fd, 0);
    int error = map == MAP_FAILED ? -errno : 0;
    if (fd >= 0)
        close(fd);
    if (error)
        return error;
    page = map;
    shared = path;
    if (path)
        watch(path);
    return 0;
}

struct nom_prices *plat_prices_own(void) {
    static struct nom_prices *writable;
    if (writable || !shared)
        return writable;
    int fd = open(shared, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    void *map = flock(fd, LOCK_EX | LOCK_NB) == 0
                    ? mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                    : MAP_FAILED;
    if (map == MAP_FAILED) {
        close(fd);
        return NULL;
    }
    owned = fd;
    return writable = map;
}

void plat_prices_notify(void) {
    if (owned >= 0)
        futimens(owned, NULL);
}
