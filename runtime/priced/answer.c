/* A provider's words may stand in a line of ours; what could move a terminal's cursor may not. */
#include "runtime/priced/answer.h"
#include <stdarg.h>
#include <stdio.h>

int priced_trouble(struct priced_trouble *t, enum priced_failure failure, const char *format, ...) {
    va_list arguments;
    t->failure = failure;
    va_start(arguments, format);
    vsnprintf(t->text, sizeof t->text, format, arguments);
    va_end(arguments);
    for (char *at = t->text; *at != '\0'; at++)
        if (*at < ' ' || *at > '~')
            *at = '?';
    return -1;
}
