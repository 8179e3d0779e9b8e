/* The control protocol on a TCP port of the app's own stack. */
#ifndef NET_CONTROL_PORT_H
#define NET_CONTROL_PORT_H

#include "runtime/lib/control.h"

#define CONTROL_PORT_SESSIONS_MAX 4u  /* more are refused */
#define CONTROL_PORT_IDLE_S       30u /* silent for so long: closed, so that none keeps a place */

/* Listens; `app` must outlive it. 0, or -1 if the port cannot be had. Call after net_open. */
int control_port_open(uint16_t port, const struct control_app *app);

#endif
