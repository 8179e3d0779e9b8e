/*
 * Where labels go in a figure: beside their points, over nothing else. In pixels of the figure,
 * y upwards.
 */
#ifndef REPORTS_PLACEMENT_H
#define REPORTS_PLACEMENT_H

#include <stddef.h>

#define PLACEMENT_BOXES_MAX 8192u

struct placement_box {
    double left, bottom, right, top;
};

struct placement {
    struct placement_box area; /* labels stay inside */
    struct placement_box box[PLACEMENT_BOXES_MAX];
    size_t count; /* what labels must not cover */
};

/* What has no room is left out: a label may then cover it. */
void placement_add(struct placement *placement, struct placement_box box);
/* Is it inside the area and over nothing? */
int placement_free(const struct placement *placement, const struct placement_box *box);
/* Along a line. */
void placement_add_line(struct placement *placement, double x0, double y0, double x1, double y1);
/* Finds the centre of a label of this size near the point, no farther than reach from it, and keeps
 * its place; 0 if there is none. */
int placement_find(struct placement *placement, double x, double y, double width, double height,
                   double reach, double *label_x, double *label_y);

#endif
