/* fragment.h */
#include "runtime/net/fragment.h"
#include "lwip/ip.h"

#define UNIT_BYTES  8u                  /* offsets count these */
#define PACKET_MOST (0xffffu - IP_HLEN) /* bytes behind the header of a packet that is whole */

bool net_fragment_is_sound(const struct ip_hdr *ip, uint32_t bytes) {
    uint32_t length = lwip_ntohs(IPH_LEN(ip)), place = lwip_ntohs(IPH_OFFSET(ip));
    if (IPH_HL_BYTES(ip) != IP_HLEN || IPH_PROTO(ip) == IP_PROTO_TCP || length <= IP_HLEN ||
        length > bytes) {
        return false;
    }
    uint32_t data = length - IP_HLEN;
    if ((place & IP_MF) != 0 && data % UNIT_BYTES != 0) {
        return false;
    }
    return (place & IP_OFFMASK) * UNIT_BYTES + data <= PACKET_MOST;
}
