/* The arena only grows: nothing is given back before the next document. */
#include "runtime/priced/json.h"
#include "runtime/priced/units.h"
#include <math.h>
#include <stdalign.h>
#include <string.h>

#define ALIGNMENT alignof(max_align_t)

static struct {
    char *memory;
    size_t bytes, used;
    bool full;
} arena;

static void *take(size_t bytes) {
    size_t room = (bytes + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
    if (room < bytes || room > arena.bytes - arena.used) {
        arena.full = true;
        return NULL;
    }
    void *p = arena.memory + arena.used;
    arena.used += room;
    return p;
}

static void give(void *p) {
    (void)p;
}

void priced_json_start(void *memory, size_t bytes, uint64_t seed) {
    arena.memory = memory;
    arena.bytes = bytes;
    arena.used = 0;
    json_set_alloc_funcs(take, give);
    json_object_seed((size_t)seed | 1); /* 0 would ask for one of the system's */
}

const json_t *priced_json_read(const char *text, size_t bytes, struct priced_trouble *t) {
    json_error_t error;
    arena.used = 0;
    arena.full = false;
    const json_t *document = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &error);
    if (document)
        return document;
    if (arena.full)
        priced_trouble(t, PRICED_TOO_LARGE, "a JSON document that needs more than %zu KiB",
                       arena.bytes / 1024);
    else
        priced_trouble(t, PRICED_NONSENSE, "no JSON: line %d: %s", error.line, error.text);
    return NULL;
}

/* A name from *at on, to the step; moves *at behind it. */
static int parse_key(const char **at, char key[PRICED_KEY_BYTES]) {
    size_t bytes = strcspn(*at, ".[]");
    if (bytes == 0 || bytes >= PRICED_KEY_BYTES)
        return -1;
    memcpy(key, *at, bytes);
    key[bytes] = '\0';
    *at += bytes;
    return 0;
}

/* "[12]" from *at on. */
static int parse_index(const char **at, uint32_t *index) {
    const char *digit = *at + 1;
    uint32_t value = 0;
    if (*digit == ']')
        return -1;
    for (; *digit >= '0' && *digit <= '9'; digit++) {
        if (value > 99999)
            return -1;
        value = value * 10 + (uint32_t)(*digit - '0');
    }
    if (*digit != ']')
        return -1;
    *index = value;
    *at = digit + 1;
    return 0;
}

int priced_path_parse(const char *text, struct priced_path *out) {
    const char *at = text;
    *out = (struct priced_path){0};
    while (*at != '\0') {
        if (out->steps == PRICED_PATH_STEPS)
            return -1;
        if (*at == '[') {
            if (parse_index(&at, &out->step[out->steps].index) != 0)
                return -1;
        } else {
            if (out->steps > 0 && *at++ != '.')
                return -1;
            if (parse_key(&at, out->step[out->steps].key) != 0)
                return -1;
        }
        out->steps++;
    }
    return 0;
}

const json_t *priced_path_find(const json_t *document, const struct priced_path *path) {
    const json_t *at = document;
    for (uint32_t i = 0; at && i < path->steps; i++)
        at = path->step[i].key[0] != '\0' ? json_object_get(at, path->step[i].key)
                                          : json_array_get(at, path->step[i].index);
    return at;
}

int priced_json_number(const json_t *value, double *out) {
    if (json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value))
        return priced_number(json_string_value(value), out);
    if (!json_is_number(value))
        return -1;
    *out = json_number_value(value);
    return isfinite(*out) ? 0 : -1;
}
