/* What the files of this folder tell each other. */
#ifndef PRICED_NOM_H
#define PRICED_NOM_H

#include <stdbool.h>

bool floor_has_network(void);
bool fetch_is_open(void); /* a fetch is under way */

#endif
