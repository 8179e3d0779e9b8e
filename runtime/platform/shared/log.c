/* plat_log: one line, whole; where it goes is the floor's. */
#include "runtime/platform/platform.h"
#include <stdarg.h>
#include <stdio.h>

void plat_log(const char *format, ...) {
    char line[PLAT_PRINT_MAX + 1];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, PLAT_PRINT_MAX, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    if (length >= (int)PLAT_PRINT_MAX)
        length = PLAT_PRINT_MAX - 1;
    line[length++] = '\n';
    plat_print(line, (size_t)length);
}
