/*
 * Throughput and mean latency over the batching delay W (the paper's figures 11 to 13): two panels
 * over one axis. A mark is the median over the repeats, its bar runs from the least to the
 * greatest. Strict W = 0 stands a little left of natural W = 0, for both have the same W. The best
 * point is ringed, with a band as high as its bar: what reaches into the band may be as good.
 *
 * An axis covers the points that are not far off the others (tuner_far). Where another lies beyond
 * them, the axis gets a margin on that side, with an arrow and the point's value in it. An axis
 * that does not start at 0 has a break at its foot.
 */
#include "reports/internal.h"
#include <math.h>
#include <stdlib.h>

#define LEFT       0.105 /* the panels' edges, as parts of the figure */
#define RIGHT      0.985
#define ROW_PIXELS 18.0 /* of the margin, one for each point outside */
#define ROWS_MOST  2

struct panel {
    const char *label, *best_word, *unit;
    double scale; /* from the point's unit to the axis's */
    double top, bottom;
    int latency;
    unsigned far; /* the measure's, of tuner_far */
};

static const struct panel panels[2] = {
    {"throughput (thousand requests/s)", "most throughput", "k requests/s", 1e-3, 0.865, 0.52, 0,
     TUNER_FAR_THROUGHPUT},
    {"mean latency (\u00b5s)", "least latency", "\u00b5s", 1.0, 0.455, 0.145, 1, TUNER_FAR_LATENCY},
};

struct span {
    double low, high;
};

/* A panel's axes; points beyond inner are outside, outer - inner is room for their labels. */
struct axes {
    struct span delays, inner, outer;
};

static double value(const struct tuner_point *p, const struct panel *panel, int which) {
    double low = panel->latency ? p->latency_low_us : p->throughput_low;
    double high = panel->latency ? p->latency_high_us : p->throughput_high;
    double median = panel->latency ? p->latency_mean_us : p->throughput_ops;
    return panel->scale * (which < 0 ? low : which > 0 ? high : median);
}

static int is_outside(const struct axes *axes, const struct tuner_point *p,
                      const struct panel *panel) {
    double v = value(p, panel, 0);
    return report_finite(p) && (v < axes->inner.low || v > axes->inner.high);
}

/* The axis starts at 0 unless that would squeeze the data into less than its upper half. */
static void find_axis(struct axes *axes, const struct report_load *load,
                      const struct panel *panel) {
    struct span span = {INFINITY, -INFINITY};
    for (size_t i = 0; i < load->count; i++) {
        if (!report_finite(&load->points[i]) || (load->far[i] & panel->far))
            continue;
        span.low = fmin(span.low, value(&load->points[i], panel, -1));
        span.high = fmax(span.high, value(&load->points[i], panel, 1));
    }
    double margin = 0.08 * (span.high - span.low);
    if (margin <= 0.0)
        margin = fmax(0.05 * fabs(span.high), 1e-3);
    span.low = span.low < 0.5 * span.high ? 0.0 : span.low - margin;
    span.high += margin;
    axes->inner = axes->outer = span;

    int below = 0, above = 0;
    for (size_t i = 0; i < load->count; i++) {
        if (!is_outside(axes, &load->points[i], panel))
            continue;
        if (value(&load->points[i], panel, 0) < span.low)
            below += below < ROWS_MOST;
        else
            above += above < ROWS_MOST;
    }
    double low_pixels = below ? ROW_PIXELS * (below + 1) : 0.0;
    double high_pixels = above ? ROW_PIXELS * (above + 1) : 0.0;
    double height = REPORT_HEIGHT * (panel->top - panel->bottom);
    double per_pixel = (span.high - span.low) / (height - low_pixels - high_pixels);
    axes->outer.low -= per_pixel * low_pixels;
    axes->outer.high += per_pixel * high_pixels;
}

static struct span delay_span(const struct report_load *load) {
    struct span span = {INFINITY, -INFINITY};
    for (size_t i = 0; i < load->count; i++) {
        if (!report_finite(&load->points[i]))
            continue;
        span.low = fmin(span.low, load->points[i].delay_us);
        span.high = fmax(span.high, load->points[i].delay_us);
    }
    double room = span.high > span.low ? span.high - span.low : 1.0;
    span.low -= 0.045 * room;
    span.high += 0.025 * room;
    return span;
}

static double place(const struct tuner_point *p, const struct span *delays) {
    double aside = p->kick == NOM_KICK_STRICT ? 0.018 * (delays->high - delays->low) : 0.0;
    return p->delay_us - aside;
}

/* A data block of W, median, low, high; the number of its rows. A point outside breaks the line. */
static size_t data_block(FILE *script, const char *name, const struct report_load *load,
                         const struct panel *panel, const struct axes *axes, uint32_t kick) {
    size_t rows = 0;
    fprintf(script, "$%s << EOD\n", name);
    for (size_t i = 0; i < load->count; i++) {
        const struct tuner_point *p = &load->points[i];
        if (p->kick != kick || !report_finite(p))
            continue;
        double median = is_outside(axes, p, panel) ? NAN : value(p, panel, 0);
        fprintf(script, "%.9g %.9g %.9g %.9g\n", place(p, &axes->delays), median,
                value(p, panel, -1), value(p, panel, 1));
        rows++;
    }
    fputs("EOD\n", script);
    return rows;
}

/* Arrows and labels of the points outside, clear of the natural points and their line. */
static void put_outside(FILE *script, const struct report_load *load, const struct panel *panel,
                        const struct axes *axes, struct placement *placement) {
    const struct placement_box box = {REPORT_WIDTH * LEFT, REPORT_HEIGHT * panel->bottom,
                                      REPORT_WIDTH * RIGHT, REPORT_HEIGHT * panel->top};
    double per_us = (box.right - box.left) / (axes->delays.high - axes->delays.low);
    double per_value = (box.top - box.bottom) / (axes->outer.high - axes->outer.low);
    double last_x = NAN, last_y = NAN;

    placement->count = 0;
    placement->area =
        (struct placement_box){box.left + 3, box.bottom + 3, box.right - 3, box.top - 3};
    for (int outside = 0; outside < 2; outside++) {
        for (size_t i = 0; i < load->count; i++) {
            const struct tuner_point *p = &load->points[i];
            if (!report_finite(p))
                continue;
            double x = box.left + per_us * (place(p, &axes->delays) - axes->delays.low);
            double y = box.bottom + per_value * (value(p, panel, 0) - axes->outer.low);
            int strict = p->kick == NOM_KICK_STRICT;
            if (outside && is_outside(axes, p, panel)) {
                char delay[64], number[340], text[480];
                report_delay(p, delay, sizeof(delay));
                report_number(value(p, panel, 0), number, sizeof(number));
                snprintf(text, sizeof(text), "%s: %s %s, outside", delay, number, panel->unit);
                report_outside(script, placement, &box, x, y, strict, text);
            } else if (!outside && !strict) {
                if (is_outside(axes, p, panel))
                    x = NAN; /* the line breaks */
                else if (!isnan(last_x))
                    placement_add_line(placement, last_x, last_y, x, y);
                last_x = x;
                last_y = y;
            }
        }
    }
}

static int has_outside(const struct report_load *load, uint32_t kick) {
    for (int k = 0; k < 2; k++) {
        struct axes axes;
        find_axis(&axes, load, &panels[k]);
        for (size_t i = 0; i < load->count; i++) {
            if (load->points[i].kick == kick && is_outside(&axes, &load->points[i], &panels[k]))
                return 1;
        }
    }
    return 0;
}

static void draw_panel(FILE *script, const struct report_load *load, const struct panel *panel,
                       const struct tuner_point *best, struct placement *placement) {
    struct axes axes = {.delays = delay_span(load)};
    const struct span *delays = &axes.delays;
    find_axis(&axes, load, panel);
    double ring = place(best, delays);
    char delay[64], text[160];

    size_t natural = data_block(script, "natural", load, panel, &axes, NOM_KICK_NATURAL);
    size_t strict = data_block(script, "strict", load, panel, &axes, NOM_KICK_STRICT);
    fprintf(script, "$best << EOD\n%.9g %.9g\nEOD\n", ring, value(best, panel, 0));
    report_delay(best, delay, sizeof(delay));
    snprintf(text, sizeof(text), "%s: %s, %.4g %s", panel->best_word, delay, value(best, panel, 0),
             panel->unit);
    fprintf(script,
            "set tmargin at screen %g\nset bmargin at screen %g\n"
            "set xrange [%.9g:%.9g]\nset yrange [%.9g:%.9g]\nset ylabel '%s'\nset title ",
            panel->top, panel->bottom, delays->low, delays->high, axes.outer.low, axes.outer.high,
            panel->label);
    report_quote(script, text);
    fprintf(script,
            " offset 0,-0.7 font ',10'\n"
            "set object 1 rectangle from graph 0, first %.9g to graph 1, first %.9g"
            " fillcolor rgb '" REPORT_PALE "' fillstyle solid noborder behind\n"
            "set arrow 1 from %.9g,%.9g to %.9g,%.9g nohead dashtype 3"
            " linewidth 1 linecolor rgb '" REPORT_GREY "' back\n",
            value(best, panel, -1), value(best, panel, 1), ring, axes.inner.low, ring,
            axes.inner.high);
    if (axes.outer.low > 0.0)
        fputs("set arrow from graph -0.008,0.02 to graph 0.008,0.05 nohead linewidth 5"
              " linecolor rgb '#ffffff' front\n"
              "set arrow from graph -0.008,0.005 to graph 0.008,0.035 nohead front\n"
              "set arrow from graph -0.008,0.035 to graph 0.008,0.065 nohead front\n",
              script);
    put_outside(script, load, panel, &axes, placement);
    fputs("plot ", script);
    if (natural)
        fputs("$natural using 1:($2==$2?$3:NaN):(0):($4-$3) with vectors heads size screen "
              "0.003,90 linewidth 1.2"
              " linecolor rgb '" REPORT_BLUE "' notitle, "
              "$natural using 1:2 with lines linewidth 1 linecolor rgb '" REPORT_BLUE "' notitle, "
              "$natural using 1:2 with points pointtype 7 pointsize 0.7 linecolor rgb '" REPORT_BLUE
              "' title 'natural (what is ready)', ",
              script);
    if (strict)
        fputs("$strict using 1:($2==$2?$3:NaN):(0):($4-$3) with vectors heads size screen 0.003,90 "
              "linewidth 1.2"
              " linecolor rgb '" REPORT_VERMILION "' notitle, "
              "$strict using 1:2 with points pointtype 4 pointsize 0.9 linewidth 1.5"
              " linecolor rgb '" REPORT_VERMILION "' title 'strict (one packet, one kick)', ",
              script);
    if (panel == &panels[0])
        report_outside_key(script, has_outside(load, NOM_KICK_NATURAL),
                           has_outside(load, NOM_KICK_STRICT));
    fputs("$best using 1:2 with points pointtype 6 pointsize 1.8 linewidth 1.5"
          " linecolor rgb '#000000' title 'best'\n"
          "unset label\nunset arrow\nunset key\n",
          script);
}

/* How to read the figure, in short beneath it and in sentences beneath it on the page. */
static void explain(struct report_load *load, char *text, size_t bytes) {
    uint32_t repeats = 0;
    int broken = 0;
    for (size_t i = 0; i < load->count; i++)
        repeats = load->points[i].repeats > repeats ? load->points[i].repeats : repeats;
    for (int k = 0; k < 2; k++) {
        struct axes axes;
        find_axis(&axes, load, &panels[k]);
        broken |= axes.outer.low > 0.0;
    }
    int outside = has_outside(load, NOM_KICK_NATURAL) || has_outside(load, NOM_KICK_STRICT);
    snprintf(text, bytes, "%s%s%s.",
             repeats > 1 ? "Marks: medians; bars: least to greatest of the repeats; band: the best "
                           "point's bar"
                         : "One run a point: nothing is known of the spread",
             broken ? "; axis with a break: not from 0" : "",
             outside ? "; arrow: beyond the axis" : "");
    snprintf(load->delay.note, sizeof(load->delay.note),
             "Marks are medians, bars run from the least to the greatest of the repeats.%s%s",
             broken ? " An axis with a break at its foot does not start at 0." : "",
             outside ? " A point far beyond an axis is an arrow at the edge, with its value." : "");
}

int report_figure_delay(struct report_load *load, char *why, size_t why_bytes) {
    const struct tuner_point *best[2] = {report_most_throughput(load), report_least_latency(load)};
    char *text = NULL;
    size_t bytes = 0;
    char note[240];

    if (!best[0])
        return report_fail(why, why_bytes, REPORT_EDATA, "%s: no point that is a number",
                           load->label);
    struct placement *placement = calloc(1, sizeof(*placement));
    FILE *script = placement ? open_memstream(&text, &bytes) : NULL;
    if (!script) {
        free(placement);
        return report_fail(why, why_bytes, REPORT_ENOMEM, "out of memory");
    }

    snprintf(load->delay.name, sizeof(load->delay.name), "delay-%s", load->file);
    snprintf(load->delay.title, sizeof(load->delay.title),
             "Throughput and mean latency over the batching delay, %s", load->label);
    explain(load, note, sizeof(note));
    report_figure_begin(script, load, "throughput and latency over the batching delay", note);
    fprintf(script, "set lmargin at screen %g\nset rmargin at screen %g\n", LEFT, RIGHT);
    fputs("set key at screen 0.5,0.945 center top horizontal reverse Left samplen 1 width -4 font "
          "',11'\n"
          "set multiplot\nset format x ''\n",
          script);
    draw_panel(script, load, &panels[0], best[0], placement);
    fputs("set format x '%g'\nset xlabel 'batching delay W (\u00b5s)' offset 0,0.3\n", script);
    draw_panel(script, load, &panels[1], best[1], placement);
    fputs("unset multiplot\n", script);
    free(placement);
    int failed = ferror(script);
    if (fclose(script) != 0 || failed) {
        free(text);
        return report_fail(why, why_bytes, REPORT_ENOMEM, "out of memory");
    }
    int result = report_gnuplot(text, &load->delay, why, why_bytes);
    free(text);
    return result;
}
