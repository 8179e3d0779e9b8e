/*
 * The floor but for memory, files and NIC: clock, log, entropy, the end.
 */
#include "runtime/platform/memory/floor.h"
#include "runtime/platform/platform.h"
#include "runtime/platform/shared/shared.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t memory_now_tsc = MEMORY_FIRST_TSC;

static struct nom_board board;
static struct nom_prices prices;
static struct memory_settings settings;
static char text[MEMORY_LOG_MAX + 1];
static size_t text_bytes;
static uint64_t entropy;

int memory_start(const struct memory_settings *s) {
    settings = *s;
    entropy = s->seed;
    plat_clock_start(MEMORY_TSC_HZ);
    board = (struct nom_board){.magic = NOM_BOARD_MAGIC,
                               .version = NOM_BOARD_VERSION,
                               .tsc_hz = MEMORY_TSC_HZ,
                               .entry_tsc = memory_now_tsc,
                               .cores = 1};
    memory_dma_start(s->dma_bytes_max);
    if (memory_files_start(s) != 0)
        return -1;
    return memory_nic_start(&s->nic);
}

const struct nom_board *plat_board(void) {
    return &board;
}

uint64_t plat_wall_ns(void) {
    return MEMORY_FIRST_WALL_NS + plat_tsc_to_ns(memory_now_tsc - MEMORY_FIRST_TSC);
}

const struct nom_prices *plat_prices(void) {
    return &prices;
}

struct nom_prices *plat_prices_own(void) {
    return &prices;
}

void plat_prices_notify(void) {}

/* Nobody else would move the clock: it is a floor that can only poll. */
void plat_wait(uint32_t most_us) {
    (void)most_us;
}

void plat_notify(void) {}

/* One core is all there is: a run is its seed. */
unsigned plat_core_index(void) {
    return 0;
}

int plat_core_start(void (*run)(void *argument), void *argument) {
    (void)run;
    (void)argument;
    return -1;
}

void plat_core_notify(unsigned core) {
    (void)core;
}

bool plat_asked_to_end(void) {
    return settings.turn && settings.turn(settings.context);
}

/* Sequence: splitmix64. */
uint64_t plat_entropy(void) {
    uint64_t z = entropy += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

void plat_print(const char *line, size_t bytes) {
    if (settings.log_to_stderr)
        fwrite(line, 1, bytes, stderr);
    size_t room = MEMORY_LOG_MAX - text_bytes;
    size_t kept = bytes < room ? bytes : room;
    memcpy(text + text_bytes, line, kept);
    text_bytes += kept;
}

const char *memory_log(void) {
    return text;
}

/* Success ends the process as exit does; a failure is a bug when it happens in a test, and aborts,
 * so that a debugger or a fuzzer sees where. */
void plat_exit(int status) {
    if (status == 0)
        exit(0);
    fprintf(stderr, "%s", text);
    memory_broken("the app ended with a failure");
}

void memory_broken(const char *what) {
    fprintf(stderr, "platform/memory: %s\n", what);
    abort();
}
