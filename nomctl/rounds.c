/* Order, loop and options of the rounds; see rounds.h. */
#include "nomctl/rounds.h"
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
    KEY_LOADS = 0x9001,
    KEY_REPEATS,
    KEY_SECONDS,
    KEY_WARMUP,
    KEY_SEED,
    KEY_NOISY_RETRIES,
    KEY_ACCEPT_NOISY,
};

const struct argp_option rounds_argp_options[] = {
    {"loads", KEY_LOADS, "LIST", 0,
     "single (1 connection), many (32), or numbers of connections (default: single,many; of "
     "netpipe single)",
     0},
    {"repeats", KEY_REPEATS, "N", 0, "trials of each (default: profile 3, compare 5)", 0},
    {"seconds", KEY_SECONDS, "S", 0, "measured in each trial (default: 1.5)", 0},
    {"warmup", KEY_WARMUP, "S", 0, "run before that and discarded (default: 0.3)", 0},
    {"seed", KEY_SEED, "N", 0, "of the random order (default: drawn)", 0},
    {"noisy-retries", KEY_NOISY_RETRIES, "N", 0,
     "repeat a trial during which others used the machine, up to N times (default: 2)", 0},
    {"accept-noisy", KEY_ACCEPT_NOISY, 0, 0,
     "count such trials as good; what others used stays on record", 0},
    {0},
};

void rounds_defaults(struct rounds *r) {
    *r = (struct rounds){.noisy_retries = 2, .seconds = 1.5, .warmup_seconds = 0.3};
}

int rounds_fit(struct rounds *r, const struct measure_options *o) {
    char why[WHY_BYTES];
    if (r->load_count == 0)
        list_loads(app_find(o->app)->loads, r->loads, &r->load_count, why, sizeof why);
    for (size_t i = 0; i < r->load_count; i++) {
        int code = measure_load_fits(o, &r->loads[i]);
        if (code)
            return code;
    }
    return NOMCTL_OK;
}

bool rounds_set(struct rounds *r, int key, const char *value, int *code) {
    char why[WHY_BYTES];
    uint64_t n = 0;
    int rc = 0;
    switch (key) {
    case KEY_LOADS:
        rc = list_loads(value, r->loads, &r->load_count, why, sizeof why);
        break;
    case KEY_REPEATS:
        rc = list_integer("--repeats", value, 1, TUNER_RUNS_MAX, &n, why, sizeof why);
        r->repeats = (uint32_t)n;
        break;
    case KEY_SECONDS:
        rc = list_number("--seconds", value, 0.05, 3600, &r->seconds, why, sizeof why);
        break;
    case KEY_WARMUP:
        rc = list_number("--warmup", value, 0, 3600, &r->warmup_seconds, why, sizeof why);
        break;
    case KEY_SEED:
        rc = list_integer("--seed", value, 0, INT64_MAX, &r->seed, why, sizeof why);
        r->has_seed = true;
        break;
    case KEY_NOISY_RETRIES:
        rc = list_integer("--noisy-retries", value, 0, 100, &n, why, sizeof why);
        r->noisy_retries = (uint32_t)n;
        break;
    case KEY_ACCEPT_NOISY:
        r->accept_noisy = true;
        break;
    default:
        return false;
    }
    *code = rc ? out_fail(NOMCTL_USAGE, "%s", why) : NOMCTL_OK;
    return true;
}

void rounds_draw_seed(struct rounds *r) {
    uint32_t drawn;
    if (!r->has_seed && getrandom(&drawn, sizeof drawn, 0) == sizeof drawn)
        r->seed = drawn;
}

/* Of one place. */
struct turn {
    uint32_t tries; /* in this round */
    size_t floor;   /* the first place on the same floor, whose turn counts for all of them: */
    size_t good, failed;
};

struct state {
    const struct rounds *r;
    const struct rounds_work *work;
    struct turn turn[ROUNDS_PLACES_MAX];
    struct progress progress;
    size_t done, total;
    uint32_t order;
};

/* splitmix64 */
static uint64_t draw(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void shuffle(size_t *places, size_t n, uint64_t *random) {
    for (size_t i = n; i > 1; i--) {
        uint64_t limit = UINT64_MAX - UINT64_MAX % i, r;
        while ((r = draw(random)) >= limit)
            ;
        size_t swap = places[i - 1];
        places[i - 1] = places[r % i];
        places[r % i] = swap;
    }
}

/* Measures and stores one; *again if it is to be repeated for noise. */
static enum rounds_end one(struct state *st, size_t place, uint32_t repeat, bool *again, char *why,
                           size_t why_bytes) {
    const struct rounds_work *work = st->work;
    struct turn *turn = &st->turn[place], *floor = &st->turn[turn->floor];
    struct trial_settings s = work->places[place];
    struct trial t;
    char what[128];
    int64_t id;
    s.seconds = st->r->seconds;
    s.warmup_seconds = st->r->warmup_seconds;
    s.seed = st->r->seed;
    s.order = st->order++;
    s.repeat = repeat;
    work->describe(&s, what, sizeof what);
    progress_show(&st->progress, st->done, st->total, what);
    profiler_trial(work->paths, &s, &t, stop_flag());
    *again = false;
    if (t.result.status == TRIAL_ABORTED) {
        trial_clear(&t);
        return ROUNDS_INTERRUPTED;
    }
    if (t.result.status == TRIAL_NOISY && st->r->accept_noisy)
        t.result.status = TRIAL_OK;
    int error = store_trial_add(work->store, work->session_id, &t, &id);
    if (error) {
        database_fail(work->store, error);
        trial_clear(&t);
        return ROUNDS_STORE;
    }
    floor->good += t.result.status != TRIAL_FAILED;
    if (t.result.status == TRIAL_FAILED) {
        floor->failed++;
        out_note("run %lld failed (%s): %s", (long long)id, what, t.result.error);
        snprintf(why, why_bytes, "%s", t.result.error);
    }
    *again = t.result.status == TRIAL_NOISY && turn->tries++ < st->r->noisy_retries;
    trial_clear(&t);
    return floor->good == 0 && floor->failed >= ROUNDS_FAILURES_MAX ? ROUNDS_HOPELESS : ROUNDS_DONE;
}

/* One round: all places once, then the noisy ones again while they have tries left. */
static enum rounds_end round_run(struct state *st, size_t *places, size_t n, uint32_t repeat,
                                 char *why, size_t why_bytes) {
    enum rounds_end end = ROUNDS_DONE;
    while (n > 0 && end == ROUNDS_DONE) {
        size_t left = 0;
        for (size_t i = 0; i < n && end == ROUNDS_DONE; i++) {
            bool again;
            if (*stop_flag())
                return ROUNDS_INTERRUPTED;
            end = one(st, places[i], repeat, &again, why, why_bytes);
            st->done++;
            if (again) {
                places[left++] = places[i];
                st->total++;
            }
        }
        n = left;
    }
    return end;
}

enum rounds_end rounds_run(const struct rounds *r, const struct rounds_work *work, char *why,
                           size_t why_bytes) {
    static struct state st;
    static size_t places[ROUNDS_PLACES_MAX];
    uint64_t random = r->seed;
    enum rounds_end end = ROUNDS_DONE;
    st = (struct state){.r = r, .work = work, .total = work->count * r->repeats};
    for (size_t i = 0; i < work->count; i++)
        while (strcmp(work->places[st.turn[i].floor].target, work->places[i].target) != 0)
            st.turn[i].floor++;
    progress_begin(&st.progress, st.total);
    for (uint32_t repeat = 0; repeat < r->repeats && end == ROUNDS_DONE; repeat++) {
        for (size_t i = 0; i < work->count; i++) {
            places[i] = i;
            st.turn[i].tries = 0;
        }
        shuffle(places, work->count, &random);
        end = round_run(&st, places, work->count, repeat, why, why_bytes);
    }
    progress_end(&st.progress);
    return end;
}

int rounds_verdict(enum rounds_end end, const struct rounds_count *c, const char *why) {
    if (end == ROUNDS_STORE)
        return NOMCTL_FAILED;
    if (end == ROUNDS_HOPELESS)
        return out_fail(NOMCTL_FAILED, "the first %u trials all failed, the last: %s",
                        ROUNDS_FAILURES_MAX, why);
    if (end == ROUNDS_INTERRUPTED)
        return out_fail(NOMCTL_INTERRUPTED,
                        "interrupted: %zu trials are kept; run the same command for a whole sweep",
                        c->trials);
    if (c->made == 0 && c->noisy > 0)
        return out_fail(NOMCTL_FAILED,
                        "no %s: others used over %.2f cores during %zu of %zu trials; wait until "
                        "the machine is idle, or give --accept-noisy",
                        c->what, PROFILER_OTHER_CPU_MAX, c->noisy, c->trials);
    if (c->made == 0)
        return out_fail(NOMCTL_FAILED, "every trial failed, the last: %s", why);
    if (c->made < c->wanted)
        out_note("%zu of %zu %s have no good trial and are missing", c->wanted - c->made, c->wanted,
                 c->what);
    return NOMCTL_OK;
}
