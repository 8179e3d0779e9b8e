/*
 * ethernet.h. With NICs that sum what they send, lwIP leaves the checksum of TCP and UDP 0 and the
 * pseudo-header's sum is put there just before the frame is placed; each retransmission does it
 * anew.
 *
 * OPEN --a frame does not fit--> BLOCKED --a quarter of the ring is free--> OPEN. While blocked no
 * data is taken, so that whoever happens to be served next does not take each place that comes
 * free; then those refused are served in turn.
 */
#include "runtime/net/ethernet.h"
#include "lwip/etharp.h"
#include "lwip/inet_chksum.h"
#include "lwip/ip4.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/tcp.h"
#include "lwip/prot/udp.h"
#include "netif/ethernet.h"
#include "runtime/net/fragment.h"
#include "runtime/net/heap.h"
#include "runtime/platform/platform.h"
#include <string.h>

#define RX_BUFFERS_MAX      1024u /* greatest 2 * rx_size */
#define REAP_BURST          32u
#define RESUME_MAX          64u
#define ALWAYS_BYTES        128u /* frames up to this go out while others wait: ACKs, ARP */
#define TYPE_OFFSET         12u  /* of a frame's protocol */
#define TCP_CHECKSUM_OFFSET 16u
#define UDP_CHECKSUM_OFFSET 6u
#define CHECK_SUMS          (NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP)
#define MAKE_SUMS           (NETIF_CHECKSUM_GEN_TCP | NETIF_CHECKSUM_GEN_UDP)
#define ROOM_LEAST          (2u * NIC_TX_FRAGMENTS_MAX) /* descriptors */

_Static_assert(PBUF_LINK_ENCAPSULATION_HLEN >= NIC_TX_HEADROOM, "room for the NIC's header");

struct rx_pbuf {
    struct pbuf_custom custom; /* first */
    struct net_ethernet *ethernet;
    uint32_t buffer;
};

static struct netif netif;
static struct rx_pbuf rx_pbufs[RX_BUFFERS_MAX];

/* ---- receive ---- */

static void rx_free(struct pbuf *p) {
    struct rx_pbuf *rx = (struct rx_pbuf *)(void *)p;
    struct nic *nic = rx->ethernet->nic;
    rx->ethernet->lent--;
    nic->ops->rx_release(nic, rx->buffer);
}

static bool is_loop(uint32_t address_be) {
    return (address_be & PP_HTONL(0xff000000)) == PP_HTONL(0x7f000000);
}

static struct pbuf *lend(struct net_ethernet *e, const struct nic_rx_frame *frame) {
    struct rx_pbuf *rx = &rx_pbufs[frame->buffer];
    rx->custom.custom_free_function = rx_free;
    rx->ethernet = e;
    rx->buffer = frame->buffer;
    struct pbuf *p = pbuf_alloced_custom(PBUF_RAW, (u16_t)frame->bytes, PBUF_REF, &rx->custom,
                                         frame->data, (u16_t)frame->bytes);
    e->lent++;
    return p;
}

/* What waits for a segment before it may hold all the memory there is, and then that segment cannot
 * come in either: it goes, and its senders send it again. */
static void drop_out_of_order(void) {
    for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next) {
        if (pcb->ooseq != NULL) {
            tcp_free_ooseq(pcb);
        }
    }
}

static struct pbuf *copy(struct net_ethernet *e, const struct nic_rx_frame *frame) {
    const u16_t bytes = (u16_t)(frame->bytes + 1); /* nic.h */
    net_heap_receiving(true);
    struct pbuf *p = pbuf_alloc(PBUF_RAW, bytes, PBUF_RAM);
    if (p == NULL) {
        drop_out_of_order();
        p = pbuf_alloc(PBUF_RAW, bytes, PBUF_RAM);
    }
    net_heap_receiving(false);
    if (p != NULL) {
        pbuf_realloc(p, (u16_t)frame->bytes);
        memcpy(p->payload, frame->data, frame->bytes);
    }
    e->nic->ops->rx_release(e->nic, frame->buffer);
    return p;
}

/* Frames that are not handed to lwIP: whose packet says that it comes from ourselves, or is for the
 * loop of this machine, which nobody else may; and fragments that nothing whole is made of. */
enum kind { WHOLE, FRAGMENT, UNWANTED };

static enum kind kind_of(const struct nic_rx_frame *frame) {
    const char *data = frame->data;
    struct ip_hdr ip;
    uint16_t type;
    if (frame->bytes < SIZEOF_ETH_HDR + IP_HLEN) {
        return WHOLE;
    }
    memcpy(&type, data + TYPE_OFFSET, sizeof type);
    memcpy(&ip, data + SIZEOF_ETH_HDR, sizeof ip);
    if (type != PP_HTONS(ETHTYPE_IP)) {
        return WHOLE;
    }
    if (ip.src.addr == ip4_addr_get_u32(netif_ip4_addr(&netif)) || is_loop(ip.src.addr) ||
        is_loop(ip.dest.addr)) {
        return UNWANTED;
    }
    if (!net_fragment_is(&ip)) {
        return WHOLE;
    }
    return net_fragment_is_sound(&ip, frame->bytes - SIZEOF_ETH_HDR) ? FRAGMENT : UNWANTED;
}

/* A fragment may wait for seconds: not in one of the NIC's buffers. */
void net_ethernet_input(struct net_ethernet *e, const struct nic_rx_frame *frame) {
    enum kind kind = kind_of(frame);
    if (kind == UNWANTED) {
        e->counters->rx_dropped++;
        e->nic->ops->rx_release(e->nic, frame->buffer);
        return;
    }
    bool may_lend = e->lent < e->nic->rx_size && frame->buffer < RX_BUFFERS_MAX && kind == WHOLE;
    struct pbuf *p = may_lend ? lend(e, frame) : copy(e, frame);
    if (p == NULL) {
        e->counters->rx_dropped++;
        return;
    }
    e->counters->rx_packets++;
    e->counters->rx_bytes += frame->bytes;
    if (frame->checksum_good && kind == WHOLE) { /* the sum is that of all fragments */
        netif.chksum_flags &= (u16_t)~CHECK_SUMS;
    } else {
        netif.chksum_flags |= CHECK_SUMS;
    }
    ethernet_input(p, &netif);
}

/* ---- to ourselves ---- */

void net_ethernet_loop(void) {
    netif.chksum_flags &= (u16_t)~CHECK_SUMS; /* no NIC has summed it, no wire has changed it */
    netif_poll_all();
}

/* ---- transmit ---- */

/* Lets connections that were refused send again, the longest idle first: lwIP moves one that hears
 * from its peer to the front of its list, so those at the end are the ones that starve. */
static void resume(struct net_ethernet *e) {
    struct tcp_pcb *refused[RESUME_MAX];
    uint32_t count = 0;
    for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next) {
        if (pcb->flags & TF_NAGLEMEMERR) {
            refused[count++ % RESUME_MAX] = pcb;
        }
    }
    e->blocked = false;
    for (uint32_t left = LWIP_MIN(count, RESUME_MAX); left > 0 && !e->blocked; left--) {
        tcp_output(refused[--count % RESUME_MAX]);
    }
}

bool net_ethernet_reap(struct net_ethernet *e) {
    void *cookies[REAP_BURST];
    uint32_t n, total = 0;
    if (e->placed == 0 && !e->blocked) {
        return false;
    }
    do {
        n = e->nic->ops->tx_reap(e->nic, cookies, REAP_BURST);
        for (uint32_t i = 0; i < n; i++) {
            pbuf_free(cookies[i]);
        }
        e->placed -= n;
        total += n;
    } while (n == REAP_BURST);
    if (e->blocked && !net_ethernet_nearly_full(e)) {
        resume(e);
    }
    return total > 0;
}

void net_ethernet_kick(struct net_ethernet *e) {
    uint64_t now_tsc = plat_now_tsc(); /* a kick shows the frames first, then takes its time */
    batch_tx_done(e->batch, now_tsc);
    if (e->first_sent_tsc == 0) {
        e->first_sent_tsc = now_tsc;
    }
    if (e->nic->ops->tx_kick(e->nic)) {
        e->counters->kicks++;
    }
}

bool net_ethernet_nearly_full(const struct net_ethernet *e) {
    uint32_t size =
        e->nic->tx_size; /* of a small ring three quarters must do, or it never resumes */
    return e->nic->ops->tx_free(e->nic) < LWIP_MIN(size / 4 + ROOM_LEAST, size / 4 * 3);
}

/* Bytes before the payload that belong to the pbuf. */
static size_t headroom(const struct pbuf *p) {
    if ((p->type_internal & PBUF_TYPE_FLAG_STRUCT_DATA_CONTIGUOUS) == 0) {
        return 0;
    }
    return (size_t)((const char *)p->payload - (const char *)p) - LWIP_MEM_ALIGN_SIZE(sizeof *p);
}

/* Makes the frame of a chain as it lies; -1 if it must be copied first. */
static int describe(const struct pbuf *p, struct nic_tx_frame *frame) {
    if (headroom(p) < NIC_TX_HEADROOM) {
        return -1;
    }
    frame->fragments = 0;
    for (const struct pbuf *q = p; q != NULL; q = q->next) {
        if (q->len == 0) {
            continue;
        }
        if (frame->fragments == NIC_TX_FRAGMENTS_MAX || plat_dma_address(q->payload) == 0) {
            return -1;
        }
        frame->fragment[frame->fragments++] =
            (struct nic_fragment){.data = q->payload, .bytes = q->len};
        if (q->len == q->tot_len) {
            break;
        }
    }
    return 0;
}

/* The sum of the pseudo-header of a TCP or UDP packet, folded. */
static u16_t pseudo_sum(const struct ip_hdr *ip) {
    uint32_t source = ip->src.addr, destination = ip->dest.addr;
    uint32_t sum = (source & 0xffff) + (source >> 16) + (destination & 0xffff) +
                   (destination >> 16) + lwip_htons(IPH_PROTO(ip)) +
                   lwip_htons((u16_t)(lwip_ntohs(IPH_LEN(ip)) - IPH_HL_BYTES(ip)));
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (u16_t)sum;
}

/* Sets up the NIC's checksum if the frame is TCP or UDP whose headers lie in the first fragment. */
static void offload(struct nic_tx_frame *frame) {
    const struct nic_fragment *first = &frame->fragment[0];
    char *data = first->data;
    const struct eth_hdr *ethernet = (const struct eth_hdr *)(const void *)data;
    const struct ip_hdr *ip = (const struct ip_hdr *)(const void *)(data + SIZEOF_ETH_HDR);
    if (first->bytes < SIZEOF_ETH_HDR + IP_HLEN + UDP_HLEN ||
        ethernet->type != PP_HTONS(ETHTYPE_IP)) {
        return;
    }
    bool tcp = IPH_PROTO(ip) == IP_PROTO_TCP;
    uint32_t start = SIZEOF_ETH_HDR + IPH_HL_BYTES(ip);
    if ((!tcp && IPH_PROTO(ip) != IP_PROTO_UDP) ||
        first->bytes < start + (tcp ? TCP_HLEN : UDP_HLEN)) {
        return;
    }
    u16_t sum = pseudo_sum(ip);
    frame->checksum_start = (uint16_t)start;
    frame->checksum_offset = tcp ? TCP_CHECKSUM_OFFSET : UDP_CHECKSUM_OFFSET;
    memcpy(data + start + frame->checksum_offset, &sum, sizeof sum);
}

/* Places a frame; if the ring is full, once more after what it holds was sent. */
static int place(struct net_ethernet *e, const struct nic_tx_frame *frame) {
    struct nic *nic = e->nic;
    if (nic->ops->tx_put(nic, frame) != 0) {
        net_ethernet_kick(e);
        void *cookies[REAP_BURST];
        uint32_t n = nic->ops->tx_reap(nic, cookies, REAP_BURST);
        for (uint32_t i = 0; i < n; i++) {
            pbuf_free(cookies[i]);
        }
        e->placed -= n;
        if (nic->ops->tx_put(nic, frame) != 0) {
            return -1;
        }
    }
    e->placed++;
    return 0;
}

static err_t send(struct netif *interface, struct pbuf *p) {
    struct net_ethernet *e = interface->state;
    struct nic_tx_frame frame; /* its fragments as far as describe makes them */
    frame.cookie = p;
    frame.checksum_start = frame.checksum_offset = 0;
    if (p->tot_len > NIC_FRAME_BYTES_MAX) {
        e->counters->tx_dropped++;
        return ERR_BUF;
    }
    if (e->blocked && p->tot_len > ALWAYS_BYTES) {
        return ERR_MEM;
    }
    if (describe(p, &frame) == 0) {
        pbuf_ref(p);
    } else {
        p = pbuf_clone(PBUF_RAW_TX, PBUF_RAM, p);
        if (p == NULL || describe(p, &frame) != 0) {
            e->counters->tx_dropped++;
            e->blocked = true;
            return ERR_MEM;
        }
        frame.cookie = p;
    }
    if (e->nic->tx_checksum) {
        offload(&frame);
    }
    uint32_t bytes = p->tot_len;
    if (place(e, &frame) != 0) {
        pbuf_free(p);
        e->blocked = true;
        return ERR_MEM;
    }
    e->counters->tx_packets++;
    e->counters->tx_bytes += bytes;
    batch_tx_placed(e->batch, e->batch->tx_held == 0 ? plat_now_tsc() : 0);
    if (net_ethernet_nearly_full(e) && batch_tx(e->batch, 0, false, true)) {
        net_ethernet_kick(e);
    }
    return ERR_OK;
}

/* ---- start-up ---- */

/* What depends on the device. */
static void adopt(struct netif *interface, const struct nic *nic) {
    memcpy(interface->hwaddr, nic->mac, ETH_HWADDR_LEN);
    interface->chksum_flags = NETIF_CHECKSUM_ENABLE_ALL;
    if (nic->tx_checksum) {
        interface->chksum_flags &= (u16_t)~MAKE_SUMS;
    }
}

static err_t set_up(struct netif *interface) {
    const struct net_ethernet *e = interface->state;
    interface->name[0] = 'e';
    interface->name[1] = 'n';
    interface->output = etharp_output;
    interface->linkoutput = send;
    interface->mtu = NIC_FRAME_BYTES_MAX - SIZEOF_ETH_HDR;
    interface->hwaddr_len = ETH_HWADDR_LEN;
    interface->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET;
    adopt(interface, e->nic);
    return ERR_OK;
}

void net_ethernet_lost(struct net_ethernet *e) {
    netif_set_link_down(&netif);
    net_ethernet_reap(e);
    e->blocked = false;
}

void net_ethernet_found(struct net_ethernet *e) {
    adopt(&netif, e->nic);
    netif_set_link_up(&netif); /* announces the address */
    net_ethernet_kick(e);
}

int net_ethernet_open(struct net_ethernet *e, const struct net_config *config) {
    ip4_addr_t address = {config->address_be}, netmask = {config->netmask_be},
               gateway = {config->gateway_be};
    e->ours = &netif;
    e->loop = netif_list; /* lwIP has made it: there is no other yet */
    if (netif_add(&netif, &address, &netmask, &gateway, e, set_up, ethernet_input) == NULL) {
        return -1;
    }
    netif_set_default(&netif);
    netif_set_link_up(&netif);
    netif_set_up(&netif);
    return 0;
}
