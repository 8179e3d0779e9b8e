/*
 * Parsing of one command's line by argp, with argp kept from printing and exiting: whatever is
 * wrong with a line gives one line on stderr that names it, and what may have been meant.
 */
#include "nomctl/rounds.h"
#include <string.h>

enum {
    KEY_HELP = 'h',
    KEY_JSON = 0x1001,
    KEY_DB = 0x1002,
};

struct line {
    const struct command *command;
    void *options;
    struct common *common;
    unsigned arguments;
    bool help;
    int code;      /* of an option that was refused, 0 if none */
    int failed_at; /* argv index after what argp could not take */
};

static const struct argp_option help_option[] = {
    {"help", KEY_HELP, 0, 0, "print this", -1},
    {0},
};
static const struct argp_option json_option[] = {
    {"json", KEY_JSON, 0, 0, "print one JSON document (docs/json.md)", -1},
    {0},
};
static const struct argp_option db_option[] = {
    {"db", KEY_DB, "PATH", 0,
     "the database (default: nom/nom.db in XDG_DATA_HOME, or in ~/.local/share)", -1},
    {0},
};

static error_t parse_common(int key, char *value, struct argp_state *state) {
    struct line *line = state->input;
    if (key == KEY_HELP)
        line->help = true;
    else if (key == KEY_JSON)
        line->common->json = true;
    else if (key == KEY_DB)
        line->common->db = value;
    else
        return ARGP_ERR_UNKNOWN;
    return 0;
}

static error_t parse_option(struct line *line, const struct argp_option *o, int key,
                            const char *value) {
    for (; o && o->name; o++)
        if (o->key == key) {
            line->code = line->command->set(line->options, key, 0, value);
            return line->code ? EINVAL : 0;
        }
    return ARGP_ERR_UNKNOWN;
}

static error_t parse_own(int key, char *value, struct argp_state *state) {
    struct line *line = state->input;
    const struct command *c = line->command;
    if (key == ARGP_KEY_INIT) {
        for (size_t i = 0; state->root_argp->children[i].argp; i++)
            state->child_inputs[i] = line;
        return 0;
    }
    if (key == ARGP_KEY_ERROR)
        line->failed_at = state->next;
    if (key == ARGP_KEY_ARG) {
        unsigned index = line->arguments++;
        if (index >= c->arguments_most) {
            line->code = out_fail(NOMCTL_USAGE, "%s: unexpected argument '%s'", c->name, value);
            return EINVAL;
        }
        line->code = c->set(line->options, key, index, value);
        return line->code ? EINVAL : 0;
    }
    return parse_option(line, c->options, key, value);
}

static error_t parse_measure(int key, char *value, struct argp_state *state) {
    return parse_option(state->input, measure_argp_options, key, value);
}

static error_t parse_traffic(int key, char *value, struct argp_state *state) {
    return parse_option(state->input, traffic_argp_options, key, value);
}

static error_t parse_rounds(int key, char *value, struct argp_state *state) {
    return parse_option(state->input, rounds_argp_options, key, value);
}

/* Edits (insert, delete, replace) that make one word of another; words over 31 bytes are far. */
static unsigned distance(const char *a, const char *b) {
    size_t na = strlen(a), nb = strlen(b);
    unsigned row[32];
    if (na > 31 || nb > 31)
        return 32;
    for (size_t j = 0; j <= nb; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= na; i++) {
        unsigned corner = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= nb; j++) {
            unsigned up = row[j], best = corner + (a[i - 1] != b[j - 1]);
            best = up + 1 < best ? up + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            corner = up;
            row[j] = best;
        }
    }
    return row[nb];
}

const char *cli_nearest(const char *word, const char *const *words) {
    const char *best = NULL;
    unsigned least = 3;
    for (; *words; words++) {
        unsigned d = distance(word, *words);
        if (d < least && d < strlen(*words)) {
            least = d;
            best = *words;
        }
    }
    return best;
}

/* Says what was wrong with the word that getopt did not take. */
static int explain(const struct command *c, const char *word) {
    const struct argp_option *const lists[] = {c->options,
                                               c->measures ? measure_argp_options : NULL,
                                               c->measures ? traffic_argp_options : NULL,
                                               c->repeats ? rounds_argp_options : NULL,
                                               c->has_json ? json_option : NULL,
                                               c->has_db ? db_option : NULL,
                                               help_option};
    const struct argp_option *known = NULL;
    const char *names[64];
    char name[64] = "";
    size_t n = 0;
    if (strncmp(word, "--", 2) == 0)
        snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        for (const struct argp_option *o = lists[i]; o && o->name && n < 63; o++) {
            names[n++] = o->name;
            if (strcmp(o->name, name) == 0 ||
                (word[0] == '-' && word[1] == o->key && word[2] == '\0'))
                known = o;
        }
    names[n] = NULL;
    if (known && known->arg)
        return out_fail(NOMCTL_USAGE, "%s: option '%s' needs a value (%s)", c->name, word,
                        known->arg);
    if (known)
        return out_fail(NOMCTL_USAGE, "%s: option '--%s' takes no value", c->name, known->name);
    const char *near = cli_nearest(name, names);
    if (near)
        return out_fail(NOMCTL_USAGE, "%s: unknown option '%s': did you mean '--%s'?", c->name,
                        word, near);
    return out_fail(NOMCTL_USAGE, "%s: unknown option '%s': see nomctl %s --help", c->name, word,
                    c->name);
}

int cli_parse(const struct command *c, int argc, char **argv, void *options,
              struct common *common) {
    const struct argp help_argp = {help_option, parse_common, 0, 0, 0, 0, 0};
    const struct argp json_argp = {json_option, parse_common, 0, 0, 0, 0, 0};
    const struct argp db_argp = {db_option, parse_common, 0, 0, 0, 0, 0};
    const struct argp measure_argp = {measure_argp_options, parse_measure, 0, 0, 0, 0, 0};
    const struct argp traffic_argp = {traffic_argp_options, parse_traffic, 0, 0, 0, 0, 0};
    const struct argp rounds_argp = {rounds_argp_options, parse_rounds, 0, 0, 0, 0, 0};
    struct argp_child children[7] = {{0}};
    size_t n = 0;
    if (c->measures)
        children[n++] = (struct argp_child){&measure_argp, 0, NULL, 1};
    if (c->measures)
        children[n++] = (struct argp_child){&traffic_argp, 0, NULL, 1};
    if (c->repeats)
        children[n++] = (struct argp_child){&rounds_argp, 0, NULL, 1};
    if (c->has_json)
        children[n++].argp = &json_argp;
    if (c->has_db)
        children[n++].argp = &db_argp;
    children[n].argp = &help_argp;
    char doc[2048], name[64];
    snprintf(doc, sizeof doc, "%s.\v%s", c->summary, c->notes);
    const struct argp argp = {c->options, parse_own, c->arguments, doc, children, 0, 0};
    struct line line = {.command = c, .options = options, .common = common};
    *common = (struct common){0};
    error_t rc =
        argp_parse(&argp, argc, argv, ARGP_NO_EXIT | ARGP_NO_ERRS | ARGP_NO_HELP, NULL, &line);
    if (line.code)
        return line.code;
    if (line.help) {
        snprintf(name, sizeof name, "nomctl %s", c->name);
        argp_help(&argp, stdout, ARGP_HELP_LONG | ARGP_HELP_DOC | ARGP_HELP_USAGE, name);
        return NOMCTL_OK;
    }
    if (rc == ENOMEM)
        return out_fail(NOMCTL_FAILED, "out of memory");
    if (rc) {
        int at = line.failed_at > 1 && line.failed_at <= argc ? line.failed_at - 1 : argc - 1;
        return explain(c, argv[at]);
    }
    if (line.arguments < c->arguments_least)
        return out_fail(NOMCTL_USAGE, "%s: missing argument: nomctl %s %s", c->name, c->name,
                        c->arguments);
    return CLI_RUN;
}
