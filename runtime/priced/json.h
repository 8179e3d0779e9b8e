/*
 * JSON, read by jansson on every floor, in memory of ours: an arena that is emptied before each
 * document. A document that needs more than it has is refused, as one that is no JSON is.
 *
 * A path names a place in a document: "a.b[0].c", "[2].price"; a name holds anything but '.', '['
 * and ']'. A document's root is the empty path.
 */
#ifndef PRICED_JSON_H
#define PRICED_JSON_H

#include "runtime/priced/answer.h"
#include <jansson.h>

struct priced_path {
    uint32_t steps;
    struct {
        char key[PRICED_KEY_BYTES]; /* "": an index */
        uint32_t index;
    } step[PRICED_PATH_STEPS];
};

/* Once, before all else: the arena, which stays the caller's, and a seed that strangers cannot know
 * (of hash tables). */
void priced_json_start(void *arena, size_t bytes, uint64_t seed);

/* The document, which lives until the next is read; NULL, and the trouble. Not to be released. */
const json_t *priced_json_read(const char *text, size_t bytes, struct priced_trouble *t);

/* 0, or -1 where it is no path. */
int priced_path_parse(const char *text, struct priced_path *out);
/* NULL where the document has no such place. */
const json_t *priced_path_find(const json_t *document, const struct priced_path *path);

/* A number, or a string that holds one and nothing else (units.h). 0 or -1. */
int priced_json_number(const json_t *value, double *out);

#endif
