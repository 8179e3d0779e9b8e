/*
 * Writes the seeds that are not text, from the layouts in force:
 *
 *   seeds DIR      writes DIR/control/NAME and DIR/table/NAME
 *
 * What it writes is committed; a test sees that it is what the program writes.
 */
#include "runtime/abi/control.h"
#include "tests/unit/sample_table.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned char buffer[4096];
static size_t length;

static void put(const void *bytes, size_t n) {
    memcpy(buffer + length, bytes, n);
    length += n;
}

static void put_message(uint16_t type, const void *payload, uint32_t n) {
    struct nom_control_header h = {.magic = NOM_CONTROL_MAGIC,
                                   .version = NOM_CONTROL_VERSION,
                                   .type = type,
                                   .payload_bytes = n,
                                   .tag = 0x61626364};
    put(&h, sizeof h);
    put(payload, n);
}

/* Ends the seed with its decisions (fuzz.h). */
static void write_seed(const char *dir, const char *name, const char *decisions, size_t n) {
    char path[4096];
    char count = (char)('@' + n);
    put(decisions, n);
    put(&count, 1);
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(buffer, 1, length, f) != length || fclose(f) != 0) {
        perror(path);
        exit(1);
    }
    length = 0;
}

static void control_seeds(const char *dir) {
    const struct nom_control_delay delay = {12.5, NOM_KICK_STRICT, 0};
    struct nom_control_price price = {.count = 2,
                                      .use_id = {NOM_USE_GBIT_OUT_PER_S, NOM_USE_CPU_S_PER_S},
                                      .price_usd = {8.0, 0.5}};
    struct nom_utility utility = econ_utility_default(NOM_UTILITY_BONUS);
    struct sample_table table = sample_table();

    put_message(NOM_CONTROL_STATISTICS, "", 0);
    put_message(NOM_CONTROL_DELAY, &delay, sizeof delay);
    put_message(NOM_CONTROL_STATISTICS, "", 0);
    write_seed(dir, "control/delay", "\0\5\21", 3);

    put_message(NOM_CONTROL_TABLE, &table, table.header.file_bytes);
    put_message(NOM_CONTROL_PRICE, &price, sizeof price);
    put_message(NOM_CONTROL_UTILITY, &utility, sizeof utility);
    put_message(NOM_CONTROL_STATISTICS, "", 0);
    write_seed(dir, "control/table", "\3\300\1", 3);

    price.use_id[1] = 9;
    put_message(NOM_CONTROL_UTILITY, &utility, sizeof utility);
    put_message(NOM_CONTROL_PRICE, &price, sizeof price);
    put_message(77, "payload", 7);
    table.row[1].use[1] = NAN;
    put_message(NOM_CONTROL_TABLE, &table, table.header.file_bytes);
    write_seed(dir, "control/refused", "\0\1\7", 3);

    put_message(NOM_CONTROL_DELAY, &delay, sizeof delay - 1);
    write_seed(dir, "control/short", "\0\20", 2);
}

static void put_words(const char *words) {
    unsigned char n = (unsigned char)strlen(words);
    put(&n, 1);
    put(words, n);
}

static void table_seeds(const char *dir) {
    struct sample_table table = sample_table();

    put_words("penalty:alpha=20,x=100,l0_us=750");
    put(&table, table.header.file_bytes);
    write_seed(dir, "table/sample", "\1\1\20\1\10\62\3\1\100\2", 10);

    put_words("bonus:gamma=0.01,delta=inf");
    put(&table.header, sizeof table.header);
    put(table.row, sizeof table.row[0]);
    write_seed(dir, "table/one-row", "\1\3\377\377\377\377\377\377\357\177", 10);

    put_words("simple:alpha=1e400");
    memset(table.header.app, 'a', sizeof table.header.app);
    table.row[2].connections = 0.5;
    put(&table, table.header.file_bytes);
    write_seed(dir, "table/refused", "\0", 1);

    put_words("refund");
    put(&table, sizeof table.header - 8);
    write_seed(dir, "table/cut", "\0", 1);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: seeds DIR\n");
        return 2;
    }
    control_seeds(argv[1]);
    table_seeds(argv[1]);
    return 0;
}
