/*
 * Which points of a load lie so far off that a plot which covers them shows nothing else.
 *
 * For one measure: the core is the shortest run of values, in their order, that holds the whole
 * frontier and at least three quarters of the points. It grows by the nearest value as long as that
 * is at most two of its spans away; what it never reaches is far. So
 *   - no point of the frontier is far, and each measure has at most a quarter of the points far (of
 *     less than four, none);
 *   - what is kept takes less than a third of an axis that reaches to any far point;
 *   - a curve that climbs steadily is kept whole, and several points that are far together do not
 *     hide each other.
 * A core narrower than a tenth of its values counts as that wide: what differs little is near.
 */
#include "tuner/tuner.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define SPANS_MOST     2.0
#define NARROWEST_PART 0.1

struct far_value {
    double value;
    size_t point;
};

static int by_value(const void *left, const void *right) {
    double a = ((const struct far_value *)left)->value,
           b = ((const struct far_value *)right)->value;
    return (a > b) - (a < b);
}

/* The core's first form: [*first, *last] of the sorted values. */
static void find_core(const struct far_value *v, size_t n, const struct tuner_point *points,
                      size_t *first, size_t *last) {
    size_t need = n - n / 4, frontier_first = n - 1, frontier_last = 0;
    for (size_t i = 0; i < n; i++) {
        if (!points[v[i].point].on_frontier)
            continue;
        frontier_first = i < frontier_first ? i : frontier_first;
        frontier_last = i;
    }
    *first = 0;
    *last = n - 1;
    for (size_t a = 0; a <= frontier_first && a + need <= n; a++) {
        size_t b = a + need - 1 > frontier_last ? a + need - 1 : frontier_last;
        if (v[b].value - v[a].value < v[*last].value - v[*first].value) {
            *first = a;
            *last = b;
        }
    }
}

static void mark(const struct far_value *v, size_t n, const struct tuner_point *points,
                 unsigned measure, unsigned *far) {
    size_t first, last;
    find_core(v, n, points, &first, &last);
    for (;;) {
        double low = v[first].value, high = v[last].value;
        double reach = SPANS_MOST * fmax(high - low, NARROWEST_PART * fmax(fabs(low), fabs(high)));
        double below = first > 0 ? low - v[first - 1].value : INFINITY;
        double above = last + 1 < n ? v[last + 1].value - high : INFINITY;
        if (fmin(below, above) > reach)
            break;
        if (below <= above)
            first--;
        else
            last++;
        if (first == 0 && last == n - 1)
            return;
    }
    for (size_t i = 0; i < n; i++) {
        if (i < first || i > last)
            far[v[i].point] |= measure;
    }
}

int tuner_far(const struct tuner_point *points, size_t count, unsigned *far) {
    struct far_value *v = reallocarray(NULL, count ? count : 1, sizeof(*v));
    if (!v)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        far[i] = 0;
    for (int latency = 0; latency < 2; latency++) {
        size_t n = 0;
        for (size_t i = 0; i < count; i++) {
            const struct tuner_point *p = &points[i];
            if (isfinite(p->throughput_ops) && isfinite(p->latency_mean_us))
                v[n++] = (struct far_value){latency ? p->latency_mean_us : p->throughput_ops, i};
        }
        if (n == 0)
            break;
        qsort(v, n, sizeof(*v), by_value);
        mark(v, n, points, latency ? TUNER_FAR_LATENCY : TUNER_FAR_THROUGHPUT, far);
    }
    free(v);
    return 0;
}
