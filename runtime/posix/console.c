/*
 * The console, which takes whole lines: what the program writes is gathered until a newline comes,
 * a line is full, or the app ends. Descriptors 1 and 2 are one each, so that their lines do not
 * mix. Nobody types: reading finds the end.
 */
#include "runtime/posix/console.h"
#include "runtime/platform/platform.h"
#include "runtime/posix/posix.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#define LINE_BYTES_MAX PLAT_PRINT_MAX

struct console {
    struct posix_file file;
    size_t bytes;
    char line[LINE_BYTES_MAX]; /* the last byte is the newline's */
};

static struct console consoles[3]; /* never freed: their first reference is kept */

static void print(struct console *c) {
    c->line[c->bytes++] = '\n';
    plat_print(c->line, c->bytes);
    c->bytes = 0;
}

static void put(struct console *c, const char *text, size_t bytes) {
    while (bytes > 0) {
        size_t room = LINE_BYTES_MAX - 1 - c->bytes;
        const char *end = memchr(text, '\n', bytes);
        size_t n = end ? (size_t)(end - text) : bytes;
        bool is_line = end && n <= room;
        if (n > room)
            n = room;
        memcpy(c->line + c->bytes, text, n);
        c->bytes += n;
        if (is_line || (n == room && bytes > n))
            print(c);
        n += is_line;
        text += n;
        bytes -= n;
    }
}

static long console_write(struct posix_file *f, const struct iovec *parts, int count,
                          int64_t offset) {
    (void)offset;
    for (int i = 0; i < count; i++)
        put((struct console *)f, parts[i].iov_base, parts[i].iov_len);
    return (long)posix_parts_bytes(parts, count);
}

static long console_read(struct posix_file *f, const struct iovec *parts, int count,
                         int64_t offset) {
    (void)f;
    (void)parts;
    (void)count;
    (void)offset;
    return 0;
}

static uint32_t console_ready(struct posix_file *f) {
    return (f->flags & O_ACCMODE) == O_RDONLY ? EPOLLIN | EPOLLHUP : EPOLLOUT;
}

static long console_stat(struct posix_file *f, struct stat *out) {
    (void)f;
    out->st_mode = S_IFIFO | 0600;
    out->st_nlink = 1;
    return 0;
}

static void console_close(struct posix_file *f) {
    (void)f;
}

static const struct posix_kind console_kind = {.name = "console",
                                               .read = console_read,
                                               .write = console_write,
                                               .ready = console_ready,
                                               .stat = console_stat,
                                               .close = console_close};

int posix_console_start(void) {
    for (int i = 0; i < 3; i++) {
        posix_file_init(&consoles[i].file, &console_kind, i == 0 ? O_RDONLY : O_WRONLY);
        posix_file_keep(&consoles[i].file);
        if (posix_descriptor(&consoles[i].file, i, 0) != i)
            return -1;
    }
    return 0;
}

void posix_console_end(void) {
    for (int i = 1; i < 3; i++)
        if (consoles[i].bytes > 0)
            print(&consoles[i]);
}
