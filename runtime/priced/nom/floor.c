/* Waiting: while a connection is open the stack's timers want a turn each millisecond; else it is
 * enough to hear of frames, and of the slow timers. */
#include "runtime/priced/floor.h"
#include "runtime/platform/platform.h"
#include "runtime/priced/nom/nom.h"

#define BUSY_US 1000u
#define IDLE_US 100000u

static bool has_network;

int floor_open(const struct net_config *net, char *why, uint32_t why_bytes) {
    if (!net)
        return 0;
    has_network = true;
    return net_open(net, why, why_bytes);
}

bool floor_has_network(void) {
    return has_network;
}

int floor_file(const char *path, const void **data, size_t *bytes) {
    return plat_file(path, data, bytes);
}

void floor_wait(uint32_t most_us) {
    uint32_t limit_us = fetch_is_open() ? BUSY_US : IDLE_US;
    if (has_network && net_poll())
        return;
    plat_wait(has_network && most_us > limit_us ? limit_us : most_us);
}
