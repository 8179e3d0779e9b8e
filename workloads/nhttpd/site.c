/*
 * Files by path: a hash table with open addressing, built once, half empty at most, so that a
 * lookup is one hash and one comparison.
 */
#include "workloads/nhttpd/site.h"
#include "runtime/platform/platform.h"
#include <stdio.h>
#include <string.h>

#define FOLDER    "www"
#define GENERATED "/bytes/"
#define SLOTS     (2 * SITE_FILES_MAX)
_Static_assert((SLOTS & (SLOTS - 1)) == 0, "slots are a power of two");

struct slot {
    const char *path; /* from the '/' after FOLDER; NULL: empty */
    struct http_file file;
};

static struct slot slots[SLOTS];
static unsigned char *generated;

static struct slot *slot_of(const char *path) {
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (const char *p = path; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 16777619u;
    struct slot *slot = &slots[hash & (SLOTS - 1)];
    while (slot->path && strcmp(slot->path, path) != 0)
        slot = slot == &slots[SLOTS - 1] ? slots : slot + 1;
    return slot;
}

static int find_generated(const char *digits, struct http_file *file) {
    size_t bytes = 0;
    if (*digits == '\0')
        return -1;
    for (; *digits; digits++) {
        if (*digits < '0' || *digits > '9')
            return -1;
        bytes = bytes * 10 + (size_t)(*digits - '0');
        if (bytes > SITE_BYTES_MAX)
            return -1;
    }
    *file = (struct http_file){generated, bytes};
    return 0;
}

static int site_find(void *context, const char *path, struct http_file *file) {
    (void)context;
    const struct slot *slot = slot_of(path);
    if (slot->path) {
        *file = slot->file;
        return 0;
    }
    if (strncmp(path, GENERATED, sizeof GENERATED - 1) == 0)
        return find_generated(path + sizeof GENERATED - 1, file);
    return -1;
}

int site_open(struct http_site *site, char *why, size_t why_bytes) {
    const void *data;
    size_t bytes, files = 0;
    const char *path;
    for (size_t i = 0; (path = plat_file_next(i, &data, &bytes)); i++) {
        if (strncmp(path, FOLDER "/", sizeof FOLDER) != 0)
            continue;
        if (++files > SITE_FILES_MAX) {
            snprintf(why, why_bytes, "more than %u files to serve", SITE_FILES_MAX);
            return -1;
        }
        path += sizeof FOLDER - 1;
        *slot_of(path) = (struct slot){path, {data, bytes}};
    }
    generated = plat_dma_alloc(SITE_BYTES_MAX);
    if (!generated) {
        snprintf(why, why_bytes, "no memory for generated bodies");
        return -1;
    }
    for (size_t i = 0; i < SITE_BYTES_MAX; i++)
        generated[i] = (unsigned char)(i * 31 + (i >> 8));
    site->find = site_find;
    site->context = NULL;
    return 0;
}
