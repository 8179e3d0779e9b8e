/* plat_log: one line, whole; where it goes is the floor's (shared.h). */
#include "runtime/platform/platform.h"
#include "runtime/platform/shared/shared.h"
#include <stdarg.h>
#include <stdio.h>

#define LOG_BYTES_MAX 1000

void plat_log(const char *format, ...) {
    char line[LOG_BYTES_MAX + 1];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, LOG_BYTES_MAX, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    if (length >= LOG_BYTES_MAX)
        length = LOG_BYTES_MAX - 1;
    line[length++] = '\n';
    plat_print(line, (size_t)length);
}
