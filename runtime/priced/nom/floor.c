/* Waiting: until a frame comes or the stack's timers have something to do. While the provider is
 * being asked the clock is looked at more often, for time-outs. A NIC that cannot wake us is looked
 * at each millisecond. */
#include "runtime/priced/floor.h"
#include "runtime/platform/platform.h"
#include "runtime/priced/nom/nom.h"

#define ASKING_US 20000u
#define LOOK_US   1000u

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
    if (!has_network) {
        plat_wait(most_us);
        return;
    }
    if (fetch_is_open() && most_us > ASKING_US)
        most_us = ASKING_US;
    if (!net_poll() && !net_wait(most_us))
        plat_wait(most_us < LOOK_US ? most_us : LOOK_US);
}
