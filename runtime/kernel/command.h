/*
 * The kernel's command line: apps separated by "--", each a name and arguments separated by blanks.
 * No name begins with "-": where such a word follows a "--", both are arguments of the app before,
 * as a ported program has them (memcached --ip 10.0.0.2/24 -- -t 1).
 */
#ifndef NK_COMMAND_H
#define NK_COMMAND_H

#include "app.h"

/* Cuts boot->command into name, argc and argv (which points into it) of apps[0 .. *count - 1], at
 * most NOM_APPS_MAX. NULL, or why that cannot be. */
const char *nk_command_parse(struct nk_boot *boot, struct nk_app *apps, unsigned *count);

#endif
