/*
 * The frontier by one sweep in lexicographic order, best first.
 *
 * If a dominates b, then a comes before b in that order. So a point is on the frontier exactly if
 * no frontier point before it dominates it. Where d <= 2 the last of those is enough: it has the
 * best second coordinate so far, and no worse a first one than what follows.
 */
#include "pareto/pareto.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>

struct space {
    size_t d;
    const int *sense;
};

/* > 0: x is the better; < 0: y is; 0: equal, or not to be compared. */
static int compare(double x, double y, int sense) {
    int more = (x > y) - (x < y);

    return sense > 0 ? more : -more;
}

/* qsort_r's order of pointers to points. */
static int best_first(const void *left, const void *right, void *context) {
    const double *a = *(const double *const *)left, *b = *(const double *const *)right;
    const struct space *space = context;
    int order = 0;

    for (size_t k = 0; k < space->d && order == 0; k++)
        order = -compare(a[k], b[k], space->sense[k]);
    return order;
}

int pareto_dominates(const double *a, const double *b, size_t d, const int *sense) {
    int better = 0;

    for (size_t k = 0; k < d; k++) {
        int order = compare(a[k], b[k], sense[k]);
        if (order < 0 || isnan(a[k]) || isnan(b[k]))
            return 0;
        better |= order > 0;
    }
    return better;
}

static int has_nan(const double *point, size_t d) {
    for (size_t k = 0; k < d; k++)
        if (isnan(point[k]))
            return 1;
    return 0;
}

int pareto_frontier(const double *points, size_t n, size_t d, const int *sense, size_t *index,
                    size_t *count) {
    struct space space = {d, sense};

    if (d == 0)
        return -EINVAL;
    for (size_t k = 0; k < d; k++)
        if (sense[k] == 0)
            return -EINVAL;
    *count = 0;
    if (n == 0)
        return 0;

    /* sorted[0 .. found) turns into the frontier as the sweep goes on behind it. */
    const double **sorted = reallocarray(NULL, n, sizeof *sorted);
    unsigned char *on = calloc(n, 1);
    int result = -ENOMEM;
    if (!sorted || !on)
        goto out;

    size_t used = 0, found = 0;
    for (size_t i = 0; i < n; i++)
        if (!has_nan(points + i * d, d))
            sorted[used++] = points + i * d;
    qsort_r(sorted, used, sizeof *sorted, best_first, &space);
    for (size_t i = 0; i < used; i++) {
        size_t f = d <= 2 && found > 0 ? found - 1 : 0;
        while (f < found && !pareto_dominates(sorted[f], sorted[i], d, sense))
            f++;
        if (f < found)
            continue;
        on[(size_t)(sorted[i] - points) / d] = 1;
        sorted[found++] = sorted[i];
    }
    for (size_t i = 0; i < n; i++)
        if (on[i])
            index[(*count)++] = i;
    result = 0;
out:
    free(sorted);
    free(on);
    return result;
}
