/*
 * What the files of the command line share. nomctl is the only place that prints and exits; the
 * loop ask-measure-store is here.
 *
 * Conventions: a function that can fail for the user's reasons returns 0 (NOMCTL_OK) or an exit
 * code below, and has then said why in one line on stderr. Results go to stdout, all else to
 * stderr. With --json stdout carries one JSON document, or nothing if the command failed early.
 */
#ifndef NOMCTL_NOMCTL_H
#define NOMCTL_NOMCTL_H

#include "nomctl/traffic.h"
#include "profiler/profiler.h"
#include "store/store.h"
#include "tuner/tuner.h"
#include <argp.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#define NOMCTL_VERSION     "0.1.0"
#define NOMCTL_JSON_SCHEMA 1

enum nomctl_exit {
    NOMCTL_OK = 0,
    NOMCTL_FAILED = 1,        /* a measurement, a file or the database failed */
    NOMCTL_USAGE = 2,         /* the command line, or a file named on it, is wrong */
    NOMCTL_MISSING = 3,       /* a tool, an accelerator or a guest file is missing */
    NOMCTL_INTERRUPTED = 130, /* stopped by SIGINT, SIGTERM or SIGHUP */
};

#define WHY_BYTES 512

/* ---- cli.c: one command's line ---- */

struct common {
    const char *db; /* as given, or NULL */
    bool json;
};

struct command {
    const char *name;      /* "profile" */
    const char *summary;   /* for nomctl --help, and first in the command's own help */
    const char *arguments; /* "APP", for the usage line */
    const char *notes;     /* after the options: examples */
    unsigned arguments_least, arguments_most;
    bool has_json, has_db;
    bool measures; /* takes options of measure.c and traffic.h too; set hands them to measure_set */
    bool repeats;  /* takes the options of rounds.h too; set hands them to rounds_set */
    const struct argp_option *options;
    /* One option or (key ARGP_KEY_ARG, by its index) argument; NULL options: none. */
    int (*set)(void *options, int key, unsigned index, const char *value);
};

#define CLI_RUN (-1) /* parsed: go on and do it */

/* CLI_RUN, or an exit code: help was printed, or the line was wrong and it has been said. */
int cli_parse(const struct command *command, int argc, char **argv, void *options,
              struct common *common);
/* The word of a NULL-terminated list nearest to one mistyped, or NULL if none is near. */
const char *cli_nearest(const char *word, const char *const *words);

/* ---- output.c, progress.c: what a person sees ---- */

/* One line on stderr, "nomctl: " before it; line breaks in it become spaces. */
void out_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void out_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* out_error, and the code: for `return out_fail(NOMCTL_USAGE, ...)`. */
int out_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* True if colour may be used on this stream: a terminal, not dumb, NO_COLOR not set. */
bool out_colour(FILE *stream);
const char *out_kick(double delay_us, uint32_t kick); /* "natural", "strict", or "" for W > 0 */
void out_points(FILE *stream, const struct tuner_point *points, size_t count);

struct progress {
    bool shown; /* stderr is a terminal that can overwrite a line */
    size_t done, total;
    double started_s;
};
void progress_begin(struct progress *p, size_t total);
/* Redraws: `done` of total are over, and this is what goes on now. */
void progress_show(struct progress *p, size_t done, size_t total, const char *what);
void progress_end(struct progress *p);
/* Takes the line away before something else is printed. */
void progress_hide(void);
double progress_clock_s(void);

/* ---- plot.c ---- */

/* Throughput over latency of one load's points, in characters. */
void plot_frontier(FILE *stream, const struct tuner_point *points, size_t count);

/* ---- json.c ---- */

/* A row's setting of a knob, or its use of a resource; 0 where the table has no such column. */
double table_knob(const struct nom_table_header *h, const struct nom_table_row *row, uint32_t id);
double table_use(const struct nom_table_header *h, const struct nom_table_row *row, uint32_t id);

json_t *json_double(double value); /* null if not finite */
json_t *json_ids(const int64_t *id, size_t count);
json_t *json_points(const struct tuner_point *points, size_t count);
json_t *json_utility(const struct nom_utility *u);
json_t *json_table(const struct nom_table_header *h, const struct nom_table_row *rows);
json_t *json_table_row(const struct nom_table_header *h, const struct nom_table_row *row,
                       size_t index);
json_t *json_traffic(const struct trial_traffic *t);
json_t *json_statistics(const struct nom_statistics *s);
/* Prints the document and frees it; NULL: no memory. An exit code. */
int json_emit(json_t *document);

/* ---- lists.c: values and lists as typed; 0, or -1 with why ---- */

#define DELAYS_MAX 256u
#define LOADS_MAX  16u
#define STEPS_MAX  64u

struct load_level {
    char name[TRIAL_NAME_BYTES]; /* as given */
    uint32_t connections;
};

/* A number in [least, greatest], in plain decimal notation. */
int list_number(const char *what, const char *text, double least, double greatest, double *value,
                char *why, size_t why_bytes);
int list_integer(const char *what, const char *text, uint64_t least, uint64_t greatest,
                 uint64_t *value, char *why, size_t why_bytes);
/* "LOW:HIGH:STEP" or "0,2,8", in us, within the limits of knobs.h; ascending, each once. */
int list_delays(const char *text, double delays_us[DELAYS_MAX], size_t *count, char *why,
                size_t why_bytes);
/* "single", "many", or a number of connections. */
int list_load(const char *text, struct load_level *load, char *why, size_t why_bytes);
int list_loads(const char *text, struct load_level loads[LOADS_MAX], size_t *count, char *why,
               size_t why_bytes);

/* VALUE,VALUE@TIME,...: what holds from when on. The first at 0; times in seconds, rising. */
struct step {
    double at_s;
    char value[TRIAL_NAME_BYTES];
};
int list_schedule(const char *what, const char *text, struct step steps[STEPS_MAX], size_t *count,
                  char *why, size_t why_bytes);

/* ---- files.c ---- */

/* A whole file of at most `most` bytes; *bytes is malloc'd. 0, or -1 with why. */
int file_read(const char *path, size_t most, void **bytes, size_t *n, char *why, size_t why_bytes);
/* Written beside it under another name, then renamed: whole or not at all. 0, or -1 with why. */
int file_write(const char *path, const void *bytes, size_t n, char *why, size_t why_bytes);
/* A program in PATH, /usr/sbin or /sbin; 0 if there is one. */
int file_find_tool(const char *name, char *path, size_t path_bytes);

/* A table file, checked in full. free(bytes) releases it. An exit code. */
struct table_file {
    void *bytes;
    size_t size;
    const struct nom_table_header *header;
    const struct nom_table_row *rows;
};
int table_file_read(const char *path, struct table_file *file);
/* The row chosen at this load and price (ECON_NO_ROW: none earns), and the load level it is of. */
size_t table_choose(const struct nom_table_header *h, const struct nom_table_row *rows,
                    const struct nom_utility *u, double connections, double price_usd_per_gbit,
                    double *level, double *profit_usd_per_s);

/* ---- netns.c ---- */

/* Moves this process into a network namespace given by name, path or process id. An exit code. */
int netns_enter(const char *name);
/* A number that tells namespaces apart; 0 if unknown. */
uint64_t netns_current(void);

/* ---- floors.c: floors as typed, an exit code each ---- */

#define FLOORS_MAX       8u
#define FLOOR_TEXT_BYTES 80u

int floor_named(const char *word, const struct profiler_floor **floor);
/* One that has W, or "auto": *floor NULL. */
int floor_adapting(const char *word, const struct profiler_floor **floor);
/* Two or more, each once: "nom,linux". */
int floor_list(const char *text, const struct profiler_floor *floors[FLOORS_MAX], size_t *count);
/* "nom under kvm", "hosted": what something ran on. Returns text. */
const char *floor_text(const char *target, const char *accel, char text[FLOOR_TEXT_BYTES]);

/* ---- measure.c: what every measuring command does first and last ---- */

/* The app of this name, or NULL after out_error has listed those there are. */
const struct profiler_app *app_find(const char *name);

#define RPS_AUTO  (-2) /* rps_core: as the profiler thinks best */
#define VCPUS_MAX 16

struct measure_options {
    const char *app, *accel, *network;
    struct traffic_options traffic;
    const struct profiler_floor *floor; /* NULL: auto */
    int32_t rps_core;                   /* or -1: none, or RPS_AUTO */
    uint32_t vcpus;                     /* 0: as many as the command needs */
    double poll_us;
    bool no_spinner;
};
extern const struct argp_option measure_argp_options[];
/* Not among them, but taken by measure_set from a command that lists it. */
#define MEASURE_KEY_ON 0x2001
#define MEASURE_OPTION_ON                                                                          \
    {                                                                                              \
        "on", MEASURE_KEY_ON, "FLOOR", 0,                                                          \
            "what the app runs on: nom (a guest), hosted (a process of this Linux), or auto "      \
            "(default): nom where an accelerator runs it at speed, else hosted",                   \
            0                                                                                      \
    }
void measure_defaults(struct measure_options *o);
/* Takes an option or argument of measure_argp_options or traffic_argp_options: true if it was one;
 * *code then. */
bool measure_set(struct measure_options *o, int key, const char *value, int *code);
/* Whether the app is known, and what was given of its load fits it. An exit code. */
int measure_fits(const struct measure_options *o);
/* Whether such a load fits the app, after measure_fits. An exit code. */
int measure_load_fits(const struct measure_options *o, const struct load_level *load);

struct measure {
    struct profiler_paths paths;
    struct trial_settings settings; /* all but load, W, kick, seconds and seed are set */
    char accel_reason[WHY_BYTES];   /* why this floor and accelerator */
};
/* Finds tools and files; chooses floor, accelerator and network. An exit code. */
int measure_prepare(const struct measure_options *o, struct measure *m);
/* The parts of it. measure_find: app, client and files, before the floor is known. measure_floor:
 * that the floor works here, and the settings of a trial on it under this accelerator. Exit codes.
 */
int measure_find(const struct measure_options *o, struct profiler_paths *paths);
int measure_floor(const struct measure_options *o, const struct profiler_paths *paths,
                  const struct profiler_floor *floor, const char *accel, struct trial_settings *s);
/* Begins a session for it. An exit code. */
int measure_session(struct store *store, const struct measure *m, const char *command,
                    uint64_t seed, int argc, char **argv, struct store_session *session);

/* The flag that SIGINT, SIGTERM and SIGHUP set; a second signal ends the process at once. */
volatile const int *stop_flag(void);
void stop_install(void);

/* ---- database.c ---- */

/* Opens --db or the default. An exit code; store_close it only after NOMCTL_OK. */
int database_open(const struct common *common, enum store_mode mode, struct store **store);
int database_fail(const struct store *store, int error);
/* A session by id, or the newest profile of the app where id is 0. An exit code. */
int database_session(struct store *store, int64_t id, const char *app, const char *target,
                     const char *accel, struct store_session *session);

/* All trials of a session, of whatever status, without histograms and logs. An exit code;
 * database_trials_free them after NOMCTL_OK. */
struct session_trials {
    struct trial *trials;
    int64_t *ids;
    size_t count, good, failed, noisy;
};
int database_trials(struct store *store, int64_t session_id, struct session_trials *out);
void database_trials_free(struct session_trials *t);

struct session_points {
    struct tuner_point *points;
    size_t count;
    size_t trials, good, failed, noisy;
    char app_build_id[64];        /* of the last good trial */
    struct trial_traffic traffic; /* likewise */
};
/* All of a session, summed up. free(points). An exit code. */
int database_points(struct store *store, int64_t session_id, struct session_points *out);
/* A table built from a session, in memory; *traffic, unless NULL: what it was measured with. An
 * exit code. */
int database_table(struct store *store, const struct store_session *session,
                   const struct nom_utility *utility, struct table_file *file,
                   struct trial_traffic *traffic);

/* ---- the commands ---- */

extern const struct command doctor_command, profile_command, compare_command, report_command,
    table_command, table_show_command, choose_command, run_command, deploy_command;
int compare_main(int argc, char **argv);
int doctor_main(int argc, char **argv);
int profile_main(int argc, char **argv);
int report_main(int argc, char **argv);
int table_main(int argc, char **argv);
int table_show_main(int argc, char **argv);
int choose_main(int argc, char **argv);
int run_main(int argc, char **argv);
int deploy_main(int argc, char **argv);

#endif
