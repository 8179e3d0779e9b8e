/*
 * One pass: every blank becomes a NUL, every word an argument. Limits are those of abi/start.h.
 */
#include "command.h"

static bool blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static const char *add(struct nk_app *app, char *word, unsigned length, unsigned *bytes) {
    if (app->argc == NOM_ARGS_MAX)
        return "too many arguments for one app";
    *bytes += length + 1;
    if (*bytes > NOM_ARG_BYTES_MAX)
        return "an app's arguments are too long";
    app->argv[app->argc++] = word;
    return NULL;
}

const char *nk_command_parse(struct nk_boot *boot, struct nk_app *apps, unsigned *count) {
    char *c = boot->command;
    unsigned bytes = 0;
    struct nk_app *app = NULL; /* NULL: the next word names one */
    char *separator = NULL;    /* then the "--" before it, if there is one */
    const char *why;
    *count = 0;
    if (boot->command_cut)
        return "too long";
    for (;;) {
        while (blank(*c))
            c++;
        if (!*c)
            break;
        char *word = c;
        while (*c && !blank(*c))
            c++;
        unsigned length = (unsigned)(c - word);
        if (*c)
            *c++ = 0;
        if (length == 2 && word[0] == '-' && word[1] == '-') {
            if (!app)
                return "an app's name is missing at \"--\"";
            app = NULL;
            separator = word;
            continue;
        }
        if (!app && separator && word[0] == '-') { /* no name: it goes on */
            app = &apps[*count - 1];
            if ((why = add(app, separator, 2, &bytes)))
                return why;
        } else if (!app) {
            if (*count == NOM_APPS_MAX)
                return "too many apps";
            app = &apps[(*count)++];
            app->name = word;
            bytes = 0;
        }
        if ((why = add(app, word, length, &bytes)))
            return why;
    }
    if (*count == 0)
        return "it names no app";
    return app ? NULL : "an app's name is missing at \"--\"";
}
