/*
 * Rounds: places (settings of a trial, complete but for its turn) measured `repeats` times, each
 * repeat a round of all places in an order of its own drawn from the seed, so that drifts of the
 * machine fall on all places alike. Each trial is in the database before the next begins; one
 * found noisy is measured again at the end of its round.
 */
#ifndef NOMCTL_ROUNDS_H
#define NOMCTL_ROUNDS_H

#include "nomctl/nomctl.h"

#define ROUNDS_PLACES_MAX   NOM_TABLE_ROWS_MAX
/* So many failures on a floor and not one good trial there: it will not get better. */
#define ROUNDS_FAILURES_MAX 5u

struct rounds {
    struct load_level loads[LOADS_MAX];
    size_t load_count; /* 0: the app's, until rounds_fit */
    uint32_t repeats;
    uint32_t noisy_retries; /* of each trial found noisy */
    bool accept_noisy;      /* noisy trials count as good; what others used stays on record */
    bool has_seed;
    uint64_t seed;
    double seconds, warmup_seconds;
};

extern const struct argp_option rounds_argp_options[];
/* All but repeats, which is each command's own. */
void rounds_defaults(struct rounds *r);
/* Whether the loads fit the app, after measure_fits; fills in the app's where none were given. An
 * exit code. */
int rounds_fit(struct rounds *r, const struct measure_options *o);
/* Takes an option of rounds_argp_options: true if it was one; *code then. */
bool rounds_set(struct rounds *r, int key, const char *value, int *code);
/* Draws the seed if none was given. */
void rounds_draw_seed(struct rounds *r);

enum rounds_end {
    ROUNDS_DONE,
    ROUNDS_INTERRUPTED, /* stop_flag */
    ROUNDS_HOPELESS,    /* ROUNDS_FAILURES_MAX; why holds the last error */
    ROUNDS_STORE,       /* the database failed, and it has been said */
};

/* What is measured, and where it is kept. Of each place's settings seconds, warm-up, seed, order
 * and repeat are filled in here. */
struct rounds_work {
    const struct profiler_paths *paths;
    const struct trial_settings *places;
    size_t count; /* at most ROUNDS_PLACES_MAX */
    struct store *store;
    int64_t session_id;
    /* A place in a few words, for a person. */
    void (*describe)(const struct trial_settings *place, char *text, size_t bytes);
};
enum rounds_end rounds_run(const struct rounds *r, const struct rounds_work *work, char *why,
                           size_t why_bytes);

/* What came of it. */
struct rounds_count {
    size_t trials, noisy; /* stored, of whatever status; of these not quiet, and not counted */
    size_t made, wanted;  /* points, ratios */
    const char *what;     /* "points", "ratios" */
};
/* Says what there is to be said of rounds that did not go through. An exit code. */
int rounds_verdict(enum rounds_end end, const struct rounds_count *count, const char *why);

#endif
