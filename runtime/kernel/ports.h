/*
 * I/O ports of devices (spec K6): which of them an app may use, by the processor's own map of
 * ports. I/O BARs are placed between NK_IO_START and NK_IO_END; no app may use any other port.
 */
#ifndef NK_PORTS_H
#define NK_PORTS_H

#include "machine.h"

struct nk_app;
struct nk_core;

/* No port may be used on this core. */
void nk_ports_start(struct nk_core *core);
/* The app runs on this core from now on. */
void nk_ports_load(struct nk_core *core, const struct nk_app *app);

/* The app may, may no longer use these ports, on any core. They lie between the two bounds. */
void nk_ports_give(struct nk_app *app, unsigned first, unsigned count);
void nk_ports_take(struct nk_app *app, unsigned first, unsigned count);

#endif
