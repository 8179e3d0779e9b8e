/*
 * The one way in and the one way out: finds the command, hands it its line, returns its exit code.
 * Whatever was printed must have reached stdout: a full disk behind it is a failure.
 */
#include "nomctl/nomctl.h"
#include <errno.h>
#include <string.h>

static const struct {
    const struct command *command;
    int (*main)(int argc, char **argv);
} commands[] = {
    {&doctor_command, doctor_main},   {&profile_command, profile_main},
    {&compare_command, compare_main}, {&report_command, report_main},
    {&table_command, table_main},     {&choose_command, choose_main},
    {&run_command, run_main},         {&deploy_command, deploy_main},
};
#define COMMANDS (sizeof commands / sizeof commands[0])

static int help(FILE *stream) {
    fputs("Usage: nomctl COMMAND [OPTION...]\n"
          "Profiles applications on the nom runtime, and lets them follow price and load.\n\n",
          stream);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(stream, "  %-10s %s\n", commands[i].command->name, commands[i].command->summary);
    fputs("  help       help on a command, also nomctl COMMAND --help\n\n"
          "  --version  print the version\n"
          "  --help     print this\n\n"
          "A first session:\n"
          "  nomctl doctor\n"
          "  nomctl profile nhttpd\n"
          "  nomctl report nhttpd -o report\n"
          "  nomctl table nhttpd -o nhttpd.table\n"
          "  nomctl run nhttpd --table nhttpd.table --price 1,10@5s\n\n"
          "Exit codes: 0 done; 1 a measurement, file or database failed; 2 wrong command line or\n"
          "input file; 3 a tool, accelerator or guest file is missing; 130 interrupted.\n",
          stream);
    return NOMCTL_OK;
}

static int unknown(const char *word) {
    const char *words[COMMANDS + 2];
    for (size_t i = 0; i < COMMANDS; i++)
        words[i] = commands[i].command->name;
    words[COMMANDS] = "help";
    words[COMMANDS + 1] = NULL;
    const char *near = cli_nearest(word, words);
    if (near)
        return out_fail(NOMCTL_USAGE, "unknown command '%s': did you mean '%s'?", word, near);
    return out_fail(NOMCTL_USAGE, "unknown command '%s': see nomctl --help", word);
}

static int dispatch(int argc, char **argv) {
    if (argc < 2)
        return out_fail(NOMCTL_USAGE, "no command given: see nomctl --help");
    const char *word = argv[1];
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        puts("nomctl " NOMCTL_VERSION);
        return NOMCTL_OK;
    }
    char option[] = "--help", *line[] = {NULL, option, NULL};
    bool wants_help = strcmp(word, "help") == 0;
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || (wants_help && argc == 2))
        return help(stdout);
    if (wants_help)
        word = line[0] = argv[2];
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(word, commands[i].command->name) == 0)
            return wants_help ? commands[i].main(2, line) : commands[i].main(argc - 1, argv + 1);
    if (word[0] == '-')
        return out_fail(NOMCTL_USAGE, "unknown option '%s': see nomctl --help", word);
    return unknown(word);
}

int main(int argc, char **argv) {
    int code = dispatch(argc, argv);
    errno = 0;
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == NOMCTL_OK)
        code = out_fail(NOMCTL_FAILED, "cannot write to standard output: %s",
                        errno ? strerror(errno) : "write error");
    return code;
}
