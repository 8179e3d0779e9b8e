/*
 * lwIP's network interface on a struct nic: received frames become pbufs, pbufs become frames.
 *
 * Receive: a frame's buffer goes to lwIP as it is, inside a pbuf whose release gives it back. When
 * half of all that may be lent is out, frames are copied instead, so that an app that keeps what it
 * received cannot starve the ring; so are fragments, which wait for each other.
 * Transmit: a pbuf chain goes to the NIC as it is and stays referenced until reaped; one that is
 * too long, lacks headroom or lies where no device reaches is copied into one piece first. If it
 * does not fit the ring lwIP is told so, keeps the segment, and is called again when there is room.
 */
#ifndef NET_ETHERNET_H
#define NET_ETHERNET_H

#include "lwip/netif.h"
#include "runtime/abi/control.h"
#include "runtime/net/batch.h"
#include "runtime/net/net.h"
#include "runtime/platform/nic.h"

struct net_ethernet {
    struct nic *nic;
    struct batch *batch;
    struct nom_net_counters *counters;
    const struct netif *ours, *loop; /* lwIP's interfaces */
    uint32_t lent;                   /* receive buffers inside lwIP */
    uint32_t placed;                 /* frames in the transmit ring, not reaped */
    uint64_t first_sent_tsc;         /* of the first kick since it was set to 0 */
    bool blocked;                    /* lwIP was refused: call it again when there is room */
};

/* Adds the interface as lwIP's default; e stays where it is. 0, or -1 if lwIP refuses. */
int net_ethernet_open(struct net_ethernet *e, const struct net_config *config);
/* The NIC is gone: frames on their way are let go of, and lwIP finds no route. */
void net_ethernet_lost(struct net_ethernet *e);
/* e->nic is on another device: lwIP goes on with it, and tells the neighbours its address. */
void net_ethernet_found(struct net_ethernet *e);
/* Hands one received frame to lwIP. */
void net_ethernet_input(struct net_ethernet *e, const struct nic_rx_frame *frame);
/* Packets that we sent ourselves wait for net_ethernet_loop, which hands them to lwIP. */
static inline bool net_ethernet_loops(const struct net_ethernet *e) {
    return e->ours->loop_first != NULL || e->loop->loop_first != NULL;
}
void net_ethernet_loop(void);
/* Lets go of frames the NIC is done with; true if there were any. */
bool net_ethernet_reap(struct net_ethernet *e);
/* Tells the NIC of the frames placed. */
void net_ethernet_kick(struct net_ethernet *e);
/* Little room left for frames. */
bool net_ethernet_nearly_full(const struct net_ethernet *e);

#endif
