/* The connections of serve.h. */
#ifndef NETPIPE_CONNECTION_H
#define NETPIPE_CONNECTION_H

#include "workloads/netpipe/serve.h"
#include <lwip/tcp.h>

struct np_connection {
    struct tcp_pcb *pcb; /* NULL: the slot is free */
    struct np_run run;
    struct pbuf *held; /* received, not taken by np_input yet */
    bool client_ended;
    uint32_t window;       /* of the load estimate, in which it was last active */
    uint64_t heard_bytes;  /* and acknowledged ones */
    uint64_t seen_bytes;   /* of those, at the last look */
    uint32_t silent_looks; /* since they became no more */
};

/* Of messages' memory, at most so many chunks. */
void np_connection_limits(const struct np_settings *settings, uint32_t connections,
                          uint32_t chunks);
/* Gives an accepted pcb a slot; false if there is none left. */
bool np_connection_open(struct tcp_pcb *pcb);
/* Ends all that are open, with one line each. Outside the stack's callbacks. */
void np_connection_end_all(const char *why);

/* All but how many were refused. */
void np_connection_counters(struct np_counters *out);

#endif
