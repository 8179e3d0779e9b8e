/*
 * Exact hypervolume in up to three dimensions: slabs along the third, from the highest down. The
 * points at or above a slab are kept in order of the first coordinate, falling; their area is then
 * one pass. A dimension that is not there has extent 1.
 */
#include "pareto/pareto.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Extents above the reference point, each > 0. */
struct box {
    double x, y, z;
};

static int by_z_then_x(const void *left, const void *right) {
    const struct box *a = left, *b = right;

    if (a->z != b->z)
        return a->z > b->z ? -1 : 1;
    if (a->x != b->x)
        return a->x > b->x ? -1 : 1;
    return 0;
}

/* Area of the union of rectangles x by y, given with x falling. */
static double area(const struct box *box, size_t n) {
    double sum = 0.0, height = 0.0;

    for (size_t i = 0; i < n; i++) {
        if (box[i].y > height) {
            sum += box[i].x * (box[i].y - height);
            height = box[i].y;
        }
    }
    return sum;
}

/* The boxes of the points that are better than the reference everywhere; returns their number. */
static size_t boxes(const double *points, size_t n, size_t d, const int *sense,
                    const double *reference, struct box *out) {
    size_t used = 0;

    for (size_t i = 0; i < n; i++) {
        double extent[3] = {1.0, 1.0, 1.0};
        int counts = 1;
        for (size_t k = 0; k < d; k++) {
            double more = points[i * d + k] - reference[k];
            extent[k] = sense[k] > 0 ? more : -more;
            counts &= isfinite(extent[k]) && extent[k] > 0.0;
        }
        if (counts)
            out[used++] = (struct box){extent[0], extent[1], extent[2]};
    }
    return used;
}

double pareto_hypervolume(const double *points, size_t n, size_t d, const int *sense,
                          const double *reference) {
    if (d == 0 || d > 3)
        return -1.0;
    if (n == 0)
        return 0.0;
    struct box *box = reallocarray(NULL, n, sizeof *box);
    struct box *above = reallocarray(NULL, n, sizeof *above);
    double volume = -1.0;
    if (!box || !above)
        goto out;

    size_t used = boxes(points, n, d, sense, reference, box);
    qsort(box, used, sizeof *box, by_z_then_x);
    volume = 0.0;
    for (size_t i = 0; i < used; i++) {
        size_t at = i;
        while (at > 0 && above[at - 1].x < box[i].x)
            at--;
        memmove(&above[at + 1], &above[at], (i - at) * sizeof *above);
        above[at] = box[i];
        double thickness = box[i].z - (i + 1 < used ? box[i + 1].z : 0.0);
        if (thickness > 0.0)
            volume += area(above, i + 1) * thickness;
    }
out:
    free(box);
    free(above);
    return volume;
}
