/* Numbers in what other programs print. Private to this folder. */
#ifndef LOAD_TEXT_H
#define LOAD_TEXT_H

#include <stdbool.h>

struct unit {
    const char *name; /* NULL ends a list of them */
    double factor;
};

/* "12.34ms" at *at -> 12340 in *value; *at moves past it. What the text ends in may have been cut
 * short, and is no number. */
bool text_number(const char **at, const struct unit *units, double *value);
/* What follows the first `label` that begins a line (but for white space); NULL: there is none. */
const char *text_after(const char *text, const char *label);
bool text_number_after(const char *text, const char *label, const struct unit *units,
                       double *value);

#endif
