/* See fake_qemu.h. One process, one poll loop; a thread stands for the vCPU. */
#include "tests/unit/fake_qemu.h"
#include "runtime/abi/control.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONNECTIONS 64

static char folder[64], old_path[4096];

static volatile bool vcpu_named;

static void *vcpu(void *unused) {
    prctl(PR_SET_NAME, "CPU 0/TCG");
    vcpu_named = true;
    for (;;)
        pause();
    return unused;
}

static int listen_on(const char *ip, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

    inet_pton(AF_INET, ip, &address.sin_addr);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 64) != 0) {
        perror("fake: listen");
        exit(1);
    }
    return fd;
}

static int forwarded_port(int argc, char **argv, const char *guest_port) {
    for (int i = 0; i < argc; i++) {
        const char *to = strstr(argv[i], guest_port);
        if (!to || !strstr(argv[i], "hostfwd="))
            continue;
        while (to[-1] != ':')
            to--;
        return atoi(to);
    }
    return 0;
}

/* The value of an option of a process, or NULL. */
static const char *option(int argc, char **argv, const char *name) {
    for (int i = 0; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return argv[i + 1];
    return NULL;
}

/* As a process with its own stack would: the interface has an address, if not in the kernel's eyes.
 */
static void take_address(const char *interface, const char *ip) {
    struct ifreq request = {0};
    struct sockaddr_in in = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", interface);
    inet_pton(AF_INET, ip, &in.sin_addr);
    memcpy(&request.ifr_addr, &in, sizeof in);
    if (ioctl(fd, SIOCSIFADDR, &request) != 0) {
        perror("fake: address");
        exit(1);
    }
    close(fd);
}

static const char *board; /* of a process: a file with the price, or NULL */

static double board_price(void) {
    double price = 0;
    int fd = board ? open(board, O_RDONLY | O_CLOEXEC) : -1;

    if (fd >= 0 && pread(fd, &price, sizeof price, 0) != sizeof price)
        price = 0;
    if (fd >= 0)
        close(fd);
    return price;
}

/* What the provider says now; -1 if it does not. */
static double ask_provider(const char *url) {
    char ip[32], reply[1024];
    int port, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    double price = -1;
    size_t n = 0;
    ssize_t got;

    if (sscanf(url, "http://%31[0-9.]:%d/", ip, &port) != 2)
        exit(9);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, ip, &address.sin_addr);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        dprintf(fd, "GET /prices HTTP/1.1\r\nHost: %s\r\n\r\n", ip) > 0)
        while (n + 1 < sizeof reply && (got = read(fd, reply + n, sizeof reply - 1 - n)) > 0)
            n += (size_t)got;
    close(fd);
    reply[n] = '\0';
    const char *at = strstr(reply, "\"price\":");
    if (at)
        price = strtod(at + strlen("\"price\":"), NULL);
    return price;
}

static _Noreturn void become_priced(int argc, char **argv) {
    int fd = open(board, O_WRONLY | O_CLOEXEC);

    puts("priced: ready");
    for (;; usleep(5000)) {
        double price = ask_provider(option(argc, argv, "--url"));
        if (price >= 0 && pwrite(fd, &price, sizeof price, 0) != sizeof price)
            exit(8);
    }
}

static void become_process(int argc, char **argv, int *service, int *control) {
    const char *interface = option(argc, argv, "--interface"), *port = option(argc, argv, "--port");
    char ip[32];

    snprintf(ip, sizeof ip, "%s", option(argc, argv, "--ip"));
    ip[strcspn(ip, "/")] = '\0';
    if (interface)
        take_address(interface, ip);
    *service = listen_on(ip, port ? atoi(port) : 80);
    port = option(argc, argv, "--control-port");
    *control = port ? listen_on(ip, atoi(port)) : -1;
}

/* Answers whole requests in what just came; a request never comes in parts here. */
static int answer_http(int fd, const char *status) {
    char in[16384], out[128];
    ssize_t n = read(fd, in, sizeof in - 1);
    int requests = 0;

    if (n <= 0)
        return -1;
    in[n] = '\0';
    for (char *at = in; (at = strstr(at, "\r\n\r\n")); at += 4) {
        snprintf(out, sizeof out, "HTTP/1.1 %s\r\nContent-Length: 5\r\n\r\nhello", status);
        if (write(fd, out, strlen(out)) < 0)
            return -1;
        requests++;
    }
    return requests;
}

static int answer_control(int fd) {
    struct nom_control_header header;
    struct nom_control_status status = {.error = NOM_CONTROL_OK};
    struct nom_statistics statistics = {.requests = 7, .price_usd = {board_price()}};

    if (read(fd, &header, sizeof header) != sizeof header)
        return -1;
    header.type |= NOM_CONTROL_REPLY;
    header.payload_bytes = sizeof status + sizeof statistics;
    if (write(fd, &header, sizeof header) < 0 || write(fd, &status, sizeof status) < 0 ||
        write(fd, &statistics, sizeof statistics) < 0)
        return -1;
    return 0;
}

static void serve(int service, int control, const char *status, bool deaf, long requests_max) {
    struct pollfd fds[2 + CONNECTIONS] = {{.fd = service, .events = POLLIN},
                                          {.fd = control, .events = POLLIN}};
    bool is_control[2 + CONNECTIONS] = {false};
    long requests = 0;
    nfds_t count = 2;

    for (;;) {
        poll(fds, count, -1);
        for (nfds_t i = 0; i < 2; i++)
            if (fds[i].revents && count < 2 + CONNECTIONS) {
                is_control[count] = i == 1;
                fds[count++] = (struct pollfd){.fd = accept(fds[i].fd, NULL, NULL),
                                               .events = deaf && i == 0 ? 0 : POLLIN};
            }
        for (nfds_t i = 2; i < count; i++) {
            if (!fds[i].revents)
                continue;
            int n = fds[i].revents & POLLIN
                        ? is_control[i] ? answer_control(fds[i].fd) : answer_http(fds[i].fd, status)
                        : -1;
            if (n < 0) {
                close(fds[i].fd);
                fds[i] = fds[--count];
                is_control[i] = is_control[count];
                i--;
                continue;
            }
            requests += n;
            if (requests_max && requests >= requests_max) {
                puts("fake: exception in nhttpd");
                exit(0x7b);
            }
        }
    }
}

/* A ready line of each app on the kernel's command line. */
static void guest_ready(int argc, char **argv) {
    const char *append = option(argc, argv, "-append");

    printf("fake: one CPU; started with");
    for (int i = 4; i < argc; i++)
        printf(" %s", argv[i]);
    puts("");
    for (const char *at = append; at; at = strstr(at, " -- ")) {
        at += strncmp(at, " -- ", 4) == 0 ? 4 : 0;
        printf("%.*s: ready\n", (int)strcspn(at, " "), at);
    }
}

void fake_qemu_hook(int argc, char **argv) {
    pthread_t thread;

    if (argc < 3 || strcmp(argv[1], "--fake-qemu") != 0)
        return;
    const char *behaviour = argv[2];
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* a line in one piece: others write there, too */
    if (argc > 3 && strcmp(argv[3], "--version") == 0) {
        puts("QEMU emulator version 0 (fake)");
        exit(0);
    }
    if (strncmp(behaviour, "exit-", 5) == 0) {
        puts("fake: last words");
        exit(atoi(behaviour + 5));
    }
    if (strncmp(behaviour, "says-", 5) == 0)
        puts(behaviour + 5);
    if (strcmp(behaviour, "gives-up") == 0)
        puts("KVM internal error. Suberror: 1");
    for (long i = 0; strcmp(behaviour, "talks") == 0; i++)
        printf("fake: line %ld\n", i);
    board = option(argc, argv, "--board");
    if (option(argc, argv, "--url") && strcmp(behaviour, "serve") == 0)
        become_priced(argc, argv);
    bool deaf = strcmp(behaviour, "deaf") == 0, ends = strncmp(behaviour, "ends-", 5) == 0;
    if (ends)
        deaf = true;
    if (!deaf && strncmp(behaviour, "serve", 5) != 0 && strncmp(behaviour, "dies-", 5) != 0)
        for (;;)
            pause();
    int service = forwarded_port(argc, argv, "-:80,"),
        control = forwarded_port(argc, argv, "-:7700");
    if (option(argc, argv, "--initrd"))
        become_process(argc, argv, &service, &control);
    else if (service)
        service = listen_on("127.0.0.1", service), control = listen_on("127.0.0.1", control);
    else
        service = control = -1; /* a tap: ready is all it can be */
    pthread_create(&thread, NULL, vcpu, NULL);
    while (!vcpu_named) /* a real guest is ready long after that */
        usleep(100);
    if (option(argc, argv, "--initrd"))
        puts("nhttpd: ready");
    else
        guest_ready(argc, argv);
    if (ends)
        printf("priced: no more\nnom: app %s ended: exit status 3\n", behaviour + 5);
    serve(service, control,
          strcmp(behaviour, "serve-503") == 0   ? "503 Service Unavailable"
          : strcmp(behaviour, "serve-500") == 0 ? "500 Internal Server Error"
                                                : "200 OK",
          deaf, strncmp(behaviour, "dies-", 5) == 0 ? atol(behaviour + 5) : 0);
    exit(1);
}

static void path_of(const char *name, char path[128]) {
    snprintf(path, 128, "%s/%s", folder, name);
}

static void write_file(const char *name, mode_t mode, const char *text) {
    char path[128];

    path_of(name, path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || close(fd) != 0) {
        perror(path);
        exit(1);
    }
}

/* A copy where anyone may run it. */
static void copy_self(void) {
    char path[128];
    ssize_t n;
    int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    path_of("fake", path);
    int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    do
        n = sendfile(to, from, NULL, 1 << 20);
    while (n > 0);
    if (n < 0 || close(to) != 0) {
        perror(path);
        exit(1);
    }
    close(from);
}

static void make_folder(const char *name) {
    char path[128];

    path_of(name, path);
    if (mkdir(path, 0755) != 0) {
        perror(path);
        exit(1);
    }
}

void fake_qemu_install_priced(const char *behaviour) {
    char script[1024];

    snprintf(script, sizeof script, "#!/bin/sh\nexec '%s/fake' --fake-qemu '%s' \"$@\"\n", folder,
             behaviour);
    write_file("hosted/priced", 0755, script);
}

static const char *const names[] = {
    "nom.elf", "initrd.cpio", "nhttpd.elf", "fake", "qemu-system-x86_64", "hosted", "sockets"};

void fake_qemu_install(const char *behaviour) {
    char script[1024], path[4200];

    if (!folder[0]) {
        snprintf(folder, sizeof folder, "/tmp/nom-fake-qemu.XXXXXX");
        if (!mkdtemp(folder) || chmod(folder, 0755) != 0)
            exit(1);
        snprintf(old_path, sizeof old_path, "%s", getenv("PATH"));
        write_file("nom.elf", 0644, "");
        write_file("initrd.cpio", 0644, "");
        write_file("nhttpd.elf", 0644, "");
        make_folder("hosted");
        make_folder("sockets");
        copy_self();
        setenv("NOM_HOME", folder, 1);
    }
    snprintf(script, sizeof script, "#!/bin/sh\nexec '%s/fake' --fake-qemu '%s' \"$@\"\n", folder,
             behaviour);
    write_file("qemu-system-x86_64", 0755, script);
    write_file("hosted/nhttpd", 0755, script);
    write_file("sockets/nhttpd", 0755, script);
    snprintf(path, sizeof path, "%s:%s", folder, old_path);
    setenv("PATH", path, 1);
}

void fake_qemu_remove(void) {
    setenv("PATH", "/nonexistent", 1);
}

static void remove_file(const char *name) {
    char path[128];

    path_of(name, path);
    remove(path);
}

void fake_qemu_remove_processes(void) {
    remove_file("hosted/nhttpd");
    remove_file("hosted/priced");
    remove_file("sockets/nhttpd");
}

void fake_qemu_clean(void) {
    if (!folder[0])
        return;
    fake_qemu_remove_processes();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        remove_file(names[i]);
    rmdir(folder);
    setenv("PATH", old_path, 1);
    unsetenv("NOM_HOME");
    folder[0] = '\0';
}
