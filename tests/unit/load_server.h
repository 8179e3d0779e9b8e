/*
 * An HTTP server in this process, on loopback, for tests of the load: what it does is told by the
 * path of each request, and it counts what it was asked.
 *
 *   /ok       200, 5 bytes               /split    the same, a byte at a time
 *   /big      200, 1 MiB + 1 B           /empty    200, no body
 *   /503 /404 that status                /mixed    by the request's number: 200, 503, 404, cut off
 *   /cut      closes amid the body       /reset    resets the connection
 *   /silent   never answers              /first    never answers the first request; else /ok
 *   /surplus  a reply and then some      /nolength /chunked  without Content-Length
 *   /garbage  no HTTP                    /http10   HTTP/1.0, closes
 *   /stubborn keeps alive, whatever it is asked
 *   /gate     waits for load_server_open_gate, then /ok
 * Asked for "Connection: close", it says so in its reply and closes (but for /stubborn).
 */
#ifndef TESTS_LOAD_SERVER_H
#define TESTS_LOAD_SERVER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct load_server;

/* NULL if there is no loopback or no memory. */
struct load_server *load_server_start(struct sockaddr_in *address);
void load_server_open_gate(struct load_server *s);
uint64_t load_server_requests(const struct load_server *s);
uint64_t load_server_connections(const struct load_server *s);
/* For servers of other protocols: each connection is given to `talk`, in a thread of its own, and
 * closed when that returns. */
typedef void load_server_talk(struct load_server *s, int fd, void *context);
struct load_server *load_server_start_with(struct sockaddr_in *address, load_server_talk *talk,
                                           void *context);
/* A request came: its number, from 0. */
uint64_t load_server_count(struct load_server *s);
bool load_server_send(int fd, const char *bytes, size_t n); /* false: the client is gone */
void load_server_reset(int fd);                             /* once it is closed */

/* Waits for all connections to end: their clients must be gone. */
void load_server_stop(struct load_server *s);

#define LOAD_SERVER_BIG_BYTES ((1u << 20) + 1)

#endif
