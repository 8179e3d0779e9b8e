/*
 * From main to plat_main and back, as a Linux process:
 *
 *   NAME [--interface IFACE] [--initrd FILE] [--board FILE] [-- APP-ARGUMENTS]
 *
 * What stands before "--" is the floor's, what stands behind it is the app's. SIGTERM and SIGINT
 * ask the app to end; what it prints then, and what exit() runs, still comes.
 */
#include "floor.h"
#include "runtime/abi/cpio.h"
#include "runtime/abi/syscall.h"
#include "runtime/platform/platform.h"
#include "runtime/platform/shared/shared.h"
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATUS_USAGE  2
#define STATUS_FAILED 1

static const char *name;
static volatile sig_atomic_t asked_to_end;

static _Noreturn __attribute__((format(printf, 2, 3))) void die(int status, const char *format,
                                                                ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s: ", name);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(status);
}

void plat_print(const char *line, size_t bytes) {
    while (bytes > 0) {
        ssize_t written = write(STDOUT_FILENO, line, bytes);
        if (written < 0 && errno != EINTR)
            return;
        if (written > 0) {
            line += written;
            bytes -= (size_t)written;
        }
    }
}

void plat_exit(int status) {
    if (status < 0 || (unsigned)status > NOM_EXIT_STATUS_MAX)
        status = NOM_EXIT_STATUS_MAX;
    exit(status);
}

bool plat_asked_to_end(void) {
    return asked_to_end != 0;
}

static void on_signal(int signal_number) {
    (void)signal_number;
    asked_to_end = 1;
    plat_notify();
}

static void take_signals(void) {
    struct sigaction end = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGTERM, &end, NULL);
    sigaction(SIGINT, &end, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
}

static void start_files(const char *path) {
    struct nom_cpio_entry entry;
    const void *archive;
    uint64_t bytes, at = 0;
    if (!path)
        return;
    int error = plat_memory_map_file(path, &archive, &bytes);
    if (error)
        die(STATUS_USAGE, "--initrd %s: %s", path, strerror(-error));
    if (nom_cpio_next(archive, bytes, &at, &entry) < 0)
        die(STATUS_USAGE, "--initrd %s: not a cpio archive", path);
    plat_files_start(archive, bytes);
}

static _Noreturn void help(void) {
    printf("Usage: %s [--interface IFACE] [--initrd FILE] [--board FILE] [-- APP-ARGUMENTS]\n"
           "Runs the app in this process, with its own network stack.\n\n"
           "  --interface IFACE  the Ethernet interface whose frames it takes and sends, under an\n"
           "                     address of its own; needs CAP_NET_RAW (unshare -rn gives it)\n"
           "  --initrd FILE      cpio archive of the files it serves\n"
           "  --board FILE       the page of prices, that whoever publishes them names too\n"
           "  --                 what follows is the app's own\n",
           name);
    exit(0);
}

int main(int argc, char **argv) {
    uint64_t entry_tsc = plat_now_tsc();
    const char *initrd = NULL, *prices = NULL;
    int at = 1, error;
    name = program_invocation_short_name;
    for (; at < argc && strcmp(argv[at], "--") != 0; at += 2) {
        if (strcmp(argv[at], "--help") == 0)
            help();
        bool is_interface = strcmp(argv[at], "--interface") == 0;
        bool is_initrd = strcmp(argv[at], "--initrd") == 0;
        if (!is_interface && !is_initrd && strcmp(argv[at], "--board") != 0)
            die(STATUS_USAGE, "no option %s before -- (--interface --initrd --board --help)",
                argv[at]);
        if (at + 1 == argc || strcmp(argv[at + 1], "--") == 0)
            die(STATUS_USAGE, "option %s has no value", argv[at]);
        if (is_interface)
            plat_nic_start(argv[at + 1]);
        else
            *(is_initrd ? &initrd : &prices) = argv[at + 1];
    }
    if ((error = plat_wait_start()) != 0)
        die(STATUS_FAILED, "cannot wait: %s", strerror(-error));
    if ((error = plat_prices_start(prices)) != 0)
        die(STATUS_USAGE, "--board %s: %s", prices ? prices : "", strerror(-error));
    take_signals();
    if (!plat_clock_is_invariant())
        fprintf(stderr, "%s: this processor's time-stamp counter may change its pace\n", name);
    plat_clock_start(plat_clock_measure_hz());
    start_files(initrd);
    if ((error = plat_board_start(entry_tsc)) != 0)
        die(STATUS_FAILED, "no memory for the board: %s", strerror(-error));
    if (at == argc) /* no "--": no arguments of the app */
        at--;
    argv[at] = (char *)name;
    plat_exit(plat_main(argc - at, argv + at));
}
