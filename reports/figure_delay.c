/*
 * Throughput and mean latency over the batching delay W (the paper's figures 11 to 13): two panels
 * over one axis. A mark is the median over the repeats, its bar runs from the least to the
 * greatest. Strict W = 0 stands a little left of natural W = 0, for both have the same W. The best
 * point is ringed, with a band as high as its bar: what reaches into the band may be as good.
 */
#include "reports/internal.h"
#include <math.h>
#include <stdlib.h>

struct panel {
    const char *label, *best_word, *unit;
    double scale; /* from the point's unit to the axis's */
    double top, bottom;
    int latency;
};

static const struct panel panels[2] = {
    {"throughput (thousand requests/s)", "most throughput", "k requests/s", 1e-3, 0.865, 0.52, 0},
    {"mean latency (\u00b5s)", "least latency", "\u00b5s", 1.0, 0.455, 0.145, 1},
};

struct span {
    double low, high;
};

static double value(const struct tuner_point *p, const struct panel *panel, int which) {
    double low = panel->latency ? p->latency_low_us : p->throughput_low;
    double high = panel->latency ? p->latency_high_us : p->throughput_high;
    double median = panel->latency ? p->latency_mean_us : p->throughput_ops;
    return panel->scale * (which < 0 ? low : which > 0 ? high : median);
}

/* The axis starts at 0 unless that would squeeze the data into less than its upper half. */
static struct span value_span(const struct report_load *load, const struct panel *panel) {
    struct span span = {INFINITY, -INFINITY};
    for (size_t i = 0; i < load->count; i++) {
        if (!report_finite(&load->points[i]))
            continue;
        span.low = fmin(span.low, value(&load->points[i], panel, -1));
        span.high = fmax(span.high, value(&load->points[i], panel, 1));
    }
    double margin = 0.08 * (span.high - span.low);
    if (margin <= 0.0)
        margin = fmax(0.05 * fabs(span.high), 1e-3);
    span.low = span.low < 0.5 * span.high ? 0.0 : span.low - margin;
    span.high += margin;
    return span;
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

/* A data block of W, median, low, high; the number of its rows. */
static size_t data_block(FILE *script, const char *name, const struct report_load *load,
                         const struct panel *panel, const struct span *delays, uint32_t kick) {
    size_t rows = 0;
    fprintf(script, "$%s << EOD\n", name);
    for (size_t i = 0; i < load->count; i++) {
        const struct tuner_point *p = &load->points[i];
        if (p->kick != kick || !report_finite(p))
            continue;
        fprintf(script, "%.9g %.9g %.9g %.9g\n", place(p, delays), value(p, panel, 0),
                value(p, panel, -1), value(p, panel, 1));
        rows++;
    }
    fputs("EOD\n", script);
    return rows;
}

static void draw_panel(FILE *script, const struct report_load *load, const struct panel *panel,
                       const struct tuner_point *best, const struct span *delays) {
    struct span span = value_span(load, panel);
    double ring = place(best, delays);
    char delay[64], text[160];

    size_t natural = data_block(script, "natural", load, panel, delays, NOM_KICK_NATURAL);
    size_t strict = data_block(script, "strict", load, panel, delays, NOM_KICK_STRICT);
    fprintf(script, "$best << EOD\n%.9g %.9g\nEOD\n", ring, value(best, panel, 0));
    report_delay(best, delay, sizeof(delay));
    snprintf(text, sizeof(text), "%s: %s, %.4g %s", panel->best_word, delay, value(best, panel, 0),
             panel->unit);
    fprintf(script,
            "set tmargin at screen %g\nset bmargin at screen %g\n"
            "set xrange [%.9g:%.9g]\nset yrange [%.9g:%.9g]\nset ylabel '%s'\nset title ",
            panel->top, panel->bottom, delays->low, delays->high, span.low, span.high,
            panel->label);
    report_quote(script, text);
    fprintf(script,
            " offset 0,-0.7 font ',10'\n"
            "set object 1 rectangle from graph 0, first %.9g to graph 1, first %.9g"
            " fillcolor rgb '" REPORT_PALE "' fillstyle solid noborder behind\n"
            "set arrow 1 from first %.9g, graph 0 to first %.9g, graph 1 nohead dashtype 3"
            " linewidth 1 linecolor rgb '" REPORT_GREY "' back\n",
            value(best, panel, -1), value(best, panel, 1), ring, ring);
    fputs("plot ", script);
    if (natural)
        fputs("$natural using 1:3:(0):($4-$3) with vectors heads size screen 0.003,90 linewidth 1.2"
              " linecolor rgb '" REPORT_BLUE "' notitle, "
              "$natural using 1:2 with lines linewidth 1 linecolor rgb '" REPORT_BLUE "' notitle, "
              "$natural using 1:2 with points pointtype 7 pointsize 0.7 linecolor rgb '" REPORT_BLUE
              "' title 'natural (what is ready)', ",
              script);
    if (strict)
        fputs("$strict using 1:3:(0):($4-$3) with vectors heads size screen 0.003,90 linewidth 1.2"
              " linecolor rgb '" REPORT_VERMILION "' notitle, "
              "$strict using 1:2 with points pointtype 4 pointsize 0.9 linewidth 1.5"
              " linecolor rgb '" REPORT_VERMILION "' title 'strict (one packet, one kick)', ",
              script);
    fputs("$best using 1:2 with points pointtype 6 pointsize 1.8 linewidth 1.5"
          " linecolor rgb '#000000' title 'best'\n"
          "unset label 101\nunset label 102\nunset label 103\nunset key\n",
          script);
}

int report_figure_delay(struct report_load *load, char *why, size_t why_bytes) {
    const struct tuner_point *best[2] = {report_most_throughput(load), report_least_latency(load)};
    char *text = NULL;
    size_t bytes = 0;
    uint32_t repeats = 0;

    if (!best[0])
        return report_fail(why, why_bytes, REPORT_EDATA, "%s: no point that is a number",
                           load->label);
    for (size_t i = 0; i < load->count; i++)
        repeats = load->points[i].repeats > repeats ? load->points[i].repeats : repeats;
    FILE *script = open_memstream(&text, &bytes);
    if (!script)
        return report_fail(why, why_bytes, REPORT_ENOMEM, "out of memory");

    struct span delays = delay_span(load);
    snprintf(load->delay.name, sizeof(load->delay.name), "delay-%s", load->file);
    snprintf(load->delay.title, sizeof(load->delay.title),
             "Throughput and mean latency over the batching delay, %s", load->label);
    report_figure_begin(script, load, "throughput and latency over the batching delay",
                        repeats > 1
                            ? "Marks: medians; bars: least to greatest of the repeats; band: "
                              "the best point's bar."
                            : "One run a point: nothing is known of the spread.");
    fputs("set lmargin at screen 0.105\nset rmargin at screen 0.985\n"
          "set key at screen 0.5,0.935 center top horizontal reverse Left samplen 1 width -4 font "
          "',11'\n"
          "set multiplot\nset format x ''\n",
          script);
    draw_panel(script, load, &panels[0], best[0], &delays);
    fputs("set format x '%g'\nset xlabel 'batching delay W (\u00b5s)' offset 0,0.3\n", script);
    draw_panel(script, load, &panels[1], best[1], &delays);
    fputs("unset multiplot\n", script);
    int failed = ferror(script);
    if (fclose(script) != 0 || failed) {
        free(text);
        return report_fail(why, why_bytes, REPORT_ENOMEM, "out of memory");
    }
    int result = report_gnuplot(text, &load->delay, why, why_bytes);
    free(text);
    return result;
}
