/*
 * A target that is a virtual machine: its networks, what the machine runs, and QEMU.
 *
 * Each app has a NIC and a network of its own, in the order of the kernel's command line (the app
 * with number n takes the n-th NIC, runtime/platform/nom/device.c): a tap of
 * one namespace of ours, or QEMU's user network on two ports of loopback. The price daemon, last,
 * has one too, by which it reaches the provider.
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

static int service_port(const struct target *t) {
    return profiler_app_of(t->settings.app)->service_port;
}

static bool has_control(const struct target *t) {
    const struct profiler_floor *floor = profiler_floor_find(t->settings.target);

    return floor && floor->adapts;
}

static int tap_networks(struct target *t, struct profiler_qemu *qemu, char *why, size_t why_bytes) {
    char ip[PROFILER_IP_BYTES];

    if (profiler_namespace_enter(&t->home_netns, why, why_bytes) != 0)
        return -1;
    for (uint32_t i = 0; i < t->app_count + t->prices; i++) {
        qemu->nic[i] = (struct profiler_nic){.tap_fd = profiler_tap_open(i, why, why_bytes)};
        if (qemu->nic[i].tap_fd < 0)
            return -1;
        qemu->nics++;
    }
    for (uint32_t i = 0; i < t->app_count; i++) {
        struct target_app *app = &t->apps[i];
        profiler_guest_ip(i, ip);
        profiler_interface_name(i, app->interface);
        app->service = profiler_address(ip, service_port(t));
        if (has_control(t))
            app->control = profiler_address(ip, PROFILER_CONTROL_PORT);
    }
    t->settings.user_namespace = profiler_userns_inside();
    profiler_host_ip(t->app_count, ip);
    return t->prices ? profiler_provider_start(&t->provider, ip, PROFILER_PROVIDER_PORT,
                                               t->settings.io_core, why, why_bytes)
                     : 0;
}

static int user_networks(struct target *t, struct profiler_qemu *qemu, int held[PROFILER_HELD_MAX],
                         char *why, size_t why_bytes) {
    for (uint32_t i = 0; i < t->app_count; i++) {
        struct target_app *app = &t->apps[i];
        struct profiler_nic *nic = &qemu->nic[i];
        *nic = (struct profiler_nic){.tap_fd = -1};
        nic->service_port = profiler_port_hold(&held[2 * i]);
        nic->control_port = profiler_port_hold(&held[2 * i + 1]);
        if (nic->service_port <= 0 || nic->control_port <= 0)
            return profiler_fail(why, why_bytes, "no free port on loopback");
        app->service = profiler_address("127.0.0.1", nic->service_port);
        if (has_control(t))
            app->control = profiler_address("127.0.0.1", nic->control_port);
        qemu->nics++;
    }
    if (!t->prices)
        return 0;
    qemu->nic[qemu->nics++] = (struct profiler_nic){.tap_fd = -1};
    return profiler_provider_start(&t->provider, "127.0.0.1", 0, t->settings.io_core, why,
                                   why_bytes);
}

/* Makes networks of the kind that the settings name. */
static int make_networks(struct target *t, struct profiler_qemu *qemu, int held[PROFILER_HELD_MAX],
                         char *why, size_t why_bytes) {
    snprintf(t->network, sizeof t->network, "%s", t->settings.network);
    t->settings.user_namespace = false;
    t->settings.rps_core = -1;
    if (profiler_network_is_tap(t->network))
        return tap_networks(t, qemu, why, why_bytes);
    if (strcmp(t->network, "user") == 0)
        return user_networks(t, qemu, held, why, why_bytes);
    return profiler_fail(why, why_bytes, "no such network for a guest: %s (tap, polled or user)",
                         t->network);
}

/* The kernel's command line: the apps with their arguments, "--" between. */
static void command_line(const struct target *t, char *text, size_t bytes) {
    const struct trial_settings *s = &t->settings;
    bool tap = profiler_network_is_tap(s->network);
    char ip[PROFILER_IP_BYTES], host_ip[PROFILER_IP_BYTES], arguments[512];
    size_t n = 0;

    for (uint32_t i = 0; i < t->app_count && n < bytes; i++) {
        profiler_guest_ip(i, ip);
        profiler_app_words(s, tap ? ip : PROFILER_USER_IP, tap ? NULL : PROFILER_USER_GATEWAY,
                           arguments, sizeof arguments);
        n += (size_t)snprintf(text + n, bytes - n, "%s%s %s", i ? " -- " : "", s->app, arguments);
    }
    if (!t->prices || n >= bytes)
        return;
    profiler_guest_ip(t->app_count, ip);
    profiler_host_ip(t->app_count, host_ip);
    profiler_priced_arguments(t, tap ? host_ip : PROFILER_USER_GATEWAY, arguments,
                              sizeof arguments);
    snprintf(text + n, bytes - n, " -- " PRICED " --ip %s/24%s %s", tap ? ip : PROFILER_USER_IP,
             tap ? "" : " --gateway " PROFILER_USER_GATEWAY, arguments);
}

/* What the machine runs: nom with the apps of the target, or another system with its one. */
static int compose(const struct target *t, const struct profiler_paths *paths,
                   struct profiler_guest *guest, char *why, size_t why_bytes) {
    static const struct {
        const char *floor;
        int (*compose)(const struct profiler_paths *, const struct trial_settings *,
                       struct profiler_guest *, char *, size_t);
    } guests[] = {{"linux", profiler_linux_compose}, {"osv", profiler_osv_compose}};
    const struct trial_settings *s = &t->settings;

    if (strcmp(s->target, "nom") == 0) {
        snprintf(guest->kernel, sizeof guest->kernel, "%s", paths->kernel);
        snprintf(guest->initrd, sizeof guest->initrd, "%s", paths->initrd);
        command_line(t, guest->append, sizeof guest->append);
        return 0;
    }
    for (size_t i = 0; i < sizeof guests / sizeof *guests; i++)
        if (strcmp(guests[i].floor, s->target) == 0)
            return guests[i].compose(paths, s, guest, why, why_bytes);
    return profiler_fail(why, why_bytes, "no guest is called %s", s->target);
}

/* In the spinner's place, on its core. */
static int start_port(struct target *t, struct profiler_qemu *qemu, char *why, size_t why_bytes) {
    if (strcmp(qemu->accel, "kvm") != 0) /* with vhost-user and MSI-X, QEMU 7.2's own code faults */
        return profiler_fail(why, why_bytes, "network polled needs kvm: under %s QEMU crashes",
                             qemu->accel);
    pid_t pid = profiler_port_start(qemu->nic, qemu->nics, t->settings.client_core, why, why_bytes);

    t->spinner = pid > 0 ? pid : 0;
    t->settings.spinner = true;
    return pid > 0 ? 0 : -1;
}

int profiler_guest_boot(struct target *t, const struct profiler_qemu *qemu, char *why,
                        size_t why_bytes) {
    t->started_s = profiler_now_s();
    pid_t pid = profiler_qemu_start(qemu, &t->serial_fd, why, why_bytes);

    t->pid = pid > 0 ? pid : 0;
    return pid > 0 ? 0 : -1;
}

int profiler_guest_start(struct target *t, const struct profiler_paths *paths,
                         int held[PROFILER_HELD_MAX], char *why, size_t why_bytes) {
    const struct trial_settings *s = &t->settings;
    struct profiler_guest guest = {.fd = -1};
    struct profiler_qemu qemu = {.service_port = service_port(t),
                                 .guest = &guest,
                                 .accel = s->accel,
                                 .vcpus = s->vcpus,
                                 .memory_mib = s->memory_mib,
                                 .core = s->io_core};

    int result = make_networks(t, &qemu, held, why, why_bytes);
    if (result == 0 && strcmp(t->network, PROFILER_NETWORK_POLLED) == 0)
        result = start_port(t, &qemu, why, why_bytes);
    if (result == 0)
        result = compose(t, paths, &guest, why, why_bytes);
    if (result == 0)
        result = profiler_guest_boot(t, &qemu, why, why_bytes);
    if (guest.fd >= 0)
        close(guest.fd);
    for (uint32_t i = 0; i < qemu.nics; i++)
        if (qemu.nic[i].tap_fd >= 0) /* QEMU has its own; so the tap ends with QEMU */
            close(qemu.nic[i].tap_fd);
    return result;
}
