/*
 * The start of a test app that serves port 80 and goes round in the loop of adapting apps: it takes
 * that loop's options, and opens network, port and control port.
 */
#ifndef TESTS_GUEST_SERVER_H
#define TESTS_GUEST_SERVER_H

#include "runtime/app/loop.h"
#include "runtime/net/net.h"
#include "runtime/net/pcb.h"
#include "runtime/platform/platform.h"

#define SERVER_PORT 80u

/* 0, or the exit status of an app that has said what is wrong. */
static inline int server_open(const struct app *app, tcp_accept_fn accept, int argc, char **argv) {
    struct app_options o;
    char text[200] = "its port is taken";
    app_options_init(&o);
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc || app_option_set(&o, argv[i], argv[i + 1]) != APP_OPTION_TAKEN) {
            plat_log("%s: bad option %s (" APP_OPTION_NAMES ")", app->name, argv[i]);
            return 2;
        }
    }
    if (!o.address || app_open(app, &o, text, sizeof text) != 0 ||
        net_pcb_listen(SERVER_PORT, accept) != 0 || app_open_control(text, sizeof text) != 0) {
        plat_log("%s: %s", app->name, o.address ? text : "--ip A.B.C.D/LEN is needed");
        return 1;
    }
    app_describe(SERVER_PORT, text, sizeof text);
    plat_log("%s: ready%s", app->name, text);
    return 0;
}

#endif
