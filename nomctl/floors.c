/* Floors by name, as typed; and what an app ran on, in words. */
#include "nomctl/nomctl.h"
#include <string.h>

#define NAMES_MAX 16u

/* Says that the word is none, and which may have been meant. */
static int unknown(const char *word, const char *also) {
    const char *names[NAMES_MAX + 1];
    char list[128] = "";
    size_t n = 0;
    if (also)
        names[n++] = also;
    for (size_t i = 0; i < profiler_floor_count && n < NAMES_MAX; i++)
        names[n++] = profiler_floors[i].name;
    names[n] = NULL;
    for (size_t i = 0; i < n; i++) {
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", names[i]);
    }
    const char *near = cli_nearest(word, names);
    if (near)
        return out_fail(NOMCTL_USAGE, "--on: unknown floor '%.40s': did you mean '%s'?", word,
                        near);
    return out_fail(NOMCTL_USAGE, "--on: unknown floor '%.40s': known are %s", word, list);
}

int floor_named(const char *word, const struct profiler_floor **floor) {
    *floor = profiler_floor_find(word);
    return *floor ? NOMCTL_OK : unknown(word, NULL);
}

int floor_adapting(const char *word, const struct profiler_floor **floor) {
    *floor = NULL;
    if (strcmp(word, "auto") == 0)
        return NOMCTL_OK;
    *floor = profiler_floor_find(word);
    if (!*floor)
        return unknown(word, "auto");
    if ((*floor)->adapts)
        return NOMCTL_OK;
    return out_fail(NOMCTL_USAGE,
                    "--on: %s is a baseline: it has no delay to tune; see nomctl compare --help",
                    word);
}

int floor_list(const char *text, const struct profiler_floor *floors[FLOORS_MAX], size_t *count) {
    char word[64];
    *count = 0;
    for (const char *at = text;; at++) {
        size_t n = strcspn(at, ",");
        snprintf(word, sizeof word, "%.*s", (int)(n < sizeof word ? n : sizeof word - 1), at);
        const struct profiler_floor *floor = profiler_floor_find(word);
        if (!floor)
            return unknown(word, NULL);
        for (size_t i = 0; i < *count; i++)
            if (floors[i] == floor)
                return out_fail(NOMCTL_USAGE, "--on: %s is given twice", word);
        if (*count == FLOORS_MAX)
            return out_fail(NOMCTL_USAGE, "--on: at most %u floors are allowed", FLOORS_MAX);
        floors[(*count)++] = floor;
        at += n;
        if (!*at)
            break;
    }
    if (*count < 2)
        return out_fail(NOMCTL_USAGE, "--on: %s alone: give two floors or more, as in nom,linux",
                        text);
    return NOMCTL_OK;
}

const char *floor_text(const char *target, const char *accel, char text[FLOOR_TEXT_BYTES]) {
    bool guest = accel[0] && strcmp(accel, "none") != 0;
    snprintf(text, FLOOR_TEXT_BYTES, "%.*s%s%.*s", (int)TRIAL_NAME_BYTES, target,
             guest ? " under " : "", (int)TRIAL_NAME_BYTES, guest ? accel : "");
    return text;
}
