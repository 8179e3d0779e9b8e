/*
 * What the files of reports/ share. A report is made in memory from first to last and written at
 * the end: report.c collects, figure_*.c describe figures, gnuplot.c draws them, html.c writes the
 * page, files.c puts all on disk.
 */
#ifndef REPORTS_INTERNAL_H
#define REPORTS_INTERNAL_H

#include "reports/placement.h"
#include "reports/reports.h"
#include "tuner/tuner.h"
#include <stdarg.h>
#include <stdio.h>

/* Okabe and Ito's colours: told apart by the colour-blind, and of different grey. */
#define REPORT_BLUE      "#0072B2"
#define REPORT_VERMILION "#D55E00"
#define REPORT_GREY      "#777777"
#define REPORT_PALE      "#ECECEC"

/* Size of a figure, in its SVG units; the PNG has twice as many pixels each way. */
#define REPORT_WIDTH  800
#define REPORT_HEIGHT 600

#define REPORT_NAME_BYTES 64u

struct report_picture {
    char name[REPORT_NAME_BYTES]; /* of its files, without .svg and .png */
    char title[160];              /* what it shows, in one line */
    char note[400];               /* how to read it, in sentences, for the page */
    char *svg, *png;              /* malloc'd */
    size_t svg_bytes, png_bytes;
};

/* All that a session measured. */
struct report_data {
    struct store_session session;
    struct trial *trials; /* without logs and histograms */
    int64_t *ids;         /* run id of each */
    size_t count, room;
    struct tuner_point *points;
    unsigned *far; /* of each point: tuner_far in its load */
    size_t point_count;
};

/* The points of one load: as many as share the number of connections. */
struct report_load {
    const struct report_data *data;
    const struct tuner_point *points;
    const unsigned *far;
    size_t count;
    char label[80]; /* "32 connections (many)" */
    char file[40];  /* the same as part of a file's name: "many-32" */
    struct report_picture delay, plane;
};

/* text.c */
/* Run ids in short: "3-7, 9"; beyond `bytes` it says how many, from which to which. */
void report_runs(const int64_t *ids, size_t count, char *text, size_t bytes);
/* Run ids of all points of a load. */
void report_load_runs(const struct report_load *load, char *text, size_t bytes);
/* "W = 8 us", "W = 0, strict". */
void report_delay(const struct tuner_point *point, char *text, size_t bytes);
/* Three places that count, without an exponent. */
void report_number(double value, char *text, size_t bytes);
/* Can the point be drawn and compared? (NaN and infinity are kept by the store.) */
int report_finite(const struct tuner_point *point);
const struct tuner_point *report_most_throughput(const struct report_load *load);
const struct tuner_point *report_least_latency(const struct report_load *load);
/* A gnuplot string: what could end it, or start a command substitution or a macro, is escaped. */
void report_quote(FILE *script, const char *text);
/* Sets why; gives -error. */
int report_fail(char *why, size_t why_bytes, enum report_error error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* gnuplot.c: draws `script` (no terminal, no output of its own) as SVG and as PNG. */
int report_gnuplot(const char *script, struct report_picture *picture, char *why, size_t why_bytes);

/* figure_delay.c, figure_plane.c: fill the picture. */
int report_figure_delay(struct report_load *load, char *why, size_t why_bytes);
int report_figure_plane(struct report_load *load, char *why, size_t why_bytes);
/* figure.c: what all figures have in common: fonts, borders, title, caption with the run ids. */
void report_figure_begin(FILE *script, const struct report_load *load, const char *what,
                         const char *note);

/* labels.c: texts beside points, in pixels of the figure. */
#define REPORT_LINE_PIXELS 12.0
/* A label that covers nothing, no farther than reach from the point; 0 if there is no room. */
int report_label(FILE *script, struct placement *placement, double x, double y, double reach,
                 const char *text, int font_size, const char *colour);
/* For a point at (x, y), outside the plot's box: an arrow at the edge towards it and its text. */
void report_outside(FILE *script, struct placement *placement, const struct placement_box *plot,
                    double x, double y, int strict, const char *text);
/* The legend's entries for such arrows, elements of gnuplot's plot command. */
void report_outside_key(FILE *script, int natural, int strict);

/* html.c: the whole page, malloc'd; NULL if out of memory. */
char *report_html(const struct report_data *data, const struct report_load *loads, size_t count,
                  size_t *bytes);
/* html_tables.c */
void report_html_text(FILE *page, const char *text); /* escaped */
void report_html_settings(FILE *page, const struct report_data *data);
void report_html_points(FILE *page, const struct report_load *load);
void report_html_bad_trials(FILE *page, const struct report_data *data);

/* files.c */
/* Makes the directory if missing and locks it against another report; a descriptor or an error. */
int report_directory(const char *dir, char *why, size_t why_bytes);
/* Puts a file there, whole or not at all. */
int report_file(int directory, const char *dir, const char *name, const void *bytes, size_t count,
                char *why, size_t why_bytes);

#endif
