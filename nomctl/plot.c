/*
 * The throughput/latency plane of one load in characters: '*' a point of the frontier, 'o' one that
 * another dominates. Right is more throughput, up is more latency, so the good corner is at the
 * lower right. Points far off the others (tuner_far) would leave the rest in one corner: they are
 * named below the plot instead.
 */
#include "nomctl/nomctl.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS      60
#define ROWS         12
#define POINTS_LEAST 3

static size_t place(double value, double low, double high, size_t places) {
    return high > low ? (size_t)((value - low) / (high - low) * (double)(places - 1) + 0.5) : 0;
}

static bool is_drawn(const struct tuner_point *p, const unsigned *far) {
    return !*far && isfinite(p->throughput_ops) && isfinite(p->latency_mean_us);
}

static void left_out(FILE *stream, const struct tuner_point *p, const unsigned *far, size_t n) {
    const char *before = "  too far off to draw: ";
    for (size_t i = 0; i < n; i++) {
        if (!far[i])
            continue;
        const char *kick = out_kick(p[i].delay_us, p[i].kick);
        fprintf(stream, "%sW %g us%s%s (%.0f ops/s, %.1f us)", before, p[i].delay_us,
                *kick ? " " : "", kick, p[i].throughput_ops, p[i].latency_mean_us);
        before = ", ";
    }
    if (*before == ',')
        fputc('\n', stream);
}

static void draw(FILE *stream, const struct tuner_point *p, const unsigned *far, size_t n) {
    char cell[ROWS][COLUMNS + 1];
    double x0 = INFINITY, x1 = -INFINITY, y0 = INFINITY, y1 = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        if (!is_drawn(&p[i], &far[i]))
            continue;
        x0 = fmin(x0, p[i].throughput_ops);
        x1 = fmax(x1, p[i].throughput_ops);
        y0 = fmin(y0, p[i].latency_mean_us);
        y1 = fmax(y1, p[i].latency_mean_us);
    }
    memset(cell, ' ', sizeof cell);
    for (size_t i = 0; i < n; i++) {
        if (!is_drawn(&p[i], &far[i]))
            continue;
        size_t row = ROWS - 1 - place(p[i].latency_mean_us, y0, y1, ROWS);
        char *c = &cell[row][place(p[i].throughput_ops, x0, x1, COLUMNS)];
        if (*c != '*')
            *c = p[i].on_frontier ? '*' : 'o';
    }
    fprintf(stream, "\n  mean latency, us\n");
    for (size_t row = 0; row < ROWS; row++) {
        size_t used = COLUMNS;
        while (used > 0 && cell[row][used - 1] == ' ')
            used--;
        if (row == 0 || row == ROWS - 1)
            fprintf(stream, "  %9.1f |", row == 0 ? y1 : y0);
        else
            fprintf(stream, "  %9s |", "");
        fprintf(stream, "%.*s\n", (int)used, cell[row]);
    }
    fprintf(stream, "  %9s +------------------------------------------------------------\n", "");
    fprintf(stream, "  %9s  %-10.0f %48.0f ops/s\n", "", x0, x1);
    left_out(stream, p, far, n);
}

void plot_frontier(FILE *stream, const struct tuner_point *p, size_t n) {
    unsigned *far = calloc(n + 1, sizeof *far);
    if (far && tuner_far(p, n, far) == 0) {
        size_t drawn = 0;
        for (size_t i = 0; i < n; i++)
            drawn += is_drawn(&p[i], &far[i]);
        if (drawn >= POINTS_LEAST)
            draw(stream, p, far, n);
    }
    free(far);
}
