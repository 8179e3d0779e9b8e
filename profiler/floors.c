/*
 * What an app can run on.
 */
#include "profiler/internal.h"
#include <string.h>

const struct profiler_floor profiler_floors[] = {
    {"nom", "a nom guest: our kernel, the app's own driver and stack", true, true},
    {"hosted", "a process of this Linux, with the app's own stack", false, true},
    {"host", "a process of this Linux, on its sockets", false, false},
    {"linux", "a Linux guest, on its sockets", true, false},
    {"osv", "an OSv guest of yours, on its sockets", true, false},
};
const size_t profiler_floor_count = sizeof profiler_floors / sizeof profiler_floors[0];

const struct profiler_floor *profiler_floor_find(const char *name) {
    for (size_t i = 0; i < profiler_floor_count; i++)
        if (strcmp(profiler_floors[i].name, name) == 0)
            return &profiler_floors[i];
    return NULL;
}
