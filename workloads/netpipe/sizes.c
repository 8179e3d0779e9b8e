/* The sizes that NPtcp tries (protocol.h): lengths whose distance doubles with every second one,
 * and beside each, once they are far enough apart, one below and one above. */
#include "workloads/netpipe/protocol.h"

/* The lengths are so far apart that neighbours are tried. */
static bool has_neighbours(const struct np_sizes *s) {
    return s->settings.perturbation > 0 && s->step > s->settings.perturbation + 1;
}

/* To a length, of which the turn is known. */
static void arrive(struct np_sizes *s) {
    if (s->turn > 2 && s->turn % 2 == 1)
        s->step *= 2;
    s->off = has_neighbours(s) ? -(int64_t)s->settings.perturbation : 0;
}

void np_sizes_begin(struct np_sizes *s, const struct np_settings *settings) {
    bool above_one = settings->start > 1;
    *s = (struct np_sizes){.settings = *settings,
                           .length = settings->start,
                           .step = above_one ? settings->start / 2 : 1,
                           .turn = above_one ? 1 : 0};
    arrive(s);
}

bool np_sizes_next(struct np_sizes *s, uint32_t *bytes) {
    uint32_t perturbation = s->settings.perturbation;
    if (s->off > (int64_t)perturbation) {
        s->length += s->step;
        s->turn++;
        if (s->length > s->settings.upper || s->count >= NP_SIZES_MAX)
            s->length = UINT32_MAX / 2; /* for good */
        else
            arrive(s);
    }
    if (s->length > s->settings.upper)
        return false;
    *bytes = (uint32_t)(s->length + s->off);
    s->off += has_neighbours(s) ? perturbation : perturbation + 1;
    s->count++;
    return true;
}
