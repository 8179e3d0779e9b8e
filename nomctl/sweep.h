/* The places of a profile: every load with every W, and W = 0 twice, natural and strict. */
#ifndef NOMCTL_SWEEP_H
#define NOMCTL_SWEEP_H

#include "nomctl/rounds.h"

struct sweep {
    double delays_us[DELAYS_MAX];
    size_t delay_count;
};

/* How many; over ROUNDS_PLACES_MAX the sweep is refused. */
size_t sweep_count(const struct sweep *s, const struct rounds *r);
/* All of them, like `base` in all else; malloc'd. NULL: no memory. */
struct trial_settings *sweep_places(const struct sweep *s, const struct rounds *r,
                                    const struct trial_settings *base);
/* For rounds_work.describe. */
void sweep_describe(const struct trial_settings *place, char *text, size_t bytes);

#endif
