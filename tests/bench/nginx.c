/* See nginx.h. The pair of namespaces ends with the processes in it; the folder is removed. */
#include "tests/bench/nginx.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CLIENT_ADDRESS "10.78.0.1"
#define SERVER_ADDRESS "10.78.0.2"
#define READY_TRIES    200

static int fail(char *why, size_t why_bytes, const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    vsnprintf(why, why_bytes, format, ap);
    va_end(ap);
    return -1;
}

static int write_file(const char *dir, const char *name, const void *bytes, size_t n) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return -1;
    ssize_t written = write(fd, bytes, n);
    return close(fd) == 0 && written == (ssize_t)n ? 0 : -1;
}

static int run(const char *format, ...) {
    char command[256];
    va_list ap;
    va_start(ap, format);
    vsnprintf(command, sizeof command, format, ap);
    va_end(ap);
    return system(command) == 0 ? 0 : -1;
}

static void serve(const char *dir, int core, int go_fd, int told_fd, pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || unshare(CLONE_NEWNET) != 0)
        _exit(1);
    char byte = 0;
    if (write(told_fd, &byte, 1) != 1 || read(go_fd, &byte, 1) != 1)
        _exit(1);
    if (run("ip link set lo up && ip addr add " SERVER_ADDRESS "/24 dev veth1 && "
            "ip link set veth1 up") != 0)
        _exit(1);
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET((unsigned)core, &cores);
    sched_setaffinity(0, sizeof cores, &cores);
    char config[96];
    snprintf(config, sizeof config, "%s/nginx.conf", dir);
    execlp("nginx", "nginx", "-p", dir, "-c", config, (char *)NULL);
    _exit(127);
}

static int wait_until_it_answers(struct bench_nginx *n, char *why, size_t why_bytes) {
    for (int i = 0; i < READY_TRIES; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int connected = connect(fd, (struct sockaddr *)&n->address, sizeof n->address) == 0;
        close(fd);
        if (connected)
            return 0;
        int status;
        if (waitpid(n->pid, &status, WNOHANG) == n->pid) {
            n->pid = 0;
            return fail(why, why_bytes, "nginx ended at once (is package nginx-light installed?)");
        }
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    return fail(why, why_bytes, "nginx does not answer");
}

int bench_nginx_start(struct bench_nginx *n, int core, const void *body, size_t bytes, char *why,
                      size_t why_bytes) {
    static const char config[] = "daemon off; master_process off; worker_processes 1;\n"
                                 "pid nginx.pid; error_log stderr crit;\n"
                                 "events { worker_connections 4096; use epoll; }\n"
                                 "http { access_log off; keepalive_requests 1000000000;\n"
                                 "  keepalive_timeout 600s; tcp_nodelay on; sendfile on;\n"
                                 "  open_file_cache max=16; open_file_cache_valid 600s;\n"
                                 "  default_type text/html;\n"
                                 "  client_body_temp_path t1; proxy_temp_path t2;\n"
                                 "  fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;\n"
                                 "  server { listen 80 reuseport; root .; } }\n";
    memset(n, 0, sizeof *n);
    strcpy(n->dir, "/tmp/nom-bench-XXXXXX");
    if (mkdtemp(n->dir) == NULL)
        return fail(why, why_bytes, "%s: %s", n->dir, strerror(errno));
    if (write_file(n->dir, "nginx.conf", config, sizeof config - 1) != 0 ||
        write_file(n->dir, "index.html", body, bytes) != 0)
        return fail(why, why_bytes, "%s: cannot be written", n->dir);
    int go[2], told[2];
    if (unshare(CLONE_NEWNET) != 0)
        return fail(why, why_bytes, "a network namespace needs root: %s", strerror(errno));
    if (pipe2(go, O_CLOEXEC) != 0 || pipe2(told, O_CLOEXEC) != 0)
        return fail(why, why_bytes, "pipe: %s", strerror(errno));
    pid_t parent = getpid();
    n->pid = fork();
    if (n->pid == 0)
        serve(n->dir, core, go[0], told[1], parent);
    close(go[0]);
    close(told[1]);
    char byte = 0;
    int ok = n->pid > 0 && read(told[0], &byte, 1) == 1 &&
             run("ip link set lo up && ip link add veth0 type veth peer name veth1 netns %d && "
                 "ip addr add " CLIENT_ADDRESS "/24 dev veth0 && ip link set veth0 up",
                 (int)n->pid) == 0 &&
             write(go[1], &byte, 1) == 1;
    close(go[1]);
    close(told[0]);
    if (!ok)
        return fail(why, why_bytes, "the veth pair cannot be made (package iproute2)");
    n->address.sin_family = AF_INET;
    n->address.sin_port = htons(80);
    inet_pton(AF_INET, SERVER_ADDRESS, &n->address.sin_addr);
    return wait_until_it_answers(n, why, why_bytes);
}

void bench_nginx_stop(struct bench_nginx *n) {
    if (n->pid > 0) {
        kill(n->pid, SIGKILL);
        waitpid(n->pid, NULL, 0);
    }
    if (n->dir[0] != '\0')
        run("rm -rf '%s'", n->dir);
    memset(n, 0, sizeof *n);
}
