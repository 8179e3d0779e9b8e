/* serve.h: the listener, and whom it turns away. */
#include "workloads/netpipe/serve.h"
#include "runtime/net/net.h"
#include "runtime/net/pcb.h"
#include "runtime/platform/platform.h"
#include "workloads/netpipe/connection.h"
#include <stdio.h>

static bool refusing;
static uint64_t refused;

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err) {
    (void)arg;
    if (err != ERR_OK || !pcb)
        return ERR_VAL;
    net_accepted(pcb);
    if (!refusing && np_connection_open(pcb))
        return ERR_OK;
    if (refusing)
        refused++;
    else
        plat_log("netpipe: a client was turned away: no more connections than there are");
    return net_pcb_abort(pcb);
}

int np_open(uint16_t port, uint32_t connections, const struct np_settings *settings, char *why,
            size_t why_bytes) {
    size_t chunks = plat_memory_share() / NP_MEMORY_PARTS / sizeof(struct np_chunk);
    np_connection_limits(settings, connections, (uint32_t)LWIP_MIN(chunks, UINT32_MAX));
    if (net_pcb_listen(port, on_accept) == 0)
        return 0;
    snprintf(why, why_bytes, "cannot listen at port %u", port);
    return -1;
}

void np_serving(bool serving) {
    refusing = !serving;
}

void np_tick(void) {
    if (refusing)
        np_connection_end_all("at these prices every answer would lose money");
}

void np_counters(struct np_counters *out) {
    np_connection_counters(out);
    out->refused = refused;
}
