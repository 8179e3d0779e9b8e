/* What a person reads: one-line messages on stderr, and points as a table. */
#include "nomctl/nomctl.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void line(const char *format, va_list values) {
    char text[2048];
    vsnprintf(text, sizeof text, format, values);
    size_t n = strlen(text);
    while (n > 0 && text[n - 1] == '\n')
        text[--n] = '\0';
    for (char *c = text; *c; c++)
        if (*c == '\n' || *c == '\r')
            *c = ' ';
    progress_hide();
    fprintf(stderr, "nomctl: %s\n", text);
}

void out_error(const char *format, ...) {
    va_list values;
    va_start(values, format);
    line(format, values);
    va_end(values);
}

void out_note(const char *format, ...) {
    va_list values;
    va_start(values, format);
    line(format, values);
    va_end(values);
}

int out_fail(int code, const char *format, ...) {
    va_list values;
    va_start(values, format);
    line(format, values);
    va_end(values);
    return code;
}

bool out_colour(FILE *stream) {
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
    return isatty(fileno(stream)) && term && strcmp(term, "dumb") != 0 &&
           (!no_color || !no_color[0]);
}

const char *out_kick(double delay_us, uint32_t kick) {
    if (delay_us > 0)
        return "";
    return kick == NOM_KICK_STRICT ? "strict" : "natural";
}

static void one_load(FILE *stream, const struct tuner_point *p, size_t n) {
    bool colour = out_colour(stream);
    fprintf(stream, "\nload %s (%u connection%s)\n", p->load, p->connections,
            p->connections == 1 ? "" : "s");
    fprintf(stream, "  %7s %-8s %10s %9s %9s %9s %9s %8s %3s %6s\n", "W us", "", "ops/s", "mean us",
            "jitter us", "p50 us", "p99 us", "Gbit/s", "n", "cv %");
    for (; n > 0; n--, p++)
        fprintf(stream, "%s%c %7.4g %-8s %10.0f %9.1f %9.1f %9.1f %9.1f %8.4f %3u %6.1f%s\n",
                colour && p->on_frontier ? "\033[1;32m" : "", p->on_frontier ? '*' : ' ',
                p->delay_us, out_kick(p->delay_us, p->kick), p->throughput_ops, p->latency_mean_us,
                p->jitter_us, p->latency_p50_us, p->latency_p99_us, p->gbit_out_per_s, p->repeats,
                100 * p->cv, colour && p->on_frontier ? "\033[0m" : "");
}

/* Points come sorted by connections. */
void out_points(FILE *stream, const struct tuner_point *points, size_t count) {
    for (size_t from = 0, to; from < count; from = to) {
        for (to = from + 1; to < count && points[to].connections == points[from].connections; to++)
            ;
        one_load(stream, points + from, to - from);
        plot_frontier(stream, points + from, to - from);
    }
    fputs("\n* on the frontier: no other point of that load has more throughput without more "
          "latency or jitter\n",
          stream);
}
