/*
 * The network "polled": a process that moves frames between the taps of a trial and the rings of
 * the guest's cards (vhost.h), as the switch of a provider does whose ports poll. The guest never
 * rings a doorbell and QEMU sees no frame.
 *
 * It shares the core of the client and gives it up whenever there is nothing to move. So the client
 * runs once all is moved that was ready; were it at SCHED_IDLE, each frame would wake the client
 * and the client push it aside. It keeps that core awake, in the spinner's place.
 *
 *   LISTENS --QEMU connects--> HEARS --its rings are started--> moves frames, and hears now and
 * then
 */
#include "profiler/internal.h"
#include "profiler/vhost.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define HEADER_BYTES 12    /* virtio's, which the tap reads and writes too */
#define BURST        32u   /* frames one way before the other is looked at */
#define HEAR_EACH    1024u /* turns */

struct port {
    int listener, tap;
    bool connected;
    struct profiler_vhost vhost;
};

/* ---- in the child ---- */

static bool to_wire(struct port *p) {
    struct iovec spans[PROFILER_VHOST_SPANS_MAX];
    uint32_t n, frames = 0;
    while (frames < BURST &&
           (n = profiler_vhost_take(&p->vhost, PROFILER_VHOST_FROM_GUEST, spans)) > 0) {
        if (writev(p->tap, spans, (int)n) < 0 && errno == EAGAIN)
            break;
        profiler_vhost_give(&p->vhost, PROFILER_VHOST_FROM_GUEST, 0);
        frames++;
    }
    if (frames > 0)
        profiler_vhost_tell(&p->vhost, PROFILER_VHOST_FROM_GUEST);
    return frames > 0;
}

static bool to_guest(struct port *p) {
    struct iovec spans[PROFILER_VHOST_SPANS_MAX];
    uint32_t n, frames = 0;
    while (frames < BURST &&
           (n = profiler_vhost_take(&p->vhost, PROFILER_VHOST_TO_GUEST, spans)) > 0) {
        ssize_t bytes = readv(p->tap, spans, (int)n);
        if (bytes <= 0)
            break;
        profiler_vhost_give(&p->vhost, PROFILER_VHOST_TO_GUEST, (uint32_t)bytes);
        frames++;
    }
    if (frames > 0)
        profiler_vhost_tell(&p->vhost, PROFILER_VHOST_TO_GUEST);
    return frames > 0;
}

/* QEMU, as it connects or speaks; without it there is nothing to do any more. */
static void hear(struct port *p) {
    if (!p->connected) {
        int fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            _exit(1);
        profiler_vhost_init(&p->vhost, fd);
        p->connected = true;
    } else if (profiler_vhost_hear(&p->vhost) != 0) {
        _exit(0);
    }
}

/* Whether one of them moves frames. */
static bool hear_all(struct port *ports, uint32_t count, int timeout_ms) {
    struct pollfd wait[PROFILER_NETWORKS_MAX];
    bool started = false;
    for (uint32_t i = 0; i < count; i++)
        wait[i] = (struct pollfd){.fd = ports[i].connected ? ports[i].vhost.fd : ports[i].listener,
                                  .events = POLLIN};
    int ready = poll(wait, count, timeout_ms);
    for (uint32_t i = 0; i < count; i++) {
        if (ready > 0 && wait[i].revents)
            hear(&ports[i]);
        started |= ports[i].connected && ports[i].vhost.rings[PROFILER_VHOST_TO_GUEST].started;
    }
    return started;
}

static _Noreturn void serve(struct port *ports, uint32_t count) {
    bool started = false;
    for (;;) {
        for (uint32_t turn = 0; started && turn < HEAR_EACH; turn++) {
            bool moved = false;
            for (uint32_t i = 0; i < count; i++) {
                moved |= ports[i].connected && to_wire(&ports[i]);
                moved |= ports[i].connected && to_guest(&ports[i]);
            }
            if (!moved)
                sched_yield();
        }
        started = hear_all(ports, count, started ? 0 : -1);
    }
}

static _Noreturn void become_port(struct port *ports, uint32_t count, int core, pid_t parent) {
    cpu_set_t set;
    sigset_t nothing;

    setpgid(0, 0);
    sigemptyset(&nothing);
    sigprocmask(SIG_SETMASK, &nothing, NULL);
    prctl(PR_SET_NAME, "nom-port");
    CPU_ZERO(&set);
    CPU_SET((size_t)core, &set);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent ||
        sched_setaffinity(0, sizeof set, &set) != 0)
        _exit(1);
    serve(ports, count);
}

/* ---- in the parent ---- */

/* A listening socket of this network namespace, by a name of the abstract kind. */
static int listen_at(const char *name) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "%s", name);
    socklen_t bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&address, bytes) == 0 && listen(fd, 1) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* What QEMU would tell a tap of its own. */
static int prepare_tap(int tap) {
    int header_bytes = HEADER_BYTES, flags = fcntl(tap, F_GETFL);

    return ioctl(tap, TUNSETVNETHDRSZ, &header_bytes) == 0 &&
                   ioctl(tap, TUNSETOFFLOAD, TUN_F_CSUM) == 0 && flags >= 0 &&
                   fcntl(tap, F_SETFL, flags | O_NONBLOCK) == 0
               ? 0
               : -1;
}

pid_t profiler_port_start(struct profiler_nic *nics, uint32_t count, int core, char *why,
                          size_t why_bytes) {
    struct port ports[PROFILER_NETWORKS_MAX] = {0};
    pid_t parent = getpid(), pid = -1;
    uint32_t made = 0;

    if (core < 0)
        return profiler_fail(why, why_bytes,
                             "network polled needs a core beside the guest's: here is but one");
    for (; made < count; made++) {
        struct profiler_nic *nic = &nics[made];
        snprintf(nic->port, sizeof nic->port, "nom-port-%u", made);
        ports[made] = (struct port){.listener = listen_at(nic->port), .tap = nic->tap_fd};
        if (ports[made].listener < 0 || prepare_tap(nic->tap_fd) != 0)
            break;
    }
    if (made == count && (pid = fork()) == 0)
        become_port(ports, count, core, parent);
    int error = errno;
    for (uint32_t i = 0; i < count; i++)
        if (ports[i].listener > 0)
            close(ports[i].listener);
    if (pid < 0)
        return profiler_fail(why, why_bytes, "a port that polls cannot be made: %s",
                             strerror(error));
    setpgid(pid, pid); /* both do, so that neither has to wait for the other */
    return pid;
}
