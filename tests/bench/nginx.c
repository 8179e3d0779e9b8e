/* See nginx.h. The program is a script that becomes nginx; what waits for it to answer and then
 * says so is its child, and ends with that. */
#include "tests/bench/nginx.h"

#include <errno.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TREE_DEPTH 4

static const char config[] = "daemon off; master_process off; worker_processes 1;\n"
                             "pid nginx.pid; error_log stderr crit;\n"
                             "events { worker_connections 4096; use epoll; }\n"
                             "http { access_log off; keepalive_requests 1000000000;\n"
                             "  keepalive_timeout 600s; tcp_nodelay on; sendfile on;\n"
                             "  open_file_cache max=16; open_file_cache_valid 600s;\n"
                             "  client_body_temp_path t1; proxy_temp_path t2;\n"
                             "  fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;\n"
                             "  server { listen 80 reuseport; root .; } }\n";

static const char script[] =
    "#!/bin/sh\n"
    "dir=$(dirname \"$0\")\n"
    "(while ! curl -sf -o /dev/null http://10.77.0.2/; do sleep 0.02; done\n"
    " echo 'nginx: ready') &\n"
    "exec nginx -p \"$dir\" -c \"$dir/nginx.conf\"\n";

static int write_file(const char *dir, const char *name, const void *bytes, size_t n, mode_t mode) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "we");
    if (file == NULL)
        return -1;
    bool whole = fwrite(bytes, 1, n, file) == n && fchmod(fileno(file), mode) == 0;
    return fclose(file) == 0 && whole ? 0 : -1;
}

int bench_nginx_make(struct bench_nginx *n, const void *body, size_t bytes, char *why,
                     size_t why_bytes) {
    memset(n, 0, sizeof *n);
    if (access("/usr/sbin/nginx", X_OK) != 0) {
        snprintf(why, why_bytes, "nginx is not installed: run tools/install-packages bench");
        return -1;
    }
    char dir[] = "/tmp/nom-bench-XXXXXX";
    if (mkdtemp(dir) == NULL) {
        snprintf(why, why_bytes, "%s: %s", dir, strerror(errno));
        return -1;
    }
    snprintf(n->dir, sizeof n->dir, "%s", dir);
    snprintf(n->program, sizeof n->program, "%s/nginx.sh", dir);
    if (write_file(n->dir, "nginx.conf", config, sizeof config - 1, 0644) == 0 &&
        write_file(n->dir, "nginx.sh", script, sizeof script - 1, 0755) == 0 &&
        write_file(n->dir, "index.html", body, bytes, 0644) == 0 && chmod(dir, 0755) == 0)
        return 0;
    snprintf(why, why_bytes, "%s: cannot be written: %s", n->dir, strerror(errno));
    bench_nginx_remove(n);
    return -1;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *at) {
    (void)status;
    (void)type;
    (void)at;
    return remove(path);
}

void bench_nginx_remove(struct bench_nginx *n) {
    if (n->dir[0] != '\0')
        nftw(n->dir, remove_entry, TREE_DEPTH, FTW_DEPTH | FTW_PHYS);
    memset(n, 0, sizeof *n);
}
