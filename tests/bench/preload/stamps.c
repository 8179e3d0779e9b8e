/*
 * Loaded into QEMU by the bench (scene stages): the calls with which its main thread waits for,
 * reads and writes frames leave a stamp in a file that the bench reads (tests/bench/stages.h). In
 * every other process it does nothing.
 */
#include "tests/bench/stages.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>
#include <x86intrin.h>

#define FRAME_BYTES_LEAST 60 /* with virtio's header; what an eventfd gives is 8 */

static struct stages_log *stages;

__attribute__((constructor)) static void open_log(void) {
    const char *name = getenv(STAGES_FILE);
    int fd = name && strncmp(program_invocation_short_name, "qemu", 4) == 0
                 ? open(name, O_RDWR | O_CLOEXEC)
                 : -1;
    if (fd < 0)
        return;
    void *memory = mmap(NULL, sizeof *stages, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (memory != MAP_FAILED)
        stages = memory;
}

static void stamp(enum stages_call call) {
    if (!stages || getpid() != gettid())
        return;
    uint64_t at = stages->count;
    if (at == STAGES_STAMPS_MAX)
        return;
    stages->stamp[at].tsc = __rdtsc();
    stages->stamp[at].call = call;
    stages->count = at + 1;
}

static void *next(const char *name) {
    void *function = dlsym(RTLD_NEXT, name);
    if (!function)
        abort();
    return function;
}

int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask) {
    static int (*real)(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);
    if (!real)
        real = next("ppoll");
    int ready = real(fds, n, timeout, mask);
    if (ready > 0)
        stamp(STAGES_WAKES);
    return ready;
}

int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask,
                size_t bytes);
int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask,
                size_t bytes) {
    (void)bytes;
    return ppoll(fds, n, timeout, mask);
}

ssize_t read(int fd, void *to, size_t bytes) {
    static ssize_t (*real)(int, void *, size_t);
    if (!real)
        real = next("read");
    ssize_t got = real(fd, to, bytes);
    if (got >= FRAME_BYTES_LEAST)
        stamp(STAGES_READS);
    return got;
}

ssize_t writev(int fd, const struct iovec *spans, int n) {
    static ssize_t (*real)(int, const struct iovec *, int);
    if (!real)
        real = next("writev");
    stamp(STAGES_WRITES);
    ssize_t put = real(fd, spans, n);
    stamp(STAGES_WROTE);
    return put;
}
