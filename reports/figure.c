/*
 * What all figures have in common. The caption names the session and the runs that the figure
 * stands on, whatever page it is taken to.
 */
#include "reports/internal.h"
#include <inttypes.h>

static void caption(FILE *script, int number, double height, const char *text) {
    fprintf(script, "set label %d ", number);
    report_quote(script, text);
    fprintf(script, " at screen 0.985,%g right font ',9' textcolor rgb '" REPORT_GREY "'\n",
            height);
}

void report_figure_begin(FILE *script, const struct report_load *load, const char *what,
                         const char *note) {
    const struct store_session *s = &load->data->session;
    char text[400], runs[96];

    report_load_runs(load, runs, sizeof(runs));
    snprintf(text, sizeof(text), "%s on %s (%s), %s: %s", s->app, s->target, s->accel, load->label,
             what);
    fputs("set label 101 ", script);
    report_quote(script, text);
    fputs(" at screen 0.5,0.97 center font ',14'\n", script);
    caption(script, 102, 0.017, note);
    snprintf(text, sizeof(text), "session %" PRId64 ", runs %s", s->id, runs);
    caption(script, 103, 0.041, text);
    fputs("set border 3 linewidth 1 linecolor rgb '#333333'\n"
          "set tics nomirror out scale 0.6 textcolor rgb '#000000'\n"
          "set grid linetype 1 linecolor rgb '#dddddd' linewidth 0.5\n"
          "set errorbars 0.5\n",
          script);
}
