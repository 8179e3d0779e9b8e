/*
 * A target that is a process of this Linux, or several: their networks (a veth each, between the
 * client's namespace and one of the app's own, veth.c) and the programs, on the core that a guest's
 * processor would have. All print into one pipe, a line by one write each. The price daemon, which
 * uses Linux's own sockets, is in the client's namespace with the provider. It and the apps share
 * the board: a file in memory without a name.
 *
 *   hosted   its own stack, by AF_PACKET on the app's end of the veth, which has no address
 *   host     Linux's sockets; the app's end has the address
 *
 * Programs of this project, and those on our library, print "APP: ready" when they serve; of others
 * the port listens then (listen.c).
 */
#include "profiler/internal.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGUMENTS_MAX 48
#define BOARD_BYTES   4096 /* a page, as in a guest */

struct command {
    const char *argv[ARGUMENTS_MAX];
    size_t count;
    char board[40], words[1024];
};

static void add(struct command *c, const char *option, const char *value) {
    c->argv[c->count++] = option;
    if (value)
        c->argv[c->count++] = value;
}

/* Words between single blanks, in c->words; and the end. */
static void add_words(struct command *c) {
    char *rest = c->words;

    for (char *word; (word = strtok_r(rest, " ", &rest)) && c->count + 1 < ARGUMENTS_MAX;)
        add(c, word, NULL);
    c->argv[c->count] = NULL;
}

/* The program, and what it is told of its floor. */
static void add_floor(struct command *c, const char *program, bool hosted, int board_fd) {
    c->count = 0;
    add(c, program, NULL);
    if (hosted)
        add(c, "--interface", PROFILER_APP_INTERFACE);
    if (board_fd >= 0) {
        snprintf(c->board, sizeof c->board, "/proc/self/fd/%d", board_fd);
        add(c, "--board", c->board);
    }
}

static void compose(struct command *c, const struct profiler_paths *paths,
                    const struct trial_settings *s, uint32_t network, bool hosted, int board_fd) {
    char ip[PROFILER_IP_BYTES];

    profiler_guest_ip(network, ip);
    add_floor(c, hosted ? paths->hosted : paths->sockets, hosted, board_fd);
    if (hosted) {
        add(c, "--initrd", paths->initrd);
        add(c, "--", NULL);
        profiler_app_words(s, ip, NULL, c->words, sizeof c->words);
    } else {
        profiler_baseline_words(s, ip, paths->initrd, c->words, sizeof c->words);
    }
    add_words(c);
}

static void compose_priced(struct command *c, const struct profiler_paths *paths,
                           const struct target *t, int board_fd) {
    profiler_priced_arguments(t, "127.0.0.1", c->words, sizeof c->words);
    add_floor(c, paths->priced, false, board_fd);
    add(c, "--", NULL);
    add_words(c);
}

/* What all of a target's processes share: -1 each until it is there. */
struct shared {
    int output[2];
    int board_fd;
};

static int share(struct shared *shared, bool board, char *why, size_t why_bytes) {
    if (pipe2(shared->output, O_CLOEXEC) != 0)
        return profiler_fail(why, why_bytes, "no pipe for an app: %s", strerror(errno));
    fcntl(shared->output[0], F_SETFL, O_NONBLOCK);
    if (!board)
        return 0;
    shared->board_fd = memfd_create("board", MFD_CLOEXEC);
    if (shared->board_fd < 0 || ftruncate(shared->board_fd, BOARD_BYTES) != 0)
        return profiler_fail(why, why_bytes, "no memory for the board: %s", strerror(errno));
    return 0;
}

/* A process with its network. Its pid, or -1 with why. */
static pid_t start_one(struct target *t, uint32_t network, const struct command *command,
                       const struct shared *shared, bool hosted, char *why, size_t why_bytes) {
    struct trial_settings *s = &t->settings;
    struct profiler_spawn spawn = {.argv = command->argv,
                                   .core = s->vcpu_core,
                                   .keep = {shared->board_fd},
                                   .output = shared->output[1],
                                   .again = profiler_target_serves_once(t)};
    int no_output;

    if (profiler_veth_add(network, !hosted, &spawn.netns_fd, why, why_bytes) != 0)
        return -1;
    if (s->rps_core >= 0 && !profiler_rps_set(network, s->rps_core))
        s->rps_core = -1;
    pid_t pid = profiler_spawn(&spawn, &no_output, why, why_bytes);
    close(spawn.netns_fd); /* it has its own; so the namespace ends with it */
    return pid;
}

static int start_apps(struct target *t, const struct profiler_paths *paths,
                      const struct shared *shared, char *why, size_t why_bytes) {
    bool hosted = strcmp(t->settings.target, "hosted") == 0;
    struct command command;
    char ip[PROFILER_IP_BYTES];

    for (uint32_t i = 0; i < t->app_count; i++) {
        struct target_app *app = &t->apps[i];
        compose(&command, paths, &t->settings, i, hosted, shared->board_fd);
        if (i == 0)
            t->started_s = profiler_now_s();
        pid_t pid = start_one(t, i, &command, shared, hosted, why, why_bytes);
        if (pid < 0)
            return -1;
        *(i ? &t->others[i - 1] : &t->pid) = pid;
        profiler_guest_ip(i, ip);
        profiler_interface_name(i, app->interface);
        app->service = profiler_address(ip, profiler_app_of(t->settings.app)->service_port);
        if (hosted)
            app->control = profiler_address(ip, PROFILER_CONTROL_PORT);
    }
    return 0;
}

static int start_prices(struct target *t, const struct profiler_paths *paths,
                        const struct shared *shared, char *why, size_t why_bytes) {
    struct command command = {.count = 0};
    const struct profiler_spawn spawn = {.argv = command.argv,
                                         .core = t->settings.io_core,
                                         .keep = {shared->board_fd},
                                         .output = shared->output[1]};
    int no_output;

    if (profiler_provider_start(&t->provider, "127.0.0.1", PROFILER_PROVIDER_PORT,
                                t->settings.io_core, why, why_bytes) != 0)
        return -1;
    compose_priced(&command, paths, t, shared->board_fd);
    pid_t pid = profiler_spawn(&spawn, &no_output, why, why_bytes);
    if (pid < 0)
        return -1;
    t->others[t->app_count - 1] = pid;
    return 0;
}

int profiler_process_start(struct target *t, const struct profiler_paths *paths, char *why,
                           size_t why_bytes) {
    struct trial_settings *s = &t->settings;
    struct shared shared = {.output = {-1, -1}, .board_fd = -1};

    snprintf(t->network, sizeof t->network, "%s", s->network);
    if (strcmp(s->network, "veth") != 0)
        return profiler_fail(why, why_bytes, "no such network for a process: %s (veth)",
                             s->network);
    if (!(strcmp(s->target, "hosted") == 0 ? paths->hosted : paths->sockets)[0])
        return profiler_fail(why, why_bytes, "%s has no form for the floor %s", s->app, s->target);
    if (t->prices && !paths->priced[0])
        return profiler_fail(why, why_bytes, PRICED " is missing for the floor %s (run make)",
                             s->target);
    if (profiler_namespace_enter(&t->home_netns, why, why_bytes) != 0)
        return -1;
    s->user_namespace = profiler_userns_inside();
    int result = share(&shared, t->prices, why, why_bytes);
    if (result == 0)
        result = start_apps(t, paths, &shared, why, why_bytes);
    if (result == 0 && t->prices)
        result = start_prices(t, paths, &shared, why, why_bytes);
    t->serial_fd = shared.output[0];
    if (shared.output[1] >= 0)
        close(shared.output[1]);
    if (shared.board_fd >= 0)
        close(shared.board_fd);
    return result;
}

void profiler_process_exit_text(const char *app, int status, char *text, size_t bytes) {
    if (WIFSIGNALED(status))
        snprintf(text, bytes, "%s was killed by signal %d (%s)", app, WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(text, bytes, "%s ended with status %d", app, WEXITSTATUS(status));
}
