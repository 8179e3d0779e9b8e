/*
 * The hash table of park.h. Chains go through pcb->next, which no list of lwIP uses meanwhile.
 *
 *   tcp_active_pcbs --net_park_idle--> a chain --net_park_packet, net_unpark--> tcp_active_pcbs
 *
 * Invariant: a pcb is in a chain if and only if its flag PARKED is set; its ends do not change.
 * The hash is keyed, so that no peer can choose ports that meet in one chain.
 */
#include "runtime/net/park.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/tcp.h"
#include <string.h>

#define CHAINS       (1u << 14)
#define PARKED       0x8000u /* in pcb->flags, unused by lwIP */
#define SILENT_TICKS 2u      /* of lwIP's slow timer, without a segment */
#define ANY_WORK                                                                                   \
    (TF_ACK_DELAY | TF_ACK_NOW | TF_INFR | TF_CLOSEPEND | TF_RXCLOSED | TF_FIN | TF_NAGLEMEMERR |  \
     TF_BACKLOGPEND | TF_RTO)

static struct tcp_pcb *chains[CHAINS];
static uint32_t parked;
static uint64_t key;

static struct tcp_pcb **chain_of(uint32_t remote, uint16_t remote_port, uint16_t local_port) {
    uint64_t x = ((uint64_t)remote << 32 | (uint32_t)remote_port << 16 | local_port) ^ key;
    x *= 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 32 ^ key) * 0xd6e8feb86659fd93u;
    return &chains[x >> 50];
}
_Static_assert(CHAINS == 1u << (64 - 50), "a hash picks a chain");

static bool is_idle(const struct tcp_pcb *pcb) {
    return pcb->state == ESTABLISHED && pcb->poll == NULL && (pcb->flags & ANY_WORK) == 0 &&
           pcb->unsent == NULL && pcb->unacked == NULL && pcb->ooseq == NULL &&
           pcb->refused_data == NULL && pcb->persist_backoff == 0 &&
           !ip_get_option(pcb, SOF_KEEPALIVE) && (uint32_t)(tcp_ticks - pcb->tmr) >= SILENT_TICKS;
}

uint32_t net_park_idle(void) {
    uint32_t busy = 0;
    if (key == 0) {
        key = (uint64_t)LWIP_RAND() << 32 | LWIP_RAND() | 1;
    }
    for (struct tcp_pcb **at = &tcp_active_pcbs; *at != NULL;) {
        struct tcp_pcb *pcb = *at;
        if (!is_idle(pcb)) {
            at = &pcb->next;
            busy++;
            continue;
        }
        *at = pcb->next;
        struct tcp_pcb **chain =
            chain_of(ip4_addr_get_u32(&pcb->remote_ip), pcb->remote_port, pcb->local_port);
        pcb->next = *chain;
        *chain = pcb;
        tcp_set_flags(pcb, PARKED);
        parked++;
    }
    return busy;
}

/* *at is one of a chain. */
static void bring_back(struct tcp_pcb **at) {
    struct tcp_pcb *pcb = *at;
    *at = pcb->next;
    tcp_clear_flags(pcb, PARKED);
    parked--;
    TCP_REG_ACTIVE(pcb);
}

void net_unpark(struct tcp_pcb *pcb) {
    if ((pcb->flags & PARKED) == 0) {
        return;
    }
    struct tcp_pcb **at =
        chain_of(ip4_addr_get_u32(&pcb->remote_ip), pcb->remote_port, pcb->local_port);
    while (*at != pcb) {
        at = &(*at)->next;
    }
    bring_back(at);
}

void net_park_packet(const void *packet, uint32_t bytes) {
    const unsigned char *data = packet;
    struct ip_hdr ip;
    uint16_t ports[2];
    if (parked == 0 || bytes < IP_HLEN + TCP_HLEN) {
        return;
    }
    memcpy(&ip, data, sizeof ip);
    uint32_t tcp = IPH_HL_BYTES(&ip);
    if (IPH_V(&ip) != 4 || IPH_PROTO(&ip) != IP_PROTO_TCP || bytes < tcp + TCP_HLEN) {
        return;
    }
    memcpy(ports, data + tcp, sizeof ports);
    uint16_t remote_port = lwip_ntohs(ports[0]), local_port = lwip_ntohs(ports[1]);
    for (struct tcp_pcb **at = chain_of(ip.src.addr, remote_port, local_port); *at != NULL;
         at = &(*at)->next) {
        const struct tcp_pcb *pcb = *at;
        if (pcb->remote_port == remote_port && pcb->local_port == local_port &&
            ip4_addr_get_u32(&pcb->remote_ip) == ip.src.addr) {
            bring_back(at);
            return;
        }
    }
}

uint32_t net_parked(void) {
    return parked;
}

int net_port_ip4_input(struct pbuf *p) {
    net_park_packet(p->payload, p->len);
    return 0;
}
