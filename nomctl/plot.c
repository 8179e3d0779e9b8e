/*
 * The throughput/latency plane of one load in characters: '*' a point of the frontier, 'o' one that
 * another dominates. Right is more throughput, up is more latency, so the good corner is at the
 * lower right.
 */
#include "nomctl/nomctl.h"
#include <string.h>

#define COLUMNS      60
#define ROWS         12
#define POINTS_LEAST 3

static size_t place(double value, double low, double high, size_t places) {
    return high > low ? (size_t)((value - low) / (high - low) * (double)(places - 1) + 0.5) : 0;
}

void plot_frontier(FILE *stream, const struct tuner_point *p, size_t n) {
    char cell[ROWS][COLUMNS + 1];
    if (n < POINTS_LEAST)
        return;
    double x0 = p[0].throughput_ops, x1 = x0, y0 = p[0].latency_mean_us, y1 = y0;
    for (size_t i = 1; i < n; i++) {
        x0 = p[i].throughput_ops < x0 ? p[i].throughput_ops : x0;
        x1 = p[i].throughput_ops > x1 ? p[i].throughput_ops : x1;
        y0 = p[i].latency_mean_us < y0 ? p[i].latency_mean_us : y0;
        y1 = p[i].latency_mean_us > y1 ? p[i].latency_mean_us : y1;
    }
    memset(cell, ' ', sizeof cell);
    for (size_t i = 0; i < n; i++) {
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
}
