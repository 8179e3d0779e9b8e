/*
 * The tables of the page. Whatever comes from the store is text to be shown, never markup: it goes
 * through report_html_text.
 */
#include "reports/internal.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

void report_html_text(FILE *page, const char *text) {
    for (; *text; text++) {
        switch (*text) {
        case '&':
            fputs("&amp;", page);
            break;
        case '<':
            fputs("&lt;", page);
            break;
        case '>':
            fputs("&gt;", page);
            break;
        case '"':
            fputs("&quot;", page);
            break;
        case '\'':
            fputs("&#39;", page);
            break;
        default:
            fputc((unsigned char)*text < ' ' && *text != '\n' ? ' ' : *text, page);
        }
    }
}

__attribute__((format(printf, 3, 4))) static void row(FILE *page, const char *name,
                                                      const char *format, ...) {
    char value[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(value, sizeof(value), format, arguments);
    va_end(arguments);
    fputs("<tr><th scope=\"row\">", page);
    report_html_text(page, name);
    fputs("</th><td>", page);
    report_html_text(page, value[0] ? value : "unknown");
    fputs("</td></tr>\n", page);
}

static void core(int32_t number, char *text, size_t bytes) {
    if (number < 0)
        snprintf(text, bytes, "not pinned");
    else
        snprintf(text, bytes, "core %" PRId32, number);
}

void report_html_settings(FILE *page, const struct report_data *data) {
    const struct store_session *session = &data->session;
    const struct trial_settings *s = &data->trials[0].settings;
    char vcpu[24], io[24], client[24], traffic[TRIAL_TRAFFIC_TEXT_BYTES];
    uint32_t repeats = 0;

    for (size_t i = 0; i < data->count; i++)
        repeats = data->trials[i].settings.repeat + 1 > repeats
                      ? data->trials[i].settings.repeat + 1
                      : repeats;
    core(s->vcpu_core, vcpu, sizeof(vcpu));
    core(s->io_core, io, sizeof(io));
    core(s->client_core, client, sizeof(client));

    fputs("<h2>Settings</h2>\n<table class=\"facts\">\n", page);
    row(page, "command", "nomctl %s %s", session->command, session->arguments);
    row(page, "app", "%s, build id %s%s", s->app, s->app_build_id[0] ? s->app_build_id : "unknown",
        s->debug_build ? " (debug build)" : "");
    row(page, "target", "%s, %" PRIu32 " vCPU, %" PRIu32 " MiB, kernel build id %s", s->target,
        s->vcpus, s->memory_mib, s->kernel_build_id[0] ? s->kernel_build_id : "unknown");
    row(page, "accelerator", "%s%s%s", session->accel, session->accel_reason[0] ? ": " : "",
        session->accel_reason);
    row(page, "network", "%s", s->network);
    row(page, "load", "%s, by the client %s", trial_traffic_text(&s->traffic, traffic), s->client);
    row(page, "each run", "%g s measured after %g s of warm-up, up to %" PRIu32 " runs a point",
        s->seconds, s->warmup_seconds, repeats);
    row(page, "order", "random, seed %" PRIu64, session->seed);
    row(page, "pinning", "vCPU: %s; QEMU's other threads: %s; client: %s%s", vcpu, io, client,
        s->spinner ? ", kept awake by an idle-class spinner" : "");
    fputs("</table>\n<h2>Machine</h2>\n<table class=\"facts\">\n", page);
    row(page, "host", "%s", session->machine);
    row(page, "processor", "%s", s->cpu_model);
    row(page, "host kernel", "%s", s->host_kernel);
    row(page, "QEMU", "%s", s->qemu_version);
    fputs("</table>\n", page);
}

static void number(FILE *page, double value, const char *format) {
    fputs("<td>", page);
    if (isfinite(value)) {
        char text[64];
        /* The callers' formats, each with one double. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(text, sizeof(text), format, value);
#pragma GCC diagnostic pop
        fputs(text, page);
    } else {
        fputs("unknown", page);
    }
    fputs("</td>", page);
}

/* 0 says that the client does not tell it. */
static void latency(FILE *page, double us) {
    number(page, us > 0.0 ? us : NAN, "%.1f");
}

void report_html_points(FILE *page, const struct report_load *load) {
    static const char head[] =
        "<tr><th>W<br>\u00b5s</th><th>kick</th><th>frontier</th><th>throughput<br>requests/s</th>"
        "<th>least</th><th>greatest</th><th>variation<br>%</th><th>latency<br>mean \u00b5s</th>"
        "<th>jitter<br>\u00b5s</th><th>p50<br>\u00b5s</th><th>p90<br>\u00b5s</th>"
        "<th>p99<br>\u00b5s</th><th>p99.9<br>\u00b5s</th><th>useful<br>Gbit/s</th>"
        "<th>on the wire<br>Gbit/s</th><th>CPU<br>s/s</th><th>runs</th></tr>\n";
    fputs("<div class=\"wide\"><table class=\"points\">\n<thead>", page);
    fputs(head, page);
    fputs("</thead>\n<tbody>\n", page);
    for (size_t i = 0; i < load->count; i++) {
        const struct tuner_point *p = &load->points[i];
        char runs[160];
        fprintf(page, "<tr%s><td>%g</td><td>%s</td><td>%s</td>",
                p->on_frontier ? " class=\"frontier\"" : "", p->delay_us,
                p->kick == NOM_KICK_STRICT ? "strict" : "natural", p->on_frontier ? "\u25cf" : "");
        number(page, p->throughput_ops, "%.0f");
        number(page, p->throughput_low, "%.0f");
        number(page, p->throughput_high, "%.0f");
        if (p->repeats > 1)
            number(page, 100.0 * p->cv, "%.1f");
        else
            fputs("<td>one run</td>", page);
        number(page, p->latency_mean_us, "%.1f");
        number(page, p->jitter_us, "%.1f");
        latency(page, p->latency_p50_us);
        latency(page, p->latency_p90_us);
        latency(page, p->latency_p99_us);
        latency(page, p->latency_p999_us);
        number(page, p->useful_gbit_per_s, "%.4f");
        /* 0 says that the wire could not be read. */
        number(page, p->gbit_out_per_s > 0.0 ? p->gbit_out_per_s : NAN, "%.4f");
        number(page, p->cpu_s_per_s, "%.2f");
        report_runs(p->run_id, p->run_count, runs, sizeof(runs));
        fprintf(page, "<td class=\"runs\">%s</td></tr>\n", runs);
    }
    fputs("</tbody></table></div>\n", page);
}

void report_html_bad_trials(FILE *page, const struct report_data *data) {
    static const char *const words[] = {
        [TRIAL_FAILED] = "failed", [TRIAL_NOISY] = "noisy", [TRIAL_ABORTED] = "aborted"};
    size_t bad = 0;
    for (size_t i = 0; i < data->count; i++)
        bad += data->trials[i].result.status != TRIAL_OK;
    fputs("<h2>Runs that do not count</h2>\n", page);
    if (bad == 0) {
        fprintf(page, "<p>None: all %zu runs of the session are in the figures.</p>\n",
                data->count);
        return;
    }
    fprintf(page,
            "<p>%zu of %zu runs. They are kept in the database, with their consoles, and are in no "
            "figure or table above. A run is noisy when other programs used the machine while it "
            "ran; that is decided by the processor time others took, never by the result.</p>\n"
            "<table class=\"points\">\n<thead><tr><th>run</th><th>connections</th><th>W<br>\u00b5s"
            "</th><th>kick</th><th>status</th><th>others used<br>cores</th><th>why</th></tr>"
            "</thead>\n<tbody>\n",
            bad, data->count);
    for (size_t i = 0; i < data->count; i++) {
        const struct trial *t = &data->trials[i];
        if (t->result.status == TRIAL_OK)
            continue;
        fprintf(page,
                "<tr><td>%" PRId64 "</td><td>%" PRIu32 "</td><td>%g</td><td>%s</td><td>%s</td>"
                "<td>%.2f</td><td class=\"runs\">",
                data->ids[i], t->settings.connections, t->settings.delay_us,
                t->settings.kick == NOM_KICK_STRICT ? "strict" : "natural", words[t->result.status],
                t->result.host_other_cpu);
        report_html_text(page, t->result.error[0] ? t->result.error : "no reason given");
        fputs("</td></tr>\n", page);
    }
    fputs("</tbody></table>\n", page);
}
