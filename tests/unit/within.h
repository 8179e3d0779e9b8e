/*
 * assert_within(got, expected, slack): two doubles no further apart than slack; 0 means equal, and
 * a NaN fails. On failure both are shown.
 */
#ifndef TESTS_WITHIN_H
#define TESTS_WITHIN_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static inline void within_check(double got, double expected, double slack, const char *what,
                                const char *file, int line) {
    if (got == expected || fabs(got - expected) <= slack)
        return;
    print_error("%s is %.17g, not within %g of %.17g\n", what, got, slack, expected);
    _fail(file, line);
}

#define assert_within(got, expected, slack)                                                        \
    within_check(got, expected, slack, #got, __FILE__, __LINE__)

#endif
