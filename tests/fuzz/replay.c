/*
 * Feeds files to a fuzzer's test, one after another: for runs without clang, and for coverage.
 *
 *   replay_NAME FILE|DIR...
 */
#include "tests/fuzz/fuzz.h"
#include <dirent.h>
#include <sys/stat.h>

#define INPUT_BYTES_MAX (1u << 20)

static unsigned long replayed;

static void replay(const char *path) {
    struct stat st;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        DIR *dir = opendir(path);
        for (struct dirent *entry; dir && (entry = readdir(dir));) {
            char below[4096];
            if (entry->d_name[0] == '.')
                continue;
            snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
            replay(below);
        }
        if (dir)
            closedir(dir);
        return;
    }
    uint8_t *data = malloc(INPUT_BYTES_MAX);
    FILE *f = fopen(path, "rb");
    if (!f || !data) {
        perror(path);
        exit(1);
    }
    size_t size = fread(data, 1, INPUT_BYTES_MAX, f);
    fclose(f);
    uint8_t *input = fuzz_copy(data, size);
    free(data);
    LLVMFuzzerTestOneInput(input, size);
    free(input);
    replayed++;
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        replay(argv[i]);
    printf("%lu inputs\n", replayed);
    return replayed == 0;
}
