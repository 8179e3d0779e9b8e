/*
 * Lists the initrd's files: path, bytes, and a sum of their bytes; `files PATH` prints one. Their
 * addresses for devices must be those the kernel says.
 */
#include "check.h"
#include "runtime/platform/nom/call.h"

int plat_main(int argc, char **argv) {
    const void *data;
    const char *path;
    size_t bytes;
    if (argc > 1) {
        if (plat_file(argv[1], &data, &bytes) < 0) {
            plat_log("files: no %s", argv[1]);
            return 1;
        }
        plat_log("files: %s: %.*s", argv[1], (int)bytes, (const char *)data);
        return 0;
    }
    for (size_t i = 0; (path = plat_file_next(i, &data, &bytes)); i++) {
        uint64_t sum = 0, physical = 0;
        for (size_t b = 0; b < bytes; b++)
            sum += ((const uint8_t *)data)[b];
        plat_log("file %s %zu %llu", path, bytes, (unsigned long long)sum);
        CHECK(plat_call(NOM_SYS_QUERY, NOM_QUERY_PHYSICAL, (uint64_t)data, (uint64_t)&physical) ==
              0);
        CHECK(plat_dma_address(data) == physical);
    }
    return check_end("files");
}
