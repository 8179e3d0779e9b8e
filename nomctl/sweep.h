/*
 * The sweep: every point (load, W, kick) measured `repeats` times, each repeat a round of all
 * points in an order of its own drawn from the seed, so that drifts of the machine fall on all
 * points alike. Each trial is in the database before the next begins.
 */
#ifndef NOMCTL_SWEEP_H
#define NOMCTL_SWEEP_H

#include "nomctl/nomctl.h"

#define SWEEP_POINTS_MAX   NOM_TABLE_ROWS_MAX
/* So many failures at the start and not one good trial: it will not get better. */
#define SWEEP_FAILURES_MAX 5u

struct sweep {
    double delays_us[DELAYS_MAX];
    size_t delay_count;
    struct load_level loads[LOADS_MAX];
    size_t load_count;
    uint32_t repeats;
    uint32_t noisy_retries; /* of each trial found noisy, at the end of its round */
    bool accept_noisy;      /* noisy trials count as good; what others used stays on record */
    uint64_t seed;
};

/* Points of one round; over SWEEP_POINTS_MAX the sweep is refused. */
size_t sweep_points(const struct sweep *sweep);

enum sweep_end {
    SWEEP_DONE,
    SWEEP_INTERRUPTED, /* stop_flag */
    SWEEP_HOPELESS,    /* SWEEP_FAILURES_MAX; why holds the last error */
    SWEEP_STORE,       /* the database failed, and it has been said */
};
enum sweep_end sweep_run(const struct sweep *sweep, const struct measure *m, struct store *store,
                         int64_t session_id, char *why, size_t why_bytes);

#endif
