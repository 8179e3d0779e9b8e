/*
 * A provider of prices for tests: an HTTP server that answers every request with a file.
 *
 *   provider PORT DIR
 *
 * DIR/reply is sent as it is, head and all, and the connection closed; where there is none, the
 * connection stays open and silent until the client leaves. With DIR/trickle, a byte of it each
 * 20 ms. Each request's head is appended to DIR/requests. Says "ready" once it listens.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TRICKLE_US 20000

static void send_file(int fd, int file, int trickle) {
    char bytes[4096];
    ssize_t n;
    while ((n = read(file, bytes, trickle ? 1 : sizeof bytes)) > 0) {
        for (ssize_t at = 0, sent; at < n; at += sent)
            if ((sent = send(fd, bytes + at, (size_t)(n - at), 0)) <= 0)
                return;
        if (trickle)
            usleep(TRICKLE_US);
    }
}

static void wait_for_end(int fd) {
    char bytes[256];
    while (recv(fd, bytes, sizeof bytes, 0) > 0)
        ;
}

static void serve(int fd) {
    char head[4096] = "";
    size_t have = 0;
    while (!strstr(head, "\r\n\r\n")) {
        ssize_t n = recv(fd, head + have, sizeof head - 1 - have, 0);
        if (n <= 0)
            return;
        have += (size_t)n;
        head[have] = '\0';
    }
    int log = open("requests", O_WRONLY | O_CREAT | O_APPEND, 0644);
    int reply = open("reply", O_RDONLY);
    if (log < 0 || write(log, head, have) != (ssize_t)have)
        exit(1);
    if (reply >= 0) {
        send_file(fd, reply, access("trickle", F_OK) == 0);
        shutdown(fd, SHUT_WR);
    }
    wait_for_end(fd);
}

int main(int argc, char **argv) {
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    if (argc != 3 || chdir(argv[2]) != 0) {
        fprintf(stderr, "usage: provider PORT DIR\n");
        return 2;
    }
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_IGN); /* children leave nothing behind */
    if (bind(listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(listener, 64) != 0) {
        perror("provider");
        return 1;
    }
    puts("ready");
    fflush(stdout);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            return 1;
        if (fork() == 0) {
            close(listener);
            serve(fd);
            return 0;
        }
        close(fd);
    }
}
