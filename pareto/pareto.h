/*
 * Pareto frontier. Arrays in, indices out; includes nothing of ours.
 *
 * Points: n rows of d doubles, row-major. sense[k] > 0: more of dimension k is better; < 0: less.
 * a dominates b if it is at least as good everywhere and better somewhere. The frontier is every
 * point that no other dominates; equal points are all on it. A point with a NaN is never on it.
 */
#ifndef PARETO_PARETO_H
#define PARETO_PARETO_H

#include <stddef.h>

/* Writes the indices of the frontier, ascending, into index[n] and their number into *count.
 * O(n log n) for d <= 2, O(n^2 d) at worst for more. 0, -EINVAL (d = 0, a sense of 0) or -ENOMEM.
 */
int pareto_frontier(const double *points, size_t n, size_t d, const int *sense, size_t *index,
                    size_t *count);

/* Does a dominate b? */
int pareto_dominates(const double *a, const double *b, size_t d, const int *sense);

/* Hypervolume that the frontier of n points covers with respect to a reference point that is worse
 * in every dimension (points that are not better than it everywhere, or not finite, count nothing).
 * O(n log n) for d <= 2, O(n^2) for d = 3; -1.0 for other d or out of memory. */
double pareto_hypervolume(const double *points, size_t n, size_t d, const int *sense,
                          const double *reference);

#endif
