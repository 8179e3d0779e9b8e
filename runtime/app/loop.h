/*
 * The loop of an adapting app. Each turn it looks for new prices and polls the network, each
 * millisecond it looks at the load and the NIC, and it applies what the chooser decides
 * (lib/adapt). Without a frame for poll_us it sleeps, until an interrupt or until something is due,
 * and polls again.
 *
 * The load is the number of connections that were active within a window of 10 ms, not those
 * half-way through a request at one instant: at 0.3 us a request there is nearly never one.
 */
#ifndef APP_LOOP_H
#define APP_LOOP_H

#include "runtime/abi/control.h"
#include "runtime/app/options.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the loop asks of its app. A NULL is never called. */
struct app {
    const char *name;                               /* as tables carry it */
    uint32_t (*active)(void);                       /* connections active since the last call */
    void (*tick)(void);                             /* each millisecond, or later after a sleep */
    bool (*waits)(void);                            /* it needs the next tick: no longer sleep */
    void (*serving)(bool serving);                  /* false: every row loses, send nothing new */
    void (*statistics)(struct nom_statistics *out); /* requests, refused, connections */
};

/* Opens network and chooser; app and what it points to outlive it. 0, or -1 with one line in why.
 * Once. */
int app_open(const struct app *app, const struct app_options *o, char *why, size_t why_bytes);
/* The control port, if the options have one: after the app has its own ports. 0 or -1 likewise. */
int app_open_control(char *why, size_t why_bytes);
/* " at 10.0.0.2:80, control port 7700, delay 4 us, natural", for the line that says it is ready;
 * port 0: none. */
void app_describe(uint16_t port, char *text, size_t bytes);

/* One turn, which may sleep, but not beyond until_tsc: 0 never sleeps, UINT64_MAX has no end. False
 * once the app is to end: the floor asks for it, or (app_lost_nic) there is no network any more. */
bool app_turn(uint64_t until_tsc);
bool app_lost_nic(void);
/* How much time it slept so far, in ticks of the TSC. */
uint64_t app_slept_tsc(void);

#endif
