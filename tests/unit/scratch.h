/*
 * A folder of a test's own, and paths in it. setup and teardown fit cmocka's; the folder and all in
 * it is gone afterwards.
 */
#ifndef TESTS_UNIT_SCRATCH_H
#define TESTS_UNIT_SCRATCH_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch_dir[64];

static int scratch_setup(void **state) {
    (void)state;
    snprintf(scratch_dir, sizeof(scratch_dir), "/tmp/nom-test-XXXXXX");
    return mkdtemp(scratch_dir) && chmod(scratch_dir, 0755) == 0 ? 0 : -1;
}

static int scratch_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static int scratch_teardown(void **state) {
    (void)state;
    return nftw(scratch_dir, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Valid until the eighth call after it. */
static const char *scratch_path(const char *name) {
    static char path[8][256];
    static unsigned turn;
    char *text = path[turn++ % 8];
    snprintf(text, sizeof(path[0]), "%s/%s", scratch_dir, name);
    return text;
}

#endif
