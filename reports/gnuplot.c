/*
 * Runs gnuplot. No shell, no files: the script stands in memory and is its standard input, both
 * pictures and its complaints are written to memory, so that a gnuplot that fails or is killed
 * leaves nothing behind. The user's own gnuplot settings are not read.
 */
#include "reports/internal.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS_MAX 60 /* a figure takes well under one */
#define NO_GNUPLOT  127

enum { SCRIPT, ERRORS, SVG, PNG, STREAMS };

/* The whole of a memory file, NUL-terminated besides; NULL if out of memory. */
static char *read_all(int fd, size_t *bytes) {
    struct stat st;
    if (fstat(fd, &st) != 0)
        return NULL;
    char *text = malloc((size_t)st.st_size + 1);
    ssize_t got = text ? pread(fd, text, (size_t)st.st_size, 0) : -1;
    if (got < 0) {
        free(text);
        return NULL;
    }
    text[got] = '\0';
    *bytes = (size_t)got;
    return text;
}

static int write_script(const char *script, const struct report_picture *picture, const int *fd) {
    char name[REPORT_NAME_BYTES]; /* gnuplot allows letters, digits and _ */
    FILE *file = fdopen(dup(fd[SCRIPT]), "w");
    if (!file)
        return -1;
    snprintf(name, sizeof(name), "%s", picture->name);
    for (char *c = name; *c; c++) {
        if (*c == '-')
            *c = '_';
    }
    fprintf(file,
            "set encoding utf8\n"
            "set terminal svg size %d,%d dynamic noenhanced name '%s' font 'DejaVu Sans,12'"
            " background '#ffffff'\n"
            "set output '/proc/self/fd/%d'\n%s\nunset output\nreset\n",
            REPORT_WIDTH, REPORT_HEIGHT, name, fd[SVG], script);
    fprintf(file,
            "set terminal pngcairo size %d,%d noenhanced font 'DejaVu Sans,12' fontscale 1.5"
            " linewidth 2 pointscale 2 background '#ffffff'\n"
            "set output '/proc/self/fd/%d'\n%s\nunset output\n",
            2 * REPORT_WIDTH, 2 * REPORT_HEIGHT, fd[PNG], script);
    int failed = ferror(file);
    return fclose(file) != 0 || failed ? -1 : 0;
}

/* In the child; does not return. */
static void become_gnuplot(const int *fd) {
    int null = open("/dev/null", O_WRONLY);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(SECONDS_MAX);
    setenv("LC_ALL", "C.UTF-8", 1);
    if (null < 0 || lseek(fd[SCRIPT], 0, SEEK_SET) != 0 || fcntl(fd[SVG], F_SETFD, 0) != 0 ||
        fcntl(fd[PNG], F_SETFD, 0) != 0 || dup2(fd[SCRIPT], STDIN_FILENO) < 0 ||
        dup2(null, STDOUT_FILENO) < 0 || dup2(fd[ERRORS], STDERR_FILENO) < 0)
        _exit(1);
    execlp("gnuplot", "gnuplot", "--default-settings", "-", (char *)NULL);
    _exit(errno == ENOENT ? NO_GNUPLOT : 1);
}

static int run(const int *fd, char *why, size_t why_bytes) {
    int status = 0;
    pid_t child = fork();
    if (child == 0)
        become_gnuplot(fd);
    while (child > 0 && waitpid(child, &status, 0) < 0) {
        if (errno != EINTR)
            child = -1;
    }
    if (child < 0)
        return report_fail(why, why_bytes, REPORT_EGNUPLOT, "cannot run gnuplot: %s",
                           strerror(errno));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == NO_GNUPLOT)
        return report_fail(why, why_bytes, REPORT_EGNUPLOT,
                           "gnuplot is missing: install the package gnuplot-nox");
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        return report_fail(why, why_bytes, REPORT_EGNUPLOT, "gnuplot did not finish in %d s",
                           SECONDS_MAX);
    size_t bytes;
    char *errors = read_all(fd[ERRORS], &bytes);
    int result = report_fail(why, why_bytes, REPORT_EGNUPLOT, "gnuplot failed (%s %d): %s",
                             WIFSIGNALED(status) ? "signal" : "status",
                             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
                             errors ? errors + strspn(errors, " \n") : "");
    free(errors);
    return result;
}

static int take_pictures(const int *fd, struct report_picture *picture, char *why,
                         size_t why_bytes) {
    picture->svg = read_all(fd[SVG], &picture->svg_bytes);
    picture->png = read_all(fd[PNG], &picture->png_bytes);
    if (!picture->svg || !picture->png)
        return report_fail(why, why_bytes, REPORT_ENOMEM, "out of memory");
    if (!strstr(picture->svg, "</svg>") || picture->png_bytes < 8 ||
        memcmp(picture->png, "\x89PNG", 4) != 0) {
        size_t bytes;
        char *errors = read_all(fd[ERRORS], &bytes);
        int result = report_fail(why, why_bytes, REPORT_EGNUPLOT, "gnuplot drew nothing: %s",
                                 errors ? errors + strspn(errors, " \n") : "");
        free(errors);
        return result;
    }
    return 0;
}

int report_gnuplot(const char *script, struct report_picture *picture, char *why,
                   size_t why_bytes) {
    int fd[STREAMS], opened = 0, result = 0;
    while (opened < STREAMS && (fd[opened] = memfd_create("nom-report", MFD_CLOEXEC)) >= 0)
        opened++;
    if (opened < STREAMS || write_script(script, picture, fd) != 0)
        result = report_fail(why, why_bytes, REPORT_ENOMEM, "cannot prepare a figure: %s",
                             strerror(errno));
    if (result == 0)
        result = run(fd, why, why_bytes);
    if (result == 0)
        result = take_pictures(fd, picture, why, why_bytes);
    while (opened > 0)
        close(fd[--opened]);
    return result;
}
