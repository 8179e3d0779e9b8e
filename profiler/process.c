/*
 * A target that is a process of this Linux: its network (a veth between two namespaces, veth.c) and
 * the program itself, on the core that a guest's processor would have.
 *
 *   hosted   its own stack, by AF_PACKET on the app's end of the veth, which has no address
 *   host     Linux's sockets; the app's end has the address
 *
 * Both print "APP: ready" when they serve.
 */
#include "profiler/internal.h"
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGUMENTS_MAX 24

struct command {
    const char *argv[ARGUMENTS_MAX];
    size_t count;
    char delay[32], control[16], service[16];
};

static void add(struct command *c, const char *option, const char *value) {
    c->argv[c->count++] = option;
    if (value)
        c->argv[c->count++] = value;
}

static void compose(struct command *c, const struct profiler_paths *paths,
                    const struct trial_settings *s, bool hosted) {
    c->count = 0;
    snprintf(c->delay, sizeof c->delay, "%.3f", s->delay_us);
    snprintf(c->control, sizeof c->control, "%d", PROFILER_CONTROL_PORT);
    snprintf(c->service, sizeof c->service, "%d", PROFILER_SERVICE_PORT);
    add(c, hosted ? paths->hosted : paths->sockets, NULL);
    if (hosted)
        add(c, "--interface", PROFILER_APP_INTERFACE);
    add(c, "--initrd", paths->initrd);
    add(c, "--", NULL);
    add(c, "--ip", hosted ? PROFILER_GUEST_IP "/24" : PROFILER_GUEST_IP);
    if (hosted) {
        add(c, "--delay-us", c->delay);
        add(c, "--kick", s->kick == NOM_KICK_STRICT ? "strict" : "natural");
        add(c, "--control-port", c->control);
    }
    add(c, "--port", c->service);
    c->argv[c->count] = NULL;
}

int profiler_process_start(struct target *t, const struct profiler_paths *paths, char *why,
                           size_t why_bytes) {
    struct trial_settings *s = &t->settings;
    bool hosted = strcmp(s->target, "hosted") == 0;
    struct command command;
    struct profiler_spawn spawn = {.argv = command.argv, .core = s->vcpu_core};

    snprintf(t->network, sizeof t->network, "%s", s->network);
    if (strcmp(s->network, "veth") != 0)
        return profiler_fail(why, why_bytes, "no such network for a process: %s (veth)",
                             s->network);
    compose(&command, paths, s, hosted);
    if (!command.argv[0][0])
        return profiler_fail(why, why_bytes, "%s has no form for the floor %s", s->app, s->target);
    if (profiler_veth_enter(&t->home_netns, !hosted, &spawn.netns_fd, why, why_bytes) != 0)
        return -1;
    snprintf(t->interface, sizeof t->interface, PROFILER_INTERFACE);
    s->user_namespace = profiler_userns_inside();
    if (s->rps_core >= 0 && !profiler_rps_set(s->rps_core))
        s->rps_core = -1;
    t->service = profiler_address(PROFILER_GUEST_IP, PROFILER_SERVICE_PORT);
    if (hosted)
        t->control = profiler_address(PROFILER_GUEST_IP, PROFILER_CONTROL_PORT);
    pid_t pid = profiler_spawn(&spawn, &t->serial_fd, why, why_bytes);
    close(spawn.netns_fd); /* it has its own; so the namespace ends with it */
    t->pid = pid > 0 ? pid : 0;
    return pid > 0 ? 0 : -1;
}

void profiler_process_exit_text(const char *app, int status, char *text, size_t bytes) {
    if (WIFSIGNALED(status))
        snprintf(text, bytes, "%s was killed by signal %d (%s)", app, WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(text, bytes, "%s ended with status %d", app, WEXITSTATUS(status));
}
