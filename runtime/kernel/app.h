/*
 * Applications: each its own address space, in ring 3, on one core or several.
 */
#ifndef NK_APP_H
#define NK_APP_H

#include "boot.h"
#include "context.h"
#include "runtime/abi/start.h"

struct nk_app {
    uint32_t number; /* from 1: owner of memory and resources; 0: there is no such app */
    bool runs;       /* false before it was loaded and once it has ended */
    uint64_t tables_physical;
    const char *name; /* argv[0] */
    uint32_t argc;
    const char *argv[NOM_ARGS_MAX];
    unsigned port_count; /* I/O ports it may use (ports.h) */
    uint64_t ports[NK_IO_WORDS];
    struct nk_context contexts[NK_CORES_MAX]; /* at most one a core */
};

/* Starts what the command line names; ends the machine with NOM_EXIT_BAD_COMMAND and one line that
 * says why, if that cannot be. Returns with every app READY. */
void nk_app_start(struct nk_boot *boot, uint32_t syscall_entry);

/* NULL unless an app of this number runs. */
struct nk_app *nk_app_by_number(uint64_t number);

/*
 * Ends an app, the current one or another: no core is in it any more when this returns, and
 * everything it owned has been given back. exit_value as in abi/start.h; the line that says why
 * stands on the console already. When it was the last, the machine powers off and this does not
 * return. The caller touches nothing of the app afterwards.
 */
void nk_app_kill(struct nk_app *app, uint8_t exit_value);

#endif
