/*
 * lwIP as nom uses it: raw API, no OS, TCP and UDP over IPv4 over Ethernet, ICMP echo. All memory
 * comes from pools that grow as they are used (net/pool.h): structures by memp.c here, packet
 * memory by net/heap.h. The numbers are the most that there can be.
 */
#ifndef NET_LWIP_LWIPOPTS_H
#define NET_LWIP_LWIPOPTS_H

#include <stdbool.h>
#include <stddef.h>

#define NO_SYS                        1
#define SYS_LIGHTWEIGHT_PROT          0
#define LWIP_NETCONN                  0
#define LWIP_SOCKET                   0
#define LWIP_UDP                      1
#define LWIP_RAW                      0
#define LWIP_DHCP                     0
#define LWIP_IPV6                     0
#define IP_FORWARD                    0
#define IP_FRAG                       0
#define LWIP_STATS                    0
#define LWIP_NETIF_LOOPBACK           1 /* to 127.0.0.1 and to our own address; net.c polls it */
#define SO_REUSE                      1
#define LWIP_ICMP                     1
#define LWIP_ARP                      1
#define ARP_QUEUEING                  1 /* several peers behind one gateway may speak at once */
#define ARP_QUEUE_LEN                 32
#define MEMP_NUM_ARP_QUEUE            64
#define ETHARP_SUPPORT_STATIC_ENTRIES 0
#define ARP_TABLE_SIZE                64

/* net.c calls the protocol timers itself. */
#define LWIP_TIMERS      0
#define TCP_TMR_INTERVAL 50 /* delayed ACK 50 ms; retransmission in steps of 100 ms */

/* Memory. */
#define MEM_ALIGNMENT   8
#define MEM_LIBC_MALLOC 1
#define mem_clib_malloc net_heap_take
#define mem_clib_free   net_heap_give
#define mem_clib_calloc net_heap_take_zeroed
void *net_heap_take(size_t bytes);
void *net_heap_take_zeroed(size_t count, size_t bytes);
void net_heap_give(void *memory);
bool net_heap_scarce(void);
#define MEMP_NUM_TCP_PCB         18000 /* an app's connections, those it refuses, those closing */
#define MEMP_NUM_TCP_PCB_LISTEN  128
#define MEMP_NUM_UDP_PCB         1024
#define MEMP_NUM_TCP_SEG         16384
#define MEMP_NUM_PBUF            16384 /* headers of data sent without a copy */
#define PBUF_POOL_SIZE           0
#define LWIP_SUPPORT_CUSTOM_PBUF 1 /* received frames stay in the NIC's buffers */

/* Room before a frame for the NIC's header (NIC_TX_HEADROOM). */
#define PBUF_LINK_ENCAPSULATION_HLEN 16

/* TCP. */
#define TCP_MSS                         1460
#define LWIP_WND_SCALE                  1 /* so that peers may open windows beyond 64 KiB for our replies */
#define TCP_RCV_SCALE                   0
#define TCP_WND                         65535
#define TCP_SND_BUF                     (256 * 1024)
#define TCP_SND_QUEUELEN                (4 * TCP_SND_BUF / TCP_MSS)
#define TCP_SNDLOWAT                    32768
#define TCP_OVERSIZE                    TCP_MSS
#define TCP_QUEUE_OOSEQ                 1
/* A window, or where memory is short only the next few: what it holds is not sent again, else. */
#define TCP_OOSEQ_PBUFS_LIMIT(pcb)      ((u16_t)(net_heap_scarce() ? 4 : 1 + TCP_WND / TCP_MSS))
/* So that a peer repeats only what is lost, and measures its round trips meanwhile: without, and
 * without timestamps, each loss of a series doubles its time-out, to minutes (RFC 6298, 5.5). */
#define LWIP_TCP_SACK_OUT               1
#define LWIP_TCP_CALC_INITIAL_CWND(mss) ((tcpwnd_size_t)(10u * (mss))) /* RFC 6928 */
#define TCP_LISTEN_BACKLOG              1 /* connections half open, per port, at most 255 */
#define TCP_SYN_RCVD_TIMEOUT            2000
#define TCP_FIN_WAIT_TIMEOUT            5000
#define TCP_MSL                         1000 /* TIME_WAIT 2 s, and net.c keeps only the newest few */
#define LWIP_TCP_KEEPALIVE              1
#define LWIP_HOOK_TCP_ISN(local, local_port, remote, remote_port)                                  \
    net_port_isn(ip4_addr_get_u32(local), local_port, ip4_addr_get_u32(remote), remote_port)

/* In each segment, when all but its checksum is written (net/window.h). No options are added. */
struct tcp_hdr;
void net_port_window(struct tcp_hdr *header);
#define LWIP_HOOK_TCP_OUT_ADD_TCPOPTS(p, header, pcb, options) (net_port_window(header), (options))

/* Before lwIP looks at a packet (net/park.h). */
struct pbuf;
int net_port_ip4_input(struct pbuf *p);
#define LWIP_HOOK_IP4_INPUT(p, interface) net_port_ip4_input(p)

/* Fragments (net/fragment.h): the greatest packet comes in 45. What is older gives way. */
#define IP_REASSEMBLY      1
#define IP_REASS_MAX_PBUFS 64
#define IP_REASS_MAXAGE    15 /* seconds */
#define MEMP_NUM_REASSDATA 16 /* packets in pieces at a time */

/* The NIC sums what it sends; a received frame is summed here only if the NIC did not. */
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1
#define TCP_CHECKSUM_ON_COPY         0

#define LWIP_NO_CTYPE_H 1

#endif
