/*
 * Runs nhttpd on a floor as a trial would, for tests that look at it while it runs:
 *
 *   floor NAME ACCEL
 *
 * Prints "ready PID" (of QEMU) once the app is, or one line on why it is not, then waits for the
 * end of its input. It is in the network namespace from which the app is reached. NOM_HOME names
 * the guest files.
 */
#include "profiler/profiler.h"
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv) {
    static volatile const int never;
    struct profiler_paths paths;
    struct trial_settings settings;
    struct target target;
    struct target_options options = {.ready_timeout_seconds = 120};
    char why[300], byte;
    const struct profiler_floor *floor = argc == 3 ? profiler_floor_find(argv[1]) : NULL;
    if (!floor || profiler_paths("nhttpd", &paths, why, sizeof why) != 0) {
        printf("%s\n", floor ? why : "usage: floor NAME ACCEL");
        return 2;
    }
    profiler_settings_default(&paths, "nhttpd", floor, argv[2], &settings);
    int result = target_start(&target, &paths, &settings, &options, &never, why, sizeof why);
    if (result == 0)
        printf("ready %d\n", (int)target.pid);
    else
        printf("%s\n", why);
    fflush(stdout);
    while (result == 0 && read(STDIN_FILENO, &byte, 1) > 0)
        target_pump(&target, NULL);
    target_stop(&target);
    return result == 0 ? 0 : 1;
}
