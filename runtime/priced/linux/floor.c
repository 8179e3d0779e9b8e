#include "runtime/priced/floor.h"
#include "runtime/platform/platform.h"
#include "runtime/priced/linux/linux.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Linux has a network, with addresses of its own. */
int floor_open(const struct net_config *net, char *why, uint32_t why_bytes) {
    (void)net;
    (void)why;
    (void)why_bytes;
    return 0;
}

int floor_file(const char *path, const void **data, size_t *bytes) {
    struct stat s;
    if (plat_file(path, data, bytes) == 0)
        return 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    void *map = MAP_FAILED;
    if (fstat(fd, &s) == 0 && S_ISREG(s.st_mode) && s.st_size > 0)
        map = mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (map == MAP_FAILED)
        return -1;
    *data = map;
    *bytes = (size_t)s.st_size;
    return 0;
}

void floor_wait(uint32_t most_us) {
    if (!fetch_wait(most_us))
        plat_wait(most_us);
}
