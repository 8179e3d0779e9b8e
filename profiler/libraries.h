/*
 * What a program of this machine needs to run elsewhere.
 */
#ifndef PROFILER_LIBRARIES_H
#define PROFILER_LIBRARIES_H

#include <stddef.h>

#define PROFILER_LIBRARIES_MAX 32u

struct profiler_libraries {
    char loader[256]; /* "/lib64/ld-linux-x86-64.so.2"; "": the program is static */
    char file[PROFILER_LIBRARIES_MAX][256]; /* in the order the loader loads them */
    size_t count;
};

/* Asks the program's loader, which does not run it. 0, or -1 with why: no ELF file of this machine,
 * or a library is missing. */
int profiler_libraries_find(const char *program, struct profiler_libraries *libraries, char *why,
                            size_t why_bytes);
/* The loader that an ELF file asks for: 1; 0: it is static, interpreter is then "". -errno
 * (-ENOEXEC: not ELF for this machine, or cut short). */
int profiler_interpreter(const char *path, char *interpreter, size_t bytes);

#endif
