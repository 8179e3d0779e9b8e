/*
 * One line on stderr that overwrites itself: how far, how long yet, what now. Drawn only where
 * stderr is a terminal that can do it; in a pipe, or with TERM=dumb, nothing is.
 *
 * Invariant: line_width is the width of what stands on the line now, 0 if nothing does.
 */
#include "nomctl/nomctl.h"
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define BAR 24

static int line_width;

double progress_clock_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void progress_begin(struct progress *p, size_t total) {
    const char *term = getenv("TERM");
    *p = (struct progress){.shown = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0,
                           .total = total,
                           .started_s = progress_clock_s()};
}

void progress_hide(void) {
    if (line_width > 0)
        fputs("\r\033[K", stderr);
    line_width = 0;
}

static int columns(void) {
    struct winsize w;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? w.ws_col : 80;
}

void progress_show(struct progress *p, size_t done, size_t total, const char *what) {
    p->done = done;
    p->total = total;
    if (!p->shown)
        return;
    char left[32] = "", bar[BAR + 1], text[512];
    if (done > 0) {
        double s = (progress_clock_s() - p->started_s) / (double)done * (double)(total - done);
        snprintf(left, sizeof left, "%d:%02d left, ", (int)s / 60, (int)s % 60);
    }
    size_t full = total ? done * BAR / total : 0;
    memset(bar, '#', full);
    memset(bar + full, '.', BAR - full);
    bar[BAR] = '\0';
    snprintf(text, sizeof text, "[%s] %zu/%zu, %s%s", bar, done, total, left, what);
    line_width = columns() - 1;
    fprintf(stderr, "\r\033[K%.*s", line_width, text);
    fflush(stderr);
}

void progress_end(struct progress *p) {
    progress_hide();
    p->shown = false;
}
