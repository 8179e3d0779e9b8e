/*
 * Invariant: a core's map of ports is its app's while that app has ports, and out of reach of the
 * processor otherwise. A set bit forbids; those below NK_IO_START stay set.
 */
#include "ports.h"
#include "app.h"

void nk_ports_start(struct nk_core *core) {
    for (unsigned i = 0; i < sizeof core->port_map; i++)
        core->port_map[i] = 0xff;
    core->tss.io_map = NK_PORT_MAP_NONE;
}

void nk_ports_load(struct nk_core *core, const struct nk_app *app) {
    core->tss.io_map = NK_PORT_MAP_NONE;
    if (app->port_count == 0)
        return;
    nk_copy_words(core->port_map + NK_IO_START / 8, app->ports, NK_IO_WORDS);
    core->tss.io_map = sizeof core->tss;
}

static void everywhere(const struct nk_app *app) {
    for (unsigned i = 0; i < nk_core_count; i++)
        if (nk_cores[i].current && nk_cores[i].current->app == app)
            nk_ports_load(&nk_cores[i], app);
}

void nk_ports_give(struct nk_app *app, unsigned first, unsigned count) {
    if (app->port_count == 0)
        for (unsigned i = 0; i < NK_IO_WORDS; i++)
            app->ports[i] = ~0ULL;
    app->port_count += count;
    for (unsigned bit = first - NK_IO_START; count > 0; bit++, count--)
        app->ports[bit / 64] &= ~(1ULL << bit % 64);
    everywhere(app);
}

void nk_ports_take(struct nk_app *app, unsigned first, unsigned count) {
    app->port_count -= count;
    for (unsigned bit = first - NK_IO_START; count > 0; bit++, count--)
        app->ports[bit / 64] |= 1ULL << bit % 64;
    everywhere(app);
}
