/*
 * Applications: each its own address space, in ring 3. One may run for now; the command line's
 * grammar knows several.
 */
#ifndef NK_APP_H
#define NK_APP_H

#include "boot.h"
#include "runtime/abi/start.h"

struct nk_app {
    uint32_t number; /* from 1: owner of blocks and resources */
    uint64_t tables_physical;
    uint64_t device_next; /* where its next BAR will lie */
    const char *name;     /* argv[0] */
    uint32_t argc;
    const char *argv[NOM_ARGS_MAX];
};

/* Starts what the command line names; ends the machine with NOM_EXIT_BAD_COMMAND and one line that
 * says why, if that cannot be. */
_Noreturn void nk_app_run(struct nk_boot *boot, uint32_t syscall_entry);

/* The app in ring 3, NULL before the first. */
struct nk_app *nk_app_current(void);

/* The current app has ended: everything it owned is taken back, and when it was the last the
 * machine powers off with this value (abi/start.h). */
_Noreturn void nk_app_end(uint8_t exit_value);

#endif
