/*
 * Labels are placed one by one, the most important first; each takes the nearest free place of
 * eight directions around its point, and what it takes is no longer free. A label is never placed
 * over a point, a line or another label: it is rather left out.
 */
#include "reports/placement.h"
#include <math.h>

void placement_add(struct placement *placement, struct placement_box box) {
    if (placement->count < PLACEMENT_BOXES_MAX)
        placement->box[placement->count++] = box;
}

void placement_add_line(struct placement *placement, double x0, double y0, double x1, double y1) {
    const double step = 4.0;
    int steps = (int)ceil(hypot(x1 - x0, y1 - y0) / step);
    for (int i = 0; i <= steps; i++) {
        double part = steps ? (double)i / steps : 0.0;
        double x = x0 + part * (x1 - x0), y = y0 + part * (y1 - y0);
        placement_add(placement, (struct placement_box){x - 1.0, y - 1.0, x + 1.0, y + 1.0});
    }
}

int placement_free(const struct placement *placement, const struct placement_box *b) {
    const struct placement_box *area = &placement->area;
    if (b->left < area->left || b->right > area->right || b->bottom < area->bottom ||
        b->top > area->top)
        return 0;
    for (size_t i = 0; i < placement->count; i++) {
        const struct placement_box *o = &placement->box[i];
        if (b->left < o->right && b->right > o->left && b->bottom < o->top && b->top > o->bottom)
            return 0;
    }
    return 1;
}

int placement_find(struct placement *placement, double x, double y, double width, double height,
                   double reach, double *label_x, double *label_y) {
    static const double direction[][2] = {{1, 0}, {0, 1},  {0, -1}, {-1, 0},
                                          {1, 1}, {1, -1}, {-1, 1}, {-1, -1}};
    for (double gap = 6.0; gap <= reach; gap += 4.0) {
        for (size_t i = 0; i < sizeof(direction) / sizeof(direction[0]); i++) {
            /* A diagonal place touches the ring of that radius, too. */
            double along = direction[i][0] != 0 && direction[i][1] != 0 ? 0.7 * gap : gap;
            double cx = x + direction[i][0] * (along + width / 2);
            double cy = y + direction[i][1] * (along + height / 2);
            struct placement_box box = {cx - width / 2, cy - height / 2, cx + width / 2,
                                        cy + height / 2};
            if (!placement_free(placement, &box))
                continue;
            placement_add(placement, box);
            *label_x = cx;
            *label_y = cy;
            return 1;
        }
    }
    return 0;
}
