/*
 * Which fragments of IP packets lwIP may put together (lwipopts.h, IP_REASSEMBLY). It is not to
 * meet lengths that it takes on trust: it would tell a sender bytes that lie behind a first
 * fragment of less than 8 bytes, and its sums of lengths wrap beyond 64 KiB. TCP has no fragments
 * here: senders do without (path MTU discovery), and net/park.h looks for a segment's connection
 * before it is whole.
 */
#ifndef NET_FRAGMENT_H
#define NET_FRAGMENT_H

#include "lwip/prot/ip4.h"
#include <stdbool.h>
#include <stdint.h>

static inline bool net_fragment_is(const struct ip_hdr *ip) {
    return (IPH_OFFSET(ip) & PP_HTONS(IP_OFFMASK | IP_MF)) != 0;
}

/* Of one, in a frame that has so many bytes from its IP header on. */
bool net_fragment_is_sound(const struct ip_hdr *ip, uint32_t bytes);

#endif
