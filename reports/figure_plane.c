/*
 * The throughput/latency plane (the paper's figures 14 to 16): every operating point of a load, W
 * beside it, the frontier marked. Better is right and down.
 *
 * Two frontiers are shown, for they differ: filled marks are dominated by no point in throughput,
 * mean latency and jitter together (the tuner's); the line joins those dominated by none in the two
 * measures that the picture shows (a single one makes no line).
 *
 * The axes cover the points that are not far off the others (tuner_far), so all of the frontier; a
 * far one beyond them is told by an arrow and its numbers at the edge.
 */
#include "pareto/pareto.h"
#include "reports/internal.h"
#include <math.h>
#include <stdlib.h>

#define LEFT   0.105 /* the plot's edges, as parts of the figure */
#define RIGHT  0.975
#define BOTTOM 0.145
#define TOP    0.875

#define MARK_PIXELS 6.0

struct plane {
    const struct report_load *load;
    double x_low, x_high, y_low, y_high; /* thousand requests/s, us */
    size_t *frontier;                    /* of the two measures, by throughput */
    size_t frontier_count;
    struct placement *placement;
    int outside[2]; /* are natural, strict points? */
};

static double point_x(const struct tuner_point *p) {
    return p->throughput_ops * 1e-3;
}

static double pixel_x(const struct plane *plane, double x) {
    double part = (x - plane->x_low) / (plane->x_high - plane->x_low);
    return REPORT_WIDTH * (LEFT + part * (RIGHT - LEFT));
}

static double pixel_y(const struct plane *plane, double y) {
    double part = (y - plane->y_low) / (plane->y_high - plane->y_low);
    return REPORT_HEIGHT * (BOTTOM + part * (TOP - BOTTOM));
}

static void widen(double *low, double *high, double part) {
    double room = *high > *low ? *high - *low : fmax(0.1 * fabs(*high), 1e-3);
    *low -= part * room;
    *high += part * room;
}

/* Of points that can be drawn, those that the axes leave out. */
static int is_outside(const struct plane *plane, const struct tuner_point *p) {
    double x = point_x(p), y = p->latency_mean_us;
    return x < plane->x_low || x > plane->x_high || y < plane->y_low || y > plane->y_high;
}

static int find_ranges(struct plane *plane) {
    const struct report_load *load = plane->load;
    plane->x_low = plane->y_low = INFINITY;
    plane->x_high = plane->y_high = -INFINITY;
    for (size_t i = 0; i < load->count; i++) {
        const struct tuner_point *p = &load->points[i];
        if (!report_finite(p) || load->far[i])
            continue;
        plane->x_low = fmin(plane->x_low, p->throughput_low * 1e-3);
        plane->x_high = fmax(plane->x_high, p->throughput_high * 1e-3);
        plane->y_low = fmin(plane->y_low, p->latency_low_us);
        plane->y_high = fmax(plane->y_high, p->latency_high_us);
    }
    if (plane->x_low > plane->x_high)
        return -1;
    widen(&plane->x_low, &plane->x_high, 0.05);
    widen(&plane->y_low, &plane->y_high, 0.06);
    /* Room for the text of what lies above or below. */
    const struct plane near = *plane;
    double room = 0.05 * (near.y_high - near.y_low);
    for (size_t i = 0; i < load->count; i++) {
        const struct tuner_point *p = &load->points[i];
        if (!report_finite(p) || !is_outside(&near, p))
            continue;
        plane->outside[p->kick == NOM_KICK_STRICT] = 1;
        if (p->latency_mean_us < near.y_low)
            plane->y_low = near.y_low - room;
        if (p->latency_mean_us > near.y_high)
            plane->y_high = near.y_high + room;
    }
    return 0;
}

static const struct plane *sorted_plane; /* of by_throughput: qsort has no context */
static int by_throughput(const void *left, const void *right) {
    const struct tuner_point *points = sorted_plane->load->points;
    double a = points[*(const size_t *)left].throughput_ops;
    double b = points[*(const size_t *)right].throughput_ops;
    return (a > b) - (a < b);
}

static int find_frontier(struct plane *plane) {
    static const int sense[2] = {1, -1};
    const struct report_load *load = plane->load;
    double *at = reallocarray(NULL, load->count, 2 * sizeof(*at));
    plane->frontier = reallocarray(NULL, load->count, sizeof(*plane->frontier));
    int result = -1;
    if (at && plane->frontier) {
        for (size_t i = 0; i < load->count; i++) {
            int finite = report_finite(&load->points[i]);
            at[2 * i] = finite ? load->points[i].throughput_ops : NAN;
            at[2 * i + 1] = load->points[i].latency_mean_us;
        }
        result =
            pareto_frontier(at, load->count, 2, sense, plane->frontier, &plane->frontier_count);
    }
    free(at);
    if (result == 0) {
        sorted_plane = plane;
        qsort(plane->frontier, plane->frontier_count, sizeof(*plane->frontier), by_throughput);
    }
    return result;
}

enum kind { FRONTIER, OTHER, FRONTIER_STRICT, OTHER_STRICT, KINDS };
static const struct {
    const char *block, *style, *title;
} kinds[KINDS] = {
    {"$frontier", "pointtype 7 pointsize 1.0 linecolor rgb '" REPORT_BLUE "'", "frontier"},
    {"$other", "pointtype 6 pointsize 0.8 linewidth 1.2 linecolor rgb '" REPORT_GREY "'",
     "dominated"},
    {"$frontier_strict", "pointtype 5 pointsize 1.0 linecolor rgb '" REPORT_VERMILION "'",
     "strict, frontier"},
    {"$other_strict",
     "pointtype 4 pointsize 0.9 linewidth 1.5 linecolor rgb '" REPORT_VERMILION "'",
     "strict, dominated"},
};

static enum kind kind_of(const struct tuner_point *p) {
    int strict = p->kick == NOM_KICK_STRICT;
    return p->on_frontier ? (strict ? FRONTIER_STRICT : FRONTIER) : (strict ? OTHER_STRICT : OTHER);
}

static size_t data_block(FILE *script, const struct plane *plane, enum kind kind) {
    size_t rows = 0;
    fprintf(script, "%s << EOD\n", kinds[kind].block);
    for (size_t i = 0; i < plane->load->count; i++) {
        const struct tuner_point *p = &plane->load->points[i];
        if (!report_finite(p) || kind_of(p) != kind || is_outside(plane, p))
            continue;
        fprintf(script, "%.9g %.9g %.9g %.9g %.9g %.9g\n", point_x(p), p->latency_mean_us,
                p->throughput_low * 1e-3, p->throughput_high * 1e-3, p->latency_low_us,
                p->latency_high_us);
        rows++;
    }
    fputs("EOD\n", script);
    return rows;
}

static void put_label(FILE *script, struct plane *plane, const struct tuner_point *p,
                      double reach) {
    char text[48];
    snprintf(text, sizeof(text), p->kick == NOM_KICK_STRICT ? "%g strict" : "%g", p->delay_us);
    report_label(script, plane->placement, pixel_x(plane, point_x(p)),
                 pixel_y(plane, p->latency_mean_us), reach, text, p->on_frontier ? 12 : 10,
                 p->on_frontier ? "#000000" : "#555555");
}

static void put_outside(FILE *script, struct plane *plane, const struct tuner_point *p) {
    const struct placement_box box = {REPORT_WIDTH * LEFT, REPORT_HEIGHT * BOTTOM,
                                      REPORT_WIDTH * RIGHT, REPORT_HEIGHT * TOP};
    int strict = p->kick == NOM_KICK_STRICT;
    char text[800], throughput[340], latency[340];
    report_number(point_x(p), throughput, sizeof(throughput));
    report_number(p->latency_mean_us, latency, sizeof(latency));
    snprintf(text, sizeof(text), "%g%s: %s k/s, %s \u00b5s, outside", p->delay_us,
             strict ? " strict" : "", throughput, latency);
    report_outside(script, plane->placement, &box, pixel_x(plane, point_x(p)),
                   pixel_y(plane, p->latency_mean_us), strict, text);
}

static void put_labels(FILE *script, struct plane *plane) {
    const struct report_load *load = plane->load;
    struct placement *placement = plane->placement;
    placement->area = (struct placement_box){REPORT_WIDTH * LEFT + 3, REPORT_HEIGHT * BOTTOM + 3,
                                             REPORT_WIDTH * RIGHT + 12, REPORT_HEIGHT * TOP};
    for (size_t i = 0; i < load->count; i++) {
        const struct tuner_point *p = &load->points[i];
        if (!report_finite(p) || is_outside(plane, p))
            continue;
        double x = pixel_x(plane, point_x(p)), y = pixel_y(plane, p->latency_mean_us);
        placement_add(placement, (struct placement_box){x - MARK_PIXELS, y - MARK_PIXELS,
                                                        x + MARK_PIXELS, y + MARK_PIXELS});
        placement_add_line(placement, pixel_x(plane, p->throughput_low * 1e-3), y,
                           pixel_x(plane, p->throughput_high * 1e-3), y);
        placement_add_line(placement, x, pixel_y(plane, p->latency_low_us), x,
                           pixel_y(plane, p->latency_high_us));
    }
    for (size_t i = 1; i < plane->frontier_count; i++) {
        const struct tuner_point *a = &load->points[plane->frontier[i - 1]];
        const struct tuner_point *b = &load->points[plane->frontier[i]];
        placement_add_line(placement, pixel_x(plane, point_x(a)),
                           pixel_y(plane, a->latency_mean_us), pixel_x(plane, point_x(b)),
                           pixel_y(plane, b->latency_mean_us));
    }
    for (size_t i = 0; i < load->count; i++) {
        const struct tuner_point *p = &load->points[i];
        if (report_finite(p) && is_outside(plane, p))
            put_outside(script, plane, p);
    }
    /* Strict points first, then the frontier, then what still finds room close by. */
    for (int turn = 0; turn < 3; turn++) {
        for (size_t i = 0; i < load->count; i++) {
            const struct tuner_point *p = &load->points[i];
            int rank = p->kick == NOM_KICK_STRICT ? 0 : p->on_frontier ? 1 : 2;
            if (rank == turn && report_finite(p) && !is_outside(plane, p))
                put_label(script, plane, p, turn < 2 ? 46.0 : 14.0);
        }
    }
}

static void draw(FILE *script, struct plane *plane) {
    const struct report_load *load = plane->load;
    size_t rows[KINDS];
    for (int k = 0; k < KINDS; k++)
        rows[k] = data_block(script, plane, (enum kind)k);
    fputs("$line << EOD\n", script);
    for (size_t i = 0; i < plane->frontier_count; i++) {
        const struct tuner_point *p = &load->points[plane->frontier[i]];
        fprintf(script, "%.9g %.9g\n", point_x(p), p->latency_mean_us);
    }
    fputs("EOD\n", script);
    put_labels(script, plane);
    fprintf(script,
            "set lmargin at screen %g\nset rmargin at screen %g\n"
            "set bmargin at screen %g\nset tmargin at screen %g\n"
            "set xrange [%.9g:%.9g]\nset yrange [%.9g:%.9g]\n"
            "set xlabel 'throughput (thousand requests/s), better to the right' offset 0,0.3\n"
            "set ylabel 'mean latency (\u00b5s), better below'\n"
            "set key at screen 0.5,0.94 center top horizontal reverse Left samplen 1 font ',11'\n"
            "plot ",
            LEFT, RIGHT, BOTTOM, TOP, plane->x_low, plane->x_high, plane->y_low, plane->y_high);
    for (int k = 0; k < KINDS; k++) {
        if (rows[k])
            fprintf(script,
                    "%s using 1:2:3:4:5:6 with xyerrorbars pointtype 0 linewidth 0.6"
                    " linecolor rgb '#bbbbbb' notitle, ",
                    kinds[k].block);
    }
    if (plane->frontier_count > 1)
        fputs("$line using 1:2 with lines linewidth 1.5 dashtype 2 linecolor rgb '" REPORT_BLUE
              "' notitle, ",
              script);
    for (int k = 0; k < KINDS; k++) {
        if (rows[k])
            fprintf(script, "%s using 1:2 with points %s title '%s', ", kinds[k].block,
                    kinds[k].style, kinds[k].title);
    }
    report_outside_key(script, plane->outside[0], plane->outside[1]);
    fputs("\n", script);
}

/* How to read the figure, in short beneath it and in sentences beneath it on the page. */
static void explain(const struct plane *plane, struct report_picture *picture, char *text,
                    size_t bytes) {
    int line = plane->frontier_count > 1, outside = plane->outside[0] || plane->outside[1];
    snprintf(text, bytes,
             "Numbers: W in \u00b5s; bars: least to greatest of the repeats; frontier: throughput, "
             "mean latency, jitter%s%s.",
             line ? "; line: without jitter" : "", outside ? "; arrow: beyond the axes" : "");
    snprintf(picture->note, sizeof(picture->note),
             "The number beside a point is its W in \u00b5s.%s Filled points are those that none "
             "beats in throughput, mean latency and jitter together.%s",
             line ? " The broken line joins the points that none beats in these two measures." : "",
             outside ? " A dominated point that lies far outside the axes is an arrow at the edge, "
                       "with its numbers."
                     : "");
}

int report_figure_plane(struct report_load *load, char *why, size_t why_bytes) {
    struct plane plane = {.load = load, .placement = calloc(1, sizeof(*plane.placement))};
    char *text = NULL;
    size_t bytes = 0;
    int result = -REPORT_ENOMEM;
    FILE *script = open_memstream(&text, &bytes);

    snprintf(load->plane.name, sizeof(load->plane.name), "plane-%s", load->file);
    snprintf(load->plane.title, sizeof(load->plane.title),
             "Throughput and mean latency of every operating point, %s", load->label);
    if (!script || !plane.placement || find_frontier(&plane) != 0) {
        report_fail(why, why_bytes, REPORT_ENOMEM, "out of memory");
    } else if (find_ranges(&plane) != 0) {
        result =
            report_fail(why, why_bytes, REPORT_EDATA, "%s: no point that is a number", load->label);
    } else {
        char note[240];
        explain(&plane, &load->plane, note, sizeof(note));
        report_figure_begin(script, load, "throughput against latency", note);
        draw(script, &plane);
        result = ferror(script) || fflush(script) != 0
                     ? report_fail(why, why_bytes, REPORT_ENOMEM, "out of memory")
                     : report_gnuplot(text, &load->plane, why, why_bytes);
    }
    if (script)
        fclose(script);
    free(text);
    free(plane.frontier);
    free(plane.placement);
    return result;
}
