/*
 * Whether a program that says nothing of being ready is: the kernel's own list of sockets shows it,
 * without a connection that the program would have to take.
 */
#include "profiler/internal.h"
#include <stdio.h>

#define LISTEN 0x0a /* TCP_LISTEN, as /proc/net/tcp has it */

bool profiler_listens(pid_t pid, int port) {
    char path[64], line[256];
    unsigned local, state;
    bool found = false;

    snprintf(path, sizeof path, "/proc/%d/net/tcp", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    while (!found && fgets(line, sizeof line, file))
        found = sscanf(line, " %*u: %*x:%x %*x:%*x %x", &local, &state) == 2 && state == LISTEN &&
                local == (unsigned)port;
    fclose(file);
    return found;
}
