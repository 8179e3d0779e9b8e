#include "workloads/load/text.h"
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 1e18 /* in units of one; so that sums of a few fit in 64 bits */

bool text_number(const char **at, const struct unit *units, double *value) {
    char *end;
    const char *begin = *at + strspn(*at, " \t");
    if (*begin < '0' || *begin > '9') {
        return false;
    }
    double number = strtod(begin, &end);
    for (const struct unit *u = units; u->name != NULL; u++) {
        size_t n = strlen(u->name);
        if (strncmp(end, u->name, n) == 0 && end[n] != '\0' && strchr(" \t\r\n,", end[n]) != NULL) {
            *at = end + n;
            *value = number * u->factor;
            return *value < NUMBER_MAX;
        }
    }
    return false;
}

const char *text_after(const char *text, const char *label) {
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        const char *word = line + strspn(line, " \t\r\n");
        if (strncmp(word, label, strlen(label)) == 0) {
            return word + strlen(label);
        }
        line = word;
    }
    return NULL;
}

bool text_number_after(const char *text, const char *label, const struct unit *units,
                       double *value) {
    const char *at = text_after(text, label);
    return at != NULL && text_number(&at, units, value);
}
