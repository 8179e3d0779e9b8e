/*
 * Receive windows, bounded in sum. Each peer may send what its window has room for, all at once;
 * where they are many, that is more than the NIC's ring, and the queue before it, hold: what is
 * lost there is lost a burst at a time, and costs a peer its time-out, and twice that the next time
 * (RFC 6298). So each is told of its share of what those hold. What comes beyond is taken all the
 * same, up to the stack's own window, so that a share may shrink while data is on its way.
 */
#ifndef NET_WINDOW_H
#define NET_WINDOW_H

#include <stdint.h>

/* All windows together, in bytes, unless each is down to NET_WINDOW_LEAST_SEGMENTS: a peer that
 * sends two segments is acknowledged at once. */
#define NET_WINDOWS_BYTES         (2u << 20)
#define NET_WINDOW_LEAST_SEGMENTS 2u

/* For net alone. So many peers may send. */
void net_window_peers(uint32_t peers);

#endif
