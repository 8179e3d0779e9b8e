/* Order and loop of the sweep; see sweep.h. */
#include "nomctl/sweep.h"
#include <stdlib.h>
#include <string.h>

struct place {
    const struct load_level *load;
    double delay_us;
    uint32_t kick;
    uint32_t tries; /* in this round */
};

struct state {
    const struct sweep *sweep;
    const struct measure *m;
    struct store *store;
    int64_t session_id;
    struct progress progress;
    size_t done, total;
    size_t good, failed;
    uint32_t order;
};

/* W = 0 stands for two points: natural and strict. */
size_t sweep_points(const struct sweep *s) {
    size_t per_load = s->delay_count;
    for (size_t i = 0; i < s->delay_count; i++)
        per_load += s->delays_us[i] == 0;
    return per_load * s->load_count;
}

static size_t fill(const struct sweep *s, struct place *places) {
    size_t n = 0;
    for (size_t l = 0; l < s->load_count; l++)
        for (size_t d = 0; d < s->delay_count; d++) {
            places[n++] = (struct place){&s->loads[l], s->delays_us[d], NOM_KICK_NATURAL, 0};
            if (s->delays_us[d] == 0)
                places[n++] = (struct place){&s->loads[l], 0, NOM_KICK_STRICT, 0};
        }
    return n;
}

/* splitmix64 */
static uint64_t draw(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void shuffle(struct place *places, size_t n, uint64_t *random) {
    for (size_t i = n; i > 1; i--) {
        uint64_t limit = UINT64_MAX - UINT64_MAX % i, r;
        while ((r = draw(random)) >= limit)
            ;
        struct place swap = places[i - 1];
        places[i - 1] = places[r % i];
        places[r % i] = swap;
    }
}

static void show(struct state *st, const struct place *p) {
    char what[128];
    snprintf(what, sizeof what, "load %s, W = %g us %s", p->load->name, p->delay_us,
             out_kick(p->delay_us, p->kick));
    progress_show(&st->progress, st->done, st->total, what);
}

/* Measures and stores one; *again if it is to be repeated for noise. */
static enum sweep_end one(struct state *st, struct place *p, uint32_t repeat, bool *again,
                          char *why, size_t why_bytes) {
    struct trial t = {.settings = st->m->settings};
    struct trial_settings *s = &t.settings;
    memcpy(s->load, p->load->name, sizeof s->load);
    s->connections = p->load->connections;
    s->delay_us = p->delay_us;
    s->kick = p->kick;
    s->seed = st->sweep->seed;
    s->order = st->order++;
    s->repeat = repeat;
    struct trial_settings asked = *s;
    show(st, p);
    profiler_trial(&st->m->paths, &asked, &t, stop_flag());
    *again = false;
    if (t.result.status == TRIAL_ABORTED) {
        trial_clear(&t);
        return SWEEP_INTERRUPTED;
    }
    if (t.result.status == TRIAL_NOISY && st->sweep->accept_noisy)
        t.result.status = TRIAL_OK;
    int64_t id;
    int error = store_trial_add(st->store, st->session_id, &t, &id);
    if (error) {
        database_fail(st->store, error);
        trial_clear(&t);
        return SWEEP_STORE;
    }
    st->good += t.result.status != TRIAL_FAILED;
    if (t.result.status == TRIAL_FAILED) {
        st->failed++;
        out_note("run %lld failed (load %s, W = %g us %s): %s", (long long)id, p->load->name,
                 p->delay_us, out_kick(p->delay_us, p->kick), t.result.error);
        snprintf(why, why_bytes, "%s", t.result.error);
    }
    *again = t.result.status == TRIAL_NOISY && p->tries++ < st->sweep->noisy_retries;
    trial_clear(&t);
    return st->good == 0 && st->failed >= SWEEP_FAILURES_MAX ? SWEEP_HOPELESS : SWEEP_DONE;
}

/* One round: all places once, then the noisy ones again while they have tries left. */
static enum sweep_end round_run(struct state *st, struct place *places, size_t n, uint32_t repeat,
                                char *why, size_t why_bytes) {
    enum sweep_end end = SWEEP_DONE;
    while (n > 0 && end == SWEEP_DONE) {
        size_t left = 0;
        for (size_t i = 0; i < n && end == SWEEP_DONE; i++) {
            bool again;
            if (*stop_flag())
                return SWEEP_INTERRUPTED;
            end = one(st, &places[i], repeat, &again, why, why_bytes);
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

enum sweep_end sweep_run(const struct sweep *sweep, const struct measure *m, struct store *store,
                         int64_t session_id, char *why, size_t why_bytes) {
    static struct place places[SWEEP_POINTS_MAX];
    struct state st = {.sweep = sweep, .m = m, .store = store, .session_id = session_id};
    uint64_t random = sweep->seed;
    enum sweep_end end = SWEEP_DONE;
    st.total = sweep_points(sweep) * sweep->repeats;
    progress_begin(&st.progress, st.total);
    for (uint32_t repeat = 0; repeat < sweep->repeats && end == SWEEP_DONE; repeat++) {
        size_t n = fill(sweep, places);
        shuffle(places, n, &random);
        end = round_run(&st, places, n, repeat, why, why_bytes);
    }
    progress_end(&st.progress);
    return end;
}
