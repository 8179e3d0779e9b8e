/* See sweep.h. */
#include "nomctl/sweep.h"
#include <stdlib.h>
#include <string.h>

size_t sweep_count(const struct sweep *s, const struct rounds *r) {
    size_t per_load = s->delay_count;
    for (size_t i = 0; i < s->delay_count; i++)
        per_load += s->delays_us[i] == 0;
    return per_load * r->load_count;
}

struct trial_settings *sweep_places(const struct sweep *s, const struct rounds *r,
                                    const struct trial_settings *base) {
    struct trial_settings *places = calloc(sweep_count(s, r), sizeof *places), *p = places;
    for (size_t l = 0; places && l < r->load_count; l++)
        for (size_t d = 0; d < s->delay_count; d++) {
            uint32_t kicks = s->delays_us[d] == 0 ? 2 : 1;
            for (uint32_t strict = 0; strict < kicks; strict++, p++) {
                *p = *base;
                memcpy(p->load, r->loads[l].name, sizeof p->load);
                p->connections = r->loads[l].connections;
                p->delay_us = s->delays_us[d];
                p->kick = strict ? NOM_KICK_STRICT : NOM_KICK_NATURAL;
            }
        }
    return places;
}

void sweep_describe(const struct trial_settings *place, char *text, size_t bytes) {
    const char *kick = out_kick(place->delay_us, place->kick);
    snprintf(text, bytes, "load %s, W = %g us%s%s", place->load, place->delay_us,
             kick[0] ? " " : "", kick);
}
