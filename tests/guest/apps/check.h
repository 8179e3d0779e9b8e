/*
 * Counting checks in a test app: CHECK says which one failed, check_end gives the exit status and
 * the line that the test looks for.
 */
#ifndef TESTS_GUEST_CHECK_H
#define TESTS_GUEST_CHECK_H

#include "runtime/platform/platform.h"

static unsigned check_count, check_failed;

#define CHECK(expression)                                                                          \
    do {                                                                                           \
        check_count++;                                                                             \
        if (!(expression)) {                                                                       \
            check_failed++;                                                                        \
            plat_log("line %d failed: %s", __LINE__, #expression);                                 \
        }                                                                                          \
    } while (0)

static inline int check_end(const char *app) {
    plat_log("%s: %u checks, %u failed", app, check_count, check_failed);
    return check_failed ? 1 : 0;
}

#endif
