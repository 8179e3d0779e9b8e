/* lwIP's port: compiler, byte order, assertions, random numbers. */
#ifndef NET_LWIP_ARCH_CC_H
#define NET_LWIP_ARCH_CC_H

#include <stdint.h>

#define BYTE_ORDER LITTLE_ENDIAN

/* Ends the app: a broken invariant of the stack is a bug, not a condition. */
_Noreturn void net_port_assert(const char *message, const char *file, int line);
/* Unpredictable to who does not see this machine's clock. */
uint32_t net_port_random(void);
/* Initial sequence number of a connection, RFC 6528: a keyed hash of its ends plus a clock. */
uint32_t net_port_isn(uint32_t local, uint16_t local_port, uint32_t remote, uint16_t remote_port);

#define LWIP_PLATFORM_DIAG(x)                                                                      \
    do {                                                                                           \
    } while (0)
#define LWIP_PLATFORM_ASSERT(x) net_port_assert(x, __FILE__, __LINE__)
#define LWIP_RAND()             net_port_random()

#endif
