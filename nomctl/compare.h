/*
 * A comparison: the same app, load and client on several floors in turn, in one run. The first
 * floor stands against each of the others.
 */
#ifndef NOMCTL_COMPARE_H
#define NOMCTL_COMPARE_H

#include "nomctl/rounds.h"

#define NOTES_MAX 4u

struct compare {
    const struct profiler_floor *floors[FLOORS_MAX];
    size_t floor_count;
    struct trial_settings settings[FLOORS_MAX]; /* of each floor: all but load and turn */
    struct measure measure;                     /* files; and what the session says of all floors */
    const struct rounds *rounds;
    struct store_session session;
    struct session_trials trials;
    /* What a reader must know to take a ratio for what it is, each one sentence. */
    char notes[NOTES_MAX][512];
    size_t note_count;
};

/* Finds notes by floors and accelerators. */
void compare_note(struct compare *c);
/* Ratios that there are, of loads times floors but the first. */
size_t compare_ratios(const struct compare *c);
/* As text or JSON. An exit code. */
int compare_show(const struct compare *c, bool json, bool interrupted);

#endif
