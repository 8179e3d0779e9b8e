/*
 * Small things every file here needs: the reason of a failure, the time, a file of /proc.
 */
#include "profiler/internal.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int profiler_fail(char *why, size_t why_bytes, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(why, why_bytes, format, arguments);
    va_end(arguments);
    return -1;
}

double profiler_now_s(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int64_t profiler_unix_us(void) {
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

long profiler_read_file(const char *path, char *text, size_t bytes) {
    size_t have = 0;
    ssize_t n = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    while (have < bytes - 1 && (n = read(fd, text + have, bytes - 1 - have)) > 0)
        have += (size_t)n;
    if (n < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    close(fd);
    text[have] = '\0';
    return (long)have;
}
