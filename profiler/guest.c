/*
 * A target that is a virtual machine: its network (a tap in a namespace of its own, or QEMU's user
 * network on two ports of loopback), what the machine runs, and QEMU.
 */
#include "profiler/internal.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct sockaddr_in profiler_address(const char *ip, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    inet_pton(AF_INET, ip, &address.sin_addr);
    return address;
}

static bool has_control(const struct target *t) {
    const struct profiler_floor *floor = profiler_floor_find(t->settings.target);

    return floor && floor->adapts;
}

static int tap_network(struct target *t, struct profiler_qemu *qemu, char *why, size_t why_bytes) {
    if (profiler_namespace_enter(&t->home_netns, why, why_bytes) != 0)
        return -1;
    qemu->tap_fd = profiler_tap_open(why, why_bytes);
    if (qemu->tap_fd < 0)
        return -1;
    snprintf(t->interface, sizeof t->interface, PROFILER_INTERFACE);
    t->service = profiler_address(PROFILER_GUEST_IP, PROFILER_SERVICE_PORT);
    if (has_control(t))
        t->control = profiler_address(PROFILER_GUEST_IP, PROFILER_CONTROL_PORT);
    t->settings.user_namespace = profiler_userns_inside();
    return 0;
}

static int user_network(struct target *t, struct profiler_qemu *qemu, int held[2], char *why,
                        size_t why_bytes) {
    qemu->service_port = profiler_port_hold(&held[0]);
    qemu->control_port = profiler_port_hold(&held[1]);
    if (qemu->service_port <= 0 || qemu->control_port <= 0)
        return profiler_fail(why, why_bytes, "no free port on loopback");
    t->service = profiler_address("127.0.0.1", qemu->service_port);
    if (has_control(t))
        t->control = profiler_address("127.0.0.1", qemu->control_port);
    return 0;
}

/* Makes the network that the settings name. */
static int make_network(struct target *t, struct profiler_qemu *qemu, int held[2], char *why,
                        size_t why_bytes) {
    snprintf(t->network, sizeof t->network, "%s", t->settings.network);
    t->settings.user_namespace = false;
    t->settings.rps_core = -1;
    if (strcmp(t->network, "tap") == 0)
        return tap_network(t, qemu, why, why_bytes);
    if (strcmp(t->network, "user") == 0)
        return user_network(t, qemu, held, why, why_bytes);
    return profiler_fail(why, why_bytes, "no such network for a guest: %s (tap or user)",
                         t->network);
}

/* nom's own guest. */
static int nom_compose(const struct profiler_paths *paths, const struct trial_settings *s,
                       struct profiler_guest *guest, char *why, size_t why_bytes) {
    bool tap = strcmp(s->network, "tap") == 0;

    (void)why;
    (void)why_bytes;
    snprintf(guest->kernel, sizeof guest->kernel, "%s", paths->kernel);
    snprintf(guest->initrd, sizeof guest->initrd, "%s", paths->initrd);
    snprintf(guest->append, sizeof guest->append,
             "%s --ip %s --delay-us %.3f --kick %s --control-port %d", s->app,
             tap ? PROFILER_GUEST_IP "/24"
                 : PROFILER_USER_IP "/24 --gateway " PROFILER_USER_GATEWAY,
             s->delay_us, s->kick == NOM_KICK_STRICT ? "strict" : "natural", PROFILER_CONTROL_PORT);
    return 0;
}

static int compose(const struct profiler_paths *paths, const struct trial_settings *s,
                   struct profiler_guest *guest, char *why, size_t why_bytes) {
    static const struct {
        const char *floor;
        int (*compose)(const struct profiler_paths *, const struct trial_settings *,
                       struct profiler_guest *, char *, size_t);
    } guests[] = {
        {"nom", nom_compose}, {"linux", profiler_linux_compose}, {"osv", profiler_osv_compose}};

    for (size_t i = 0; i < sizeof guests / sizeof *guests; i++)
        if (strcmp(guests[i].floor, s->target) == 0)
            return guests[i].compose(paths, s, guest, why, why_bytes);
    return profiler_fail(why, why_bytes, "no guest is called %s", s->target);
}

int profiler_guest_boot(struct target *t, const struct profiler_qemu *qemu, char *why,
                        size_t why_bytes) {
    pid_t pid = profiler_qemu_start(qemu, &t->serial_fd, why, why_bytes);

    t->pid = pid > 0 ? pid : 0;
    return pid > 0 ? 0 : -1;
}

int profiler_guest_start(struct target *t, const struct profiler_paths *paths, int held[2],
                         char *why, size_t why_bytes) {
    const struct trial_settings *s = &t->settings;
    struct profiler_guest guest = {.fd = -1};
    struct profiler_qemu qemu = {.guest = &guest,
                                 .accel = s->accel,
                                 .vcpus = s->vcpus,
                                 .memory_mib = s->memory_mib,
                                 .tap_fd = -1,
                                 .core = s->io_core};

    int result = make_network(t, &qemu, held, why, why_bytes);
    if (result == 0)
        result = compose(paths, s, &guest, why, why_bytes);
    if (result == 0)
        result = profiler_guest_boot(t, &qemu, why, why_bytes);
    if (guest.fd >= 0)
        close(guest.fd);
    if (qemu.tap_fd >= 0) /* QEMU has its own; so the tap ends with QEMU */
        close(qemu.tap_fd);
    return result;
}
