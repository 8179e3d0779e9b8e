/* Says what it was given: arguments, one a line. Exit status: the number after --exit, else 0. */
#include "runtime/platform/platform.h"
#include <stdlib.h>
#include <string.h>

int plat_main(int argc, char **argv) {
    int status = 0;
    for (int i = 0; i < argc; i++) {
        plat_log("argument %d: %s", i, argv[i]);
        if (strcmp(argv[i], "--exit") == 0 && i + 1 < argc)
            status = (int)strtol(argv[i + 1], NULL, 10);
    }
    return status;
}
