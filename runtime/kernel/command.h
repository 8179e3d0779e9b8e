/*
 * The kernel's command line: apps separated by "--", each a name and arguments separated by blanks.
 */
#ifndef NK_COMMAND_H
#define NK_COMMAND_H

#include "app.h"

/* Cuts boot->command into app->argv (which points into it). NULL, or why that cannot be. */
const char *nk_command_parse(struct nk_boot *boot, struct nk_app *app);

#endif
