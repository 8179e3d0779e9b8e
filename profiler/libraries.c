/*
 * What a program of this machine needs to run elsewhere: its loader and its shared libraries, as
 * the loader itself finds them.
 */
#include "profiler/libraries.h"
#include "profiler/internal.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define LIST_SECONDS 10.0
#define LIST_BYTES   8192

/* The program's header: segment i. False: there is none. */
static bool segment_at(int fd, const Elf64_Ehdr *header, unsigned i, Elf64_Phdr *segment) {
    uint64_t at = header->e_phoff + i * sizeof *segment;

    return i < header->e_phnum && at < INT64_MAX &&
           pread(fd, segment, sizeof *segment, (off_t)at) == sizeof *segment;
}

int profiler_interpreter(const char *path, char *interpreter, size_t bytes) {
    Elf64_Ehdr header;
    Elf64_Phdr segment;
    int fd = open(path, O_RDONLY | O_CLOEXEC), result = -ENOEXEC;

    interpreter[0] = '\0';
    if (fd < 0)
        return -errno;
    if (pread(fd, &header, sizeof header, 0) == sizeof header &&
        memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 && header.e_machine == EM_X86_64) {
        result = 0;
        for (unsigned i = 0; i < header.e_phnum && result == 0; i++) {
            if (!segment_at(fd, &header, i, &segment)) {
                result = -ENOEXEC;
            } else if (segment.p_type == PT_INTERP) {
                size_t n = segment.p_filesz < bytes ? segment.p_filesz : bytes - 1;
                ssize_t got = pread(fd, interpreter, n, (off_t)(segment.p_offset & INT64_MAX));
                interpreter[got > 0 ? got : 0] = '\0';
                result = 1;
            }
        }
    }
    close(fd);
    return result;
}

/* A line "NAME => PATH (0x...)" of the loader's list; others are the loader itself and what the
 * kernel gives. 0, or -1 with why. */
static int add(struct profiler_libraries *l, const char *program, char *line, char *why,
               size_t why_bytes) {
    char *path = strstr(line, " => ");

    if (!path)
        return 0;
    *path = '\0';
    path += strlen(" => ");
    path[strcspn(path, " ")] = '\0';
    if (path[0] != '/')
        return profiler_fail(why, why_bytes, "%s needs %s, which is not there", program,
                             line + strspn(line, " \t"));
    if (l->count == PROFILER_LIBRARIES_MAX || strlen(path) >= sizeof l->file[0])
        return profiler_fail(why, why_bytes,
                             "%s needs more than %u libraries, or one with a long "
                             "name",
                             program, PROFILER_LIBRARIES_MAX);
    strcpy(l->file[l->count++], path);
    return 0;
}

int profiler_libraries_find(const char *program, struct profiler_libraries *l, char *why,
                            size_t why_bytes) {
    static char text[LIST_BYTES];
    const char *argv[] = {l->loader, "--list", program, NULL};
    const struct profiler_spawn list = {.argv = argv, .core = -1};
    char *rest = text;

    memset(l, 0, sizeof *l);
    int dynamic = profiler_interpreter(program, l->loader, sizeof l->loader);
    if (dynamic < 0)
        return profiler_fail(why, why_bytes, "%s: %s", program,
                             dynamic == -ENOEXEC ? "no program for this machine"
                                                 : strerror(-dynamic));
    if (dynamic == 0)
        return 0;
    if (l->loader[0] != '/')
        return profiler_fail(why, why_bytes, "%s names no loader", program);
    if (profiler_run(&list, LIST_SECONDS, text, sizeof text, why, why_bytes) != 0)
        return -1;
    for (char *line; (line = strtok_r(rest, "\n", &rest));)
        if (add(l, program, line, why, why_bytes) != 0)
            return -1;
    return 0;
}
