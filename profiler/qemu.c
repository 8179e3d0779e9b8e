/*
 * QEMU as a child: found in PATH, told everything on its command line, given no file to write, and
 * no descriptor but its console, its taps and what its guest is read from.
 */
#include "profiler/internal.h"
#include "runtime/abi/start.h"
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define QEMU_NAME          "qemu-system-x86_64"
#define QEMU_ARGUMENTS_MAX 80

int profiler_qemu_find(char *path, size_t bytes, char *why, size_t why_bytes) {
    if (profiler_find_tool(QEMU_NAME, "", path, bytes) == 0)
        return 0;
    return profiler_fail(why, why_bytes,
                         QEMU_NAME " is not installed (Debian package qemu-system-x86)");
}

struct command {
    const char *argv[QEMU_ARGUMENTS_MAX];
    size_t count;
    char memory[16], shared[64], vcpus[40], drive[1152];
    char chardev[PROFILER_NETWORKS_MAX][64], netdev[PROFILER_NETWORKS_MAX][192],
        device[PROFILER_NETWORKS_MAX][96];
};

static void add(struct command *c, const char *option, const char *value) {
    c->argv[c->count++] = option;
    if (value)
        c->argv[c->count++] = value;
}

/* A file as the value of an option with commas between its parts. */
static void escape(const char *file, char *to, size_t bytes) {
    size_t n = 0;

    for (; *file && n + 2 < bytes; file++) {
        if (*file == ',')
            to[n++] = ',';
        to[n++] = *file;
    }
    to[n] = '\0';
}

/* The NICs stand on the bus in the order of their networks, and in their addresses. */
static void add_nic(struct command *c, uint32_t network, const struct profiler_qemu *q) {
    const struct profiler_nic *nic = &q->nic[network];
    char *netdev = c->netdev[network], *device = c->device[network];

    if (nic->port[0]) {
        snprintf(c->chardev[network], sizeof c->chardev[0], "socket,id=p%u,path=%s,abstract=on",
                 network, nic->port);
        add(c, "-chardev", c->chardev[network]);
        snprintf(netdev, sizeof c->netdev[0], "vhost-user,id=n%u,chardev=p%u", network, network);
    } else if (nic->tap_fd >= 0)
        snprintf(netdev, sizeof c->netdev[0], "tap,id=n%u,fd=%d", network, nic->tap_fd);
    else if (nic->service_port)
        snprintf(
            netdev, sizeof c->netdev[0],
            "user,id=n%u,restrict=on,hostfwd=tcp:127.0.0.1:%d-:%d,hostfwd=tcp:127.0.0.1:%d-:%d",
            network, nic->service_port, q->service_port, nic->control_port, PROFILER_CONTROL_PORT);
    else
        snprintf(netdev, sizeof c->netdev[0], "user,id=n%u", network);
    snprintf(device, sizeof c->device[0],
             "virtio-net-pci,disable-legacy=on,netdev=n%u,mac=52:54:00:77:%02x:02", network,
             network);
    add(c, "-netdev", netdev);
    add(c, "-device", device);
}

static void compose(struct command *c, const char *path, const struct profiler_qemu *q) {
    const struct profiler_guest *guest = q->guest;
    char image[2 * sizeof guest->image];
    bool kvm = strcmp(q->accel, "kvm") == 0;

    c->count = 0;
    snprintf(c->memory, sizeof c->memory, "%uM", q->memory_mib);
    /* Room for one more vCPU than there is: with one alone QEMU's TCG drops the guest's memory
     * barriers (QEMU 7.2), a kick is missed now and then, and the network stands still. */
    snprintf(c->vcpus, sizeof c->vcpus, kvm ? "%u" : "%u,maxcpus=%u", q->vcpus, q->vcpus + 1);
    add(c, path, NULL);
    add(c, "-name", "nom,debug-threads=on");
    if (q->nics && q->nic[0].port[0]) { /* who polls sees the guest's memory, too */
        snprintf(c->shared, sizeof c->shared, "memory-backend-memfd,id=ram,share=on,size=%s",
                 c->memory);
        add(c, "-object", c->shared);
        add(c, "-machine", "q35,memory-backend=ram");
    } else
        add(c, "-machine", "q35");
    add(c, "-accel", kvm ? "kvm" : "tcg");
    add(c, "-cpu", kvm ? "host" : "max");
    if (kvm) /* SeaBIOS takes seconds where ring 0 is interpreted; qboot runs a tenth of it */
        add(c, "-bios", "qboot.rom");
    add(c, "-m", c->memory);
    add(c, "-smp", c->vcpus);
    add(c, "-nodefaults", NULL);
    add(c, "-no-user-config", NULL);
    add(c, "-no-reboot", NULL);
    add(c, "-display", "none");
    add(c, "-serial", "stdio");
    add(c, "-device", "isa-debug-exit,iobase=0xf4,iosize=4");
    add(c, "-kernel", guest->kernel);
    if (guest->initrd[0])
        add(c, "-initrd", guest->initrd);
    add(c, "-append", guest->append);
    if (guest->image[0]) { /* what it writes goes to a file that QEMU unlinks at once */
        escape(guest->image, image, sizeof image);
        snprintf(c->drive, sizeof c->drive, "if=none,id=d0,snapshot=on,format=%s,file=%s",
                 guest->image_format, image);
        add(c, "-drive", c->drive);
        add(c, "-device", "virtio-blk-pci,disable-legacy=on,drive=d0");
    }
    for (uint32_t i = 0; i < q->nics; i++)
        add_nic(c, i, q);
    c->argv[c->count] = NULL;
}

pid_t profiler_qemu_start(const struct profiler_qemu *q, int *serial_fd, char *why,
                          size_t why_bytes) {
    struct command command;
    struct profiler_spawn spawn = {.argv = command.argv, .core = q->core, .keep = {q->guest->fd}};
    char path[512];

    *serial_fd = -1;
    if (profiler_qemu_find(path, sizeof path, why, why_bytes) != 0)
        return -1;
    compose(&command, path, q);
    for (uint32_t i = 0; i < q->nics; i++)
        spawn.keep[i + 1] = q->nic[i].port[0] ? -1 : q->nic[i].tap_fd;
    return profiler_spawn(&spawn, serial_fd, why, why_bytes);
}

void profiler_qemu_exit_text(int status, char *text, size_t bytes) {
    if (WIFSIGNALED(status)) {
        snprintf(text, bytes, "QEMU was killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
        return;
    }
    unsigned int code = (unsigned int)WEXITSTATUS(status);
    if (code == NOM_EXIT_HOST_STATUS(NOM_EXIT_APP_FAULT))
        snprintf(text, bytes, "the kernel ended the app for an exception");
    else if (code == NOM_EXIT_HOST_STATUS(NOM_EXIT_BAD_COMMAND))
        snprintf(text, bytes, "the kernel could not run what its command line names");
    else if (code == NOM_EXIT_HOST_STATUS(NOM_EXIT_PANIC))
        snprintf(text, bytes, "the kernel panicked");
    else if (code >= NOM_EXIT_HOST_STATUS(NOM_EXIT_BASE))
        snprintf(text, bytes, "the app ended with status %u", (code >> 1) - NOM_EXIT_BASE);
    else if (code == 0)
        snprintf(text, bytes, "the machine was switched off or reset");
    else
        snprintf(text, bytes, "QEMU failed with status %u", code);
}
