/*
 * What a ported program asked for and our library has not, as the library says it on the console,
 * when it is asked first and at the program's end:
 *
 *   memcached: not supported: timer_create
 *   memcached: not supported: timer_create (3), inotify_init1 (1)
 */
#include "profiler/internal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAID "not supported: "

/* Keeps the greatest count of a name. */
static size_t keep(const struct target_call *call, struct target_call *calls, size_t count,
                   size_t most) {
    size_t i = 0;

    while (i < count && strcmp(calls[i].name, call->name) != 0)
        i++;
    if (i == most)
        return count;
    if (i == count)
        calls[count++] = *call;
    else if (call->count > calls[i].count)
        calls[i].count = call->count;
    return count;
}

/* One of a list, of n bytes. False: it is something else. */
static bool parse(const char *item, size_t n, struct target_call *call) {
    const char *open = memrchr(item, '(', n);
    size_t name = n;
    char *after;

    call->count = 1;
    if (open) {
        call->count = strtoull(open + 1, &after, 10);
        if (after == open + 1 || after != item + n - 1 || *after != ')' || open == item ||
            open[-1] != ' ')
            return false;
        name = (size_t)(open - 1 - item);
    }
    if (name == 0 || name >= sizeof call->name)
        return false;
    snprintf(call->name, sizeof call->name, "%.*s", (int)name, item);
    return true;
}

size_t profiler_unsupported(const char *log, const char *app, struct target_call *calls,
                            size_t most) {
    char prefix[TRIAL_NAME_BYTES + sizeof SAID + 2];
    struct target_call call;
    size_t count = 0;

    snprintf(prefix, sizeof prefix, "%.*s: " SAID, (int)TRIAL_NAME_BYTES - 1, app);
    for (const char *line = log; (line = profiler_serial_find(line, prefix));) {
        const char *at = line + strlen(prefix), *end = line + strcspn(line, "\r\n");
        for (size_t n; at < end; at += n + strspn(at + n, ", ")) {
            n = strcspn(at, ",\r\n");
            if (parse(at, n, &call))
                count = keep(&call, calls, count, most);
        }
        line = end;
    }
    return count;
}
