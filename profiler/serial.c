/*
 * Reads a guest's console as lines. What a guest prints is data from outside: any bytes may come.
 */
#include "profiler/internal.h"
#include <string.h>

void profiler_serial_last(const char *log, char *line, size_t bytes) {
    const char *end = log + strlen(log);

    line[0] = '\0';
    while (end > log && !line[0]) {
        const char *begin = end;
        while (begin > log && begin[-1] != '\n')
            begin--;
        size_t n = 0;
        for (const char *c = begin; c < end && n + 1 < bytes; c++)
            if ((unsigned char)*c >= ' ' && *c != 0x7f)
                line[n++] = *c;
        while (n && line[n - 1] == ' ')
            n--;
        line[n] = '\0';
        end = begin > log ? begin - 1 : log;
    }
}

/* The first line from `line`, the beginning of one, on. */
static const char *find_from(const char *line, const char *prefix) {
    size_t n = strlen(prefix);

    for (; line; line = strchr(line, '\n')) {
        if (*line == '\n')
            line++;
        if (strncmp(line, prefix, n) == 0)
            return strchr(line, '\n') ? line : NULL;
    }
    return NULL;
}

const char *profiler_serial_find(const char *log, const char *prefix) {
    return find_from(log, prefix);
}

uint32_t profiler_serial_count(const char *log, const char *prefix) {
    uint32_t count = 0;

    for (const char *line = log; (line = find_from(line, prefix)); line = strchr(line, '\n'))
        count++;
    return count;
}

void profiler_serial_last_of(const char *log, const char *prefix, char *line, size_t bytes) {
    size_t n = 0;

    line[0] = '\0';
    for (const char *at = log; (at = find_from(at, prefix)); at = strchr(at, '\n')) {
        n = 0;
        for (const char *c = at; *c != '\n' && n + 1 < bytes; c++)
            if ((unsigned char)*c >= ' ' && *c != 0x7f)
                line[n++] = *c;
        line[n] = '\0';
    }
}
