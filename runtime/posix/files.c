/* What a program finds when it starts. */
#include "runtime/platform/platform.h"
#include "runtime/posix/console.h"
#include "runtime/posix/posix.h"
#include "runtime/posix/random.h"
#include "runtime/posix/tree.h"

int posix_files_start(void) {
    posix_random_start();
    if (posix_initrd_start() != 0) {
        plat_log("%s: no memory for the names of files", posix_name);
        return -1;
    }
    if (posix_console_start() != 0) {
        plat_log("%s: no descriptors for the console", posix_name);
        return -1;
    }
    return 0;
}
