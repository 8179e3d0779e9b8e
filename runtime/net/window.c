/* The window in each segment that leaves, through lwIP's hook for options of one's own. */
#include "runtime/net/window.h"
#include "lwip/prot/tcp.h"
#include "lwip/tcp.h"

static uint16_t share = TCP_WND; /* in bytes; whole segments, if less than the stack's own */

void net_window_peers(uint32_t peers) {
    uint32_t segments = NET_WINDOWS_BYTES / TCP_MSS / LWIP_MAX(peers, 1);
    uint32_t bytes = LWIP_MAX(segments, NET_WINDOW_LEAST_SEGMENTS) * TCP_MSS;
    share = (uint16_t)LWIP_MIN(bytes, TCP_WND);
}

void net_port_window(struct tcp_hdr *header) {
    if (lwip_ntohs(header->wnd) > share)
        header->wnd = lwip_htons(share);
}
