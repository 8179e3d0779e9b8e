/*
 * The page: one file with its pictures inside, no script, nothing loaded from anywhere. Pictures
 * stay on white in dark mode, for their colours are chosen for it.
 */
#include "reports/internal.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char style[] =
    ":root{color-scheme:light dark;--ink:#1b1b1b;--paper:#fff;--line:#d5d5d5;--mark:#e3eef7;"
    "--warn:#fdf0dc}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e6e6;--paper:#16181a;--line:#3c4043;"
    "--mark:#1d3346;--warn:#43331a}}\n"
    "body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);"
    "max-width:66rem;margin:2rem auto;padding:0 1rem}\n"
    "h1{font-size:1.7rem;line-height:1.2}h2{margin-top:2.2rem;border-bottom:1px solid "
    "var(--line)}\n"
    "figure{margin:1.2rem 0;background:#fff;color:#000;padding:.5rem;border:1px solid "
    "var(--line)}\n"
    "figure svg{width:100%;height:auto;display:block}\n"
    "figcaption{font-size:.9rem;padding:.3rem .5rem}\n"
    "table{border-collapse:collapse;font-size:.85rem}\n"
    "th,td{padding:.2rem .55rem;border-bottom:1px solid var(--line);vertical-align:top}\n"
    ".facts th{text-align:left;font-weight:600;white-space:nowrap}\n"
    ".points td{text-align:right;font-variant-numeric:tabular-nums}.points "
    "td.runs{text-align:left;white-space:nowrap}\n"
    ".points th{text-align:right;vertical-align:bottom}\n"
    ".points tr.frontier td{background:var(--mark);font-weight:600}\n"
    ".wide{overflow-x:auto}.warning{background:var(--warn);padding:.6rem .9rem}\n";

/* The length of what stands before an id at c, or 0. */
static size_t before_id(const char *c) {
    static const char *const texts[] = {"id='", "id=\"", "href='#", "href=\"#", "url(#"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (strncmp(c, texts[i], strlen(texts[i])) == 0)
            return strlen(texts[i]);
    }
    return 0;
}

/* The SVG without what only a file of its own may have and without gnuplot's own titles (a browser
 * would show them as tips); every id made this figure's own. */
static void inline_svg(FILE *page, const struct report_picture *picture) {
    static const char title_end[] = "</title>";
    const char *c = strstr(picture->svg, "<svg");
    if (!c)
        return;
    fputs("<svg role=\"img\" aria-label=\"", page);
    report_html_text(page, picture->title);
    fputc('"', page);
    for (c += strlen("<svg"); *c;) {
        const char *end = strncmp(c, "<title>", 7) == 0 ? strstr(c, title_end) : NULL;
        size_t length = before_id(c);
        if (end) {
            c = end + strlen(title_end);
            continue;
        }
        fwrite(c, 1, length ? length : 1, page);
        if (length)
            fprintf(page, "%s-", picture->name);
        c += length ? length : 1;
    }
}

static void figure(FILE *page, const struct report_picture *picture) {
    fputs("<figure>\n", page);
    inline_svg(page, picture);
    fputs("<figcaption>", page);
    report_html_text(page, picture->title);
    fputs(". ", page);
    report_html_text(page, picture->note);
    fprintf(page, " As files: %s.svg, %s.png.</figcaption>\n</figure>\n", picture->name,
            picture->name);
}

static void date(int64_t unix_us, char *text, size_t bytes) {
    time_t seconds = (time_t)(unix_us / 1000000);
    struct tm parts;
    if (unix_us <= 0 || !gmtime_r(&seconds, &parts) ||
        strftime(text, bytes, "%Y-%m-%d %H:%M:%S UTC", &parts) == 0)
        snprintf(text, bytes, "unknown");
}

static void head(FILE *page, const struct report_data *data) {
    const struct store_session *s = &data->session;
    char started[40], ended[40];
    date(s->started_unix_us, started, sizeof(started));
    date(s->ended_unix_us, ended, sizeof(ended));
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>",
          page);
    report_html_text(page, s->app);
    fputs(" on ", page);
    report_html_text(page, s->target);
    fprintf(page, ": session %" PRId64 "</title>\n<style>\n%s</style>\n</head>\n<body>\n<h1>",
            s->id, style);
    report_html_text(page, s->app);
    fputs(" on ", page);
    report_html_text(page, s->target);
    fputs(" (", page);
    report_html_text(page, s->accel);
    fprintf(page,
            "): what the batching delay does</h1>\n"
            "<p>Session %" PRId64 ", %zu runs, started %s, ended %s.</p>\n"
            "<p>The server holds packets back for up to W microseconds, so that several travel "
            "together: a larger W costs latency and can save enough work to gain throughput. Every "
            "W was measured under each load, the runs in random order. A point is the median of "
            "its runs. Points that no other beats in throughput, mean latency and jitter at "
            "once are the frontier: which of them is best depends on prices and on what latency is "
            "worth, and a running server chooses among them by its table.</p>\n",
            s->id, data->count, started,
            s->ended_unix_us ? ended : "never (still running, or killed)");
}

static void warnings(FILE *page, const struct report_data *data) {
    size_t debug = 0, disturbed = 0;
    double most = 0.0;
    for (size_t i = 0; i < data->count; i++) {
        const struct trial *t = &data->trials[i];
        debug += t->settings.debug_build;
        if (t->result.status != TRIAL_OK || !(t->result.host_other_cpu > TRIAL_OTHER_CPU_MAX))
            continue;
        disturbed++;
        most = fmax(most, t->result.host_other_cpu);
    }
    if (debug)
        fputs("<p class=\"warning\">Measured with a debug build. Its figures say nothing about the "
              "real one.</p>\n",
              page);
    if (disturbed)
        fprintf(page,
                "<p class=\"warning\">In %zu of the runs that count, other programs used more than "
                "%.2f cores while they were measured, at most %.2f: the noise was accepted.</p>\n",
                disturbed, TRIAL_OTHER_CPU_MAX, most);
}

static void notes(FILE *page, const struct report_data *data) {
    int translated = strcmp(data->session.accel, "tcg") == 0;
    fputs("<h2>How to read this</h2>\n<ul>\n", page);
    fputs(translated
              ? "<li>Accelerator tcg: QEMU translates the guest's instructions. Privileged code "
                "pays far more than on real hardware, so compare these figures with others under "
                "tcg only.</li>\n"
              : "<li>The accelerator decides much of what a notification of the device (a kick) "
                "costs, and with it which W is best: a table holds for the accelerator it was "
                "measured under.</li>\n",
          page);
    fputs("<li>W = 0 has two meanings. Natural: what is ready at the same moment goes together, "
          "nothing waits. Strict: one packet, one kick, as in the paper. Comparing a W with strict "
          "alone flatters it.</li>\n"
          "<li>Useful Gbit/s counts replies as the client received them, headers included. On "
          "the wire counts what the guest's interface sent, with all headers and "
          "acknowledgements: that is what a provider bills.</li>\n"
          "<li>Latency runs from a request's write to its reply's last byte, seen by the client. "
          "Jitter is its standard deviation. The load is a closed loop: a connection sends its "
          "next request when it has its reply, so throughput and mean latency are tied to each "
          "other by the number of connections.</li>\n"
          "<li>Neighbouring W whose bars overlap cannot be told apart by these runs.</li>\n"
          "</ul>\n",
          page);
}

static void load_section(FILE *page, const struct report_load *load) {
    const struct tuner_point *most = report_most_throughput(load);
    const struct tuner_point *least = report_least_latency(load);
    char most_delay[64], least_delay[64];
    size_t frontier = 0;

    for (size_t i = 0; i < load->count; i++)
        frontier += load->points[i].on_frontier != 0;
    fputs("<h2>", page);
    report_html_text(page, load->label);
    fputs("</h2>\n", page);
    report_delay(most, most_delay, sizeof(most_delay));
    report_delay(least, least_delay, sizeof(least_delay));
    fprintf(page,
            "<p>%zu points, %zu of them on the frontier. Most throughput: %s, %.0f requests/s at a "
            "mean latency of %.1f \u00b5s. Least latency: %s, %.1f \u00b5s at %.0f "
            "requests/s.</p>\n",
            load->count, frontier, most_delay, most->throughput_ops, most->latency_mean_us,
            least_delay, least->latency_mean_us, least->throughput_ops);
    figure(page, &load->delay);
    figure(page, &load->plane);
    report_html_points(page, load);
}

char *report_html(const struct report_data *data, const struct report_load *loads, size_t count,
                  size_t *bytes) {
    char *text = NULL;
    FILE *page = open_memstream(&text, bytes);
    if (!page)
        return NULL;
    head(page, data);
    warnings(page, data);
    for (size_t i = 0; i < count; i++)
        load_section(page, &loads[i]);
    notes(page, data);
    report_html_bad_trials(page, data);
    report_html_settings(page, data);
    fputs("</body>\n</html>\n", page);
    int failed = ferror(page);
    if (fclose(page) != 0 || failed) {
        free(text);
        return NULL;
    }
    return text;
}
