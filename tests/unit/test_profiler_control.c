/* The control client against servers that answer well, badly, late, in drips, or not at all. */
#include "profiler/internal.h"
#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum behaviour {
    ANSWER,
    REFUSE,
    REFUSE_UNTERMINATED,
    WRONG_MAGIC,
    WRONG_VERSION,
    WRONG_TYPE,
    WRONG_TAG,
    TOO_SHORT,
    TOO_LONG,
    HUGE_SIZE,
    OK_WITHOUT_BODY,
    CUT_SHORT,
    CLOSE,
    SILENT,
    DRIP,
};

struct server {
    pid_t pid;
    struct sockaddr_in address;
};

static void answer(int fd, enum behaviour how) {
    struct {
        struct nom_control_header header;
        struct nom_control_status status;
        struct nom_statistics statistics;
    } reply = {0};
    char payload[4096];

    if (recv(fd, &reply.header, sizeof reply.header, MSG_WAITALL) != sizeof reply.header)
        _exit(0);
    for (size_t left = reply.header.payload_bytes; left;) {
        ssize_t n = recv(fd, payload, left < sizeof payload ? left : sizeof payload, 0);
        if (n <= 0)
            _exit(0);
        left -= (size_t)n;
    }
    bool has_body = reply.header.type == NOM_CONTROL_STATISTICS;
    reply.header.type |= NOM_CONTROL_REPLY;
    reply.statistics.requests = 42;
    size_t bytes = sizeof reply.status + (has_body ? sizeof reply.statistics : 0);
    if (how == REFUSE || how == REFUSE_UNTERMINATED) {
        bytes = sizeof reply.status;
        reply.status.error = NOM_CONTROL_EVALUE;
        memset(reply.status.text, 'x', how == REFUSE ? 3 : sizeof reply.status.text);
    }
    reply.header.magic ^= how == WRONG_MAGIC;
    reply.header.version = (uint16_t)(reply.header.version + (how == WRONG_VERSION));
    reply.header.type = (uint16_t)(reply.header.type + (how == WRONG_TYPE));
    reply.header.tag += how == WRONG_TAG;
    reply.header.payload_bytes = (uint32_t)(how == TOO_SHORT         ? bytes - 1
                                            : how == TOO_LONG        ? bytes + 1
                                            : how == HUGE_SIZE       ? 0xffffffffu
                                            : how == OK_WITHOUT_BODY ? sizeof reply.status
                                                                     : bytes);
    bytes += sizeof reply.header;
    for (size_t at = 0; how == DRIP && at < bytes; at++) {
        if (send(fd, (char *)&reply + at, 1, MSG_NOSIGNAL) != 1)
            _exit(0);
        usleep(20000);
    }
    if (how == CLOSE)
        _exit(0);
    if (how == SILENT)
        pause();
    if (send(fd, &reply, how == CUT_SHORT ? bytes - 1 : bytes, MSG_NOSIGNAL) < 0 ||
        how == CUT_SHORT)
        _exit(0);
}

static struct server serve(enum behaviour how) {
    struct server server = {
        .address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t bytes = sizeof server.address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&server.address, bytes), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&server.address, &bytes), 0);
    server.pid = fork();
    if (server.pid == 0) {
        int peer = accept(fd, NULL, NULL);
        for (;;)
            answer(peer, how);
    }
    close(fd);
    return server;
}

static void end(struct server *server) {
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
}

static void test_answers(void **state) {
    struct server server = serve(ANSWER);
    struct nom_statistics statistics;
    struct nom_utility utility = {.kind = NOM_UTILITY_SIMPLE};
    char why[200], *table = calloc(1, NOM_CONTROL_PAYLOAD_MAX + 1);
    int fd = control_connect(&server.address, 10, why, sizeof why);

    (void)state;
    assert_true(fd >= 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(control_statistics(fd, &statistics, why, sizeof why), 0);
        assert_int_equal(statistics.requests, 42);
        assert_int_equal(control_delay(fd, 8, NOM_KICK_NATURAL, why, sizeof why), 0);
        assert_int_equal(control_price(fd, 3, why, sizeof why), 0);
        assert_int_equal(control_utility(fd, &utility, why, sizeof why), 0);
        assert_int_equal(control_table(fd, table, NOM_CONTROL_PAYLOAD_MAX, why, sizeof why), 0);
    }
    assert_int_equal(control_table(fd, table, NOM_CONTROL_PAYLOAD_MAX + 1, why, sizeof why), -1);
    assert_int_equal(control_statistics(fd, &statistics, why, sizeof why), 0);
    close(fd);
    free(table);
    end(&server);
}

static void test_refusals(void **state) {
    static const enum behaviour refusals[] = {REFUSE, REFUSE_UNTERMINATED};
    struct nom_statistics statistics;
    char why[200];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct server server = serve(refusals[i]);
        int fd = control_connect(&server.address, 10, why, sizeof why);
        assert_true(fd >= 0);
        for (int k = 0; k < 2; k++) { /* the socket stays good */
            assert_int_equal(control_delay(fd, 8, NOM_KICK_NATURAL, why, sizeof why), -1);
            assert_non_null(strstr(why, "refused: xxx"));
            assert_int_equal(control_statistics(fd, &statistics, why, sizeof why), -1);
            assert_non_null(strstr(why, "refused: xxx"));
        }
        close(fd);
        end(&server);
    }
}

static void test_malformed(void **state) {
    static const struct {
        enum behaviour how;
        const char *why;
    } cases[] = {
        {WRONG_MAGIC, "no nom control port"},
        {WRONG_VERSION, "no nom control port"},
        {WRONG_TYPE, "malformed"},
        {WRONG_TAG, "malformed"},
        {TOO_SHORT, "malformed"},
        {TOO_LONG, "malformed"},
        {HUGE_SIZE, "malformed"},
        {OK_WITHOUT_BODY, "malformed"},
        {CUT_SHORT, "closed"},
        {CLOSE, "closed"},
    };
    struct nom_statistics statistics;
    char why[200];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct server server = serve(cases[i].how);
        int fd = control_connect(&server.address, 10, why, sizeof why);
        assert_true(fd >= 0);
        assert_int_equal(control_statistics(fd, &statistics, why, sizeof why), -1);
        if (!strstr(why, cases[i].why))
            fail_msg("case %zu said: %s", i, why);
        close(fd);
        end(&server);
    }
}

/* Time is bounded for the request as a whole: a byte now and then does not prolong it. The drip
 * would take 9 s to be whole. */
static void test_late(void **state) {
    static const enum behaviour late[] = {SILENT, DRIP};
    struct nom_statistics statistics;
    char why[200];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct server server = serve(late[i]);
        int fd = control_connect(&server.address, 0.3, why, sizeof why);
        assert_true(fd >= 0);
        double begun_s = profiler_now_s();
        assert_int_equal(control_statistics(fd, &statistics, why, sizeof why), -1);
        assert_non_null(strstr(why, "in time"));
        assert_true(profiler_now_s() - begun_s >= 0.25);
        close(fd);
        end(&server);
    }
}

static void test_no_server(void **state) {
    int held;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)profiler_port_hold(&held))};
    char why[200];

    (void)state;
    assert_int_equal(control_connect(&address, 5, why, sizeof why), -1);
    assert_non_null(strstr(why, "no control port at 127.0.0.1:"));
    close(held);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),   cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_malformed), cmocka_unit_test(test_late),
        cmocka_unit_test(test_no_server),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
