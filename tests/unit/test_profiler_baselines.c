/*
 * Programs of this machine as baselines: their libraries, a guest's archive with them, when they
 * listen, and those that have to be started again and again. And Debian's own, where they are
 * installed, for a trial each.
 */
#include "profiler/cpio.h"
#include "profiler/internal.h"
#include "profiler/libraries.h"
#include "runtime/abi/cpio.h"
#include <arpa/inet.h>
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define BYTES_MAX (1u << 20)

static char folder[] = "/tmp/nom-baselines.XXXXXX";
static char why[400];

static const char *in_folder(const char *name) {
    static char path[4][128];
    static unsigned next;
    char *to = path[next++ % 4];
    snprintf(to, sizeof path[0], "%s/%s", folder, name);
    return to;
}

static void put(const char *name, const void *bytes, size_t n, mode_t mode) {
    FILE *file = fopen(in_folder(name), "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(in_folder(name), mode), 0);
}

/* A program that asks for this loader; NULL: for none. */
static void put_program(const char *name, const char *loader) {
    struct {
        Elf64_Ehdr header;
        Elf64_Phdr segment;
        char loader[128];
    } program = {
        .header = {.e_machine = EM_X86_64,
                   .e_phoff = sizeof(Elf64_Ehdr),
                   .e_phnum = 1,
                   .e_phentsize = sizeof(Elf64_Phdr)},
        .segment = {.p_type = PT_LOAD,
                    .p_offset = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr),
                    .p_filesz = sizeof program.loader},
    };
    memcpy(program.header.e_ident, ELFMAG, SELFMAG);
    if (loader) {
        program.segment.p_type = PT_INTERP;
        snprintf(program.loader, sizeof program.loader, "%s", loader);
    }
    put(name, &program, sizeof program, 0755);
}

/* A loader that lists these words. */
static void put_loader(const char *list) {
    char script[4096];
    snprintf(script, sizeof script,
             "#!/bin/sh\n[ \"$1\" = --list ] || exit 9\ncat <<'END'\n%sEND\n", list);
    put("loader", script, strlen(script), 0755);
}

static int setup(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static void libraries_of_this_program(void **state) {
    struct profiler_libraries l;
    char path[512];
    bool has_libc = false;

    (void)state;
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    assert_true(n > 0);
    path[n] = '\0';
    if (profiler_libraries_find(path, &l, why, sizeof why) != 0)
        fail_msg("%s", why);
    assert_int_equal(access(l.loader, X_OK), 0);
    for (size_t i = 0; i < l.count; i++) {
        assert_int_equal(access(l.file[i], R_OK), 0);
        has_libc |= strstr(l.file[i], "/libc.so.6") != NULL;
    }
    assert_true(has_libc);
}

static void refused(const char *name, const char *words) {
    struct profiler_libraries l;
    assert_int_equal(profiler_libraries_find(in_folder(name), &l, why, sizeof why), -1);
    if (!strstr(why, words))
        fail_msg("expected '%s' in: %s", words, why);
}

static void libraries_as_the_loader_lists_them(void **state) {
    struct profiler_libraries l;
    char text[4096] = "";

    (void)state;
    put_program("program", in_folder("loader"));
    put_loader("\tlinux-vdso.so.1 (0x1)\n\tlibb.so.1 => /b/libb.so.1 (0x2)\n"
               "\tliba.so => /a/liba.so (0x3)\n\t/lib64/ld.so (0x4)\n");
    assert_int_equal(profiler_libraries_find(in_folder("program"), &l, why, sizeof why), 0);
    assert_string_equal(l.loader, in_folder("loader"));
    assert_int_equal(l.count, 2);
    assert_string_equal(l.file[0], "/b/libb.so.1");
    assert_string_equal(l.file[1], "/a/liba.so");
    put_program("static", NULL);
    assert_int_equal(profiler_libraries_find(in_folder("static"), &l, why, sizeof why), 0);
    assert_string_equal(l.loader, "");
    assert_int_equal(l.count, 0);

    put_loader("\tliba.so => not found\n");
    refused("program", "needs liba.so, which is not there");
    for (unsigned i = 0; i <= PROFILER_LIBRARIES_MAX; i++)
        strcat(text, "\tl => /l (0)\n");
    put_loader(text);
    refused("program", "more than 32 libraries");
    static const char fails[] = "#!/bin/sh\necho no good\nexit 1\n";
    put("loader", fails, strlen(fails), 0755);
    refused("program", "no good");
    put_program("program", "relative");
    refused("program", "names no loader");
    put_program("program", "/nonexistent/ld.so");
    refused("program", "/nonexistent/ld.so cannot be started");
    put("script", "#!/bin/sh\n", 10, 0755);
    refused("script", "no program for this machine");
    refused("none", "No such file");
}

static struct nom_cpio_entry entry_of(const unsigned char *bytes, size_t n, const char *name) {
    struct nom_cpio_entry e;
    uint64_t at = 0;
    while (nom_cpio_next(bytes, n, &at, &e) > 0)
        if (strcmp(e.name, name) == 0)
            return e;
    fail_msg("no %s in the archive", name);
    return e;
}

/* As much of a Linux as is looked at, with all modules built in. */
static void put_linux(void) {
    static char image[4096];
    memset(image, 0, sizeof image);
    memcpy(image + 0x202, "HdrS", 4);
    image[0x20f] = 4;
    strcpy(image + 0x600, "6.1.0 (someone)");
    put("vmlinuz", image, sizeof image, 0644);
    put("modules.dep", "", 0, 0644);
    put("modules.builtin", "k/virtio_pci.ko\nk/virtio_net.ko\n", 32, 0644);
    put_program("busybox", NULL);
    setenv("NOM_LINUX", folder, 1);
}

static void archive_of(const char *app, unsigned char *bytes, size_t *n, char init[8192]) {
    struct profiler_guest guest = {.fd = -1};
    struct profiler_paths paths = {.app = profiler_app_find(app)};
    struct trial_settings settings = {.network = "tap"};
    struct nom_cpio_entry e;

    snprintf(settings.app, sizeof settings.app, "%s", app);
    settings.traffic = paths.app->traffic;
    snprintf(paths.kernel, sizeof paths.kernel, "%s", in_folder("nom.elf"));
    snprintf(paths.linux_guest, sizeof paths.linux_guest, "%s", in_folder("program"));
    if (profiler_linux_compose(&paths, &settings, &guest, why, sizeof why) != 0)
        fail_msg("%s", why);
    ssize_t got = pread(guest.fd, bytes, BYTES_MAX, 0);
    close(guest.fd);
    assert_true(got > 0);
    *n = (size_t)got;
    e = entry_of(bytes, *n, "init");
    memcpy(init, e.data, e.bytes);
    init[e.bytes] = '\0';
}

static void has(const char *text, const char *part) {
    if (!strstr(text, part))
        fail_msg("no '%s' in: %s", part, text);
}

static void guest_with_libraries(void **state) {
    static unsigned char bytes[BYTES_MAX];
    char init[8192], list[256];
    size_t n;

    (void)state;
    put_linux();
    put_program("program", in_folder("loader"));
    put("libx.so.1", "library", 7, 0644);
    snprintf(list, sizeof list, "\tlibx.so.1 => %s (0x1)\n", in_folder("libx.so.1"));
    put_loader(list);
    archive_of("memcached", bytes, &n, init);
    assert_memory_equal(entry_of(bytes, n, "lib64/libx.so.1").data, "library", 7);
    entry_of(bytes, n, in_folder("loader") + 1);
    entry_of(bytes, n, "tmp");
    entry_of(bytes, n, folder + 1);
    entry_of(bytes, n, "app/memcached");
    assert_memory_equal(entry_of(bytes, n, "etc/passwd").data, "root:x:0:0:", 11);
    assert_memory_equal(entry_of(bytes, n, "etc/protocols").data, "tcp 6 TCP", 9);
    has(init, "export LD_LIBRARY_PATH=/lib64\n"
              "/app/memcached -p 11211 -U 0 -t 1 -m 256 -c 4096 -u root -l 10.77.0.2 &\n");
    has(init, "grep -q ':2BCB 00000000:0000 0A' /proc/net/tcp");
    has(init, "echo 'memcached: ready'\nwait $app\nend\n");
    archive_of("netpipe", bytes, &n, init);
    has(init, "\nwhile /app/netpipe -l 1024 -u 1024 -p 0; do :; done &\n");
    has(init, "grep -q ':138A 00000000:0000 0A' /proc/net/tcp");
}

static void listening(void **state) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    (void)state;
    assert_int_equal(bind(fd, (struct sockaddr *)&address, bytes), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &bytes), 0);
    assert_false(profiler_listens(getpid(), ntohs(address.sin_port)));
    assert_int_equal(listen(fd, 1), 0);
    assert_true(profiler_listens(getpid(), ntohs(address.sin_port)));
    close(fd);
    assert_false(profiler_listens(getpid(), ntohs(address.sin_port)));
    assert_false(profiler_listens(-1, 80));
}

/* Lines that have come out of it, as soon as there are so many. */
static void await_lines(int fd, size_t lines) {
    double until_s = profiler_now_s() + 60;
    char c;

    while (lines > 0 && profiler_now_s() < until_s) {
        if (read(fd, &c, 1) != 1)
            usleep(1000);
        else
            lines -= c == '\n';
    }
    assert_int_equal(lines, 0);
}

static pid_t start_again(const char *script, int *output) {
    const char *argv[] = {"/bin/sh", "-c", script, NULL};
    const struct profiler_spawn spawn = {.argv = argv, .core = -1, .again = true};
    pid_t pid = profiler_spawn(&spawn, output, why, sizeof why);

    if (pid <= 0)
        fail_msg("%s", why);
    return pid;
}

static void started_again(void **state) {
    const char *none[] = {"/nonexistent/program", NULL};
    const struct profiler_spawn missing = {.argv = none, .core = -1, .again = true};
    int output, status;

    (void)state;
    /* What it leaves behind would become this process's child. */
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    pid_t pid = start_again("echo line", &output);
    await_lines(output, 5);
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(output);
    pid = start_again("echo line; exec sleep 100", &output);
    await_lines(output, 1);
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    close(output);
    pid = start_again("exit 3", &output);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    close(output);
    assert_int_equal(profiler_spawn(&missing, &output, why, sizeof why), -1);
    assert_non_null(strstr(why, "/nonexistent/program cannot be started: No such file"));
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
}

/* A trial with Debian's own program in the app's place; skipped where that or a veth is missing. */
static void debian(const char *app) {
    struct profiler_paths paths = {.app = profiler_app_find(app)};
    struct trial_settings settings;
    struct trial t;
    struct profiler_probe veth;

    profiler_probe("veth", &veth);
    if (profiler_find_tool(paths.app->baseline.program, "", paths.sockets, sizeof paths.sockets) !=
            0 ||
        !veth.works || veth.user_namespace)
        skip();
    profiler_settings_default(&paths, app, profiler_floor_find("host"), "none", &settings);
    settings.connections = 1;
    settings.warmup_seconds = 0.1;
    settings.seconds = 0.3;
    settings.spinner = false;
    /* A busy machine may not let us look while the client records: then it is noisy, and shows no
     * use. */
    bool looked = false;
    for (int tries = 0; tries < 10 && !looked; tries++) {
        profiler_trial(&paths, &settings, &t, NULL);
        if (t.result.status != TRIAL_OK && t.result.status != TRIAL_NOISY)
            fail_msg("%s: %s", app, t.result.error);
        assert_true(t.result.replies > 0 && t.result.errors == 0);
        looked = t.result.guest_cpu_s_per_s > 0;
        trial_clear(&t);
    }
    assert_true(looked);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void debians_memcached(void **state) {
    (void)state;
    debian("memcached");
}

static void debians_nptcp(void **state) {
    (void)state;
    debian("netpipe");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(libraries_of_this_program),
        cmocka_unit_test(libraries_as_the_loader_lists_them),
        cmocka_unit_test(guest_with_libraries),
        cmocka_unit_test(listening),
        cmocka_unit_test(started_again),
        cmocka_unit_test(debians_memcached),
        cmocka_unit_test(debians_nptcp),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
