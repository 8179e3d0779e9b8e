/*
 * What a ported program asked for and our library has not, as the library says it on the console:
 *
 *   memcached: not supported: timer_create (3), inotify_init1 (1)
 *
 * A call may be named again, with how often it was made until then.
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

/* "NAME (COUNT)" at *at, which is moved behind it and the comma. False: it is something else. */
static bool take(const char **at, const char *end, struct target_call *call) {
    const char *open = memchr(*at, '(', (size_t)(end - *at));
    char *after;

    if (!open || open - *at < 2 || open[-1] != ' ' || (size_t)(open - *at) > sizeof call->name)
        return false;
    snprintf(call->name, sizeof call->name, "%.*s", (int)(open - 1 - *at), *at);
    call->count = strtoull(open + 1, &after, 10);
    if (after == open + 1 || *after != ')')
        return false;
    *at = after + 1;
    *at += strspn(*at, ", ");
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
        while (at < end && take(&at, end, &call))
            count = keep(&call, calls, count, most);
        line = end;
    }
    return count;
}
