/* The archives that the profiler writes, read back as kernels and apps read them (abi/cpio.h). */
#include "profiler/cpio.h"
#include "runtime/abi/cpio.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define BYTES_MAX 65536

static unsigned char archive[BYTES_MAX], again[BYTES_MAX];

static size_t contents(int fd, unsigned char *bytes) {
    ssize_t n = pread(fd, bytes, BYTES_MAX, 0);
    assert_true(n > 0 && n < BYTES_MAX);
    return (size_t)n;
}

/* A folder, and files of 0 to 9 bytes: every padding of names and data. */
static size_t write_archive(unsigned char *bytes) {
    struct profiler_cpio c;
    char name[32];
    int fd = memfd_create("cpio", MFD_CLOEXEC);
    assert_true(fd >= 0);
    profiler_cpio_begin(&c, fd);
    profiler_cpio_folder(&c, "d");
    for (size_t i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "d/%.*s", (int)i + 1, "abcdefghij");
        profiler_cpio_file(&c, name, 0640, "0123456789", i);
    }
    assert_int_equal(profiler_cpio_end(&c), 0);
    size_t n = contents(fd, bytes);
    close(fd);
    return n;
}

static void read_back(void **state) {
    (void)state;
    struct nom_cpio_entry e;
    uint64_t at = 0;
    size_t n = write_archive(archive);
    assert_int_equal(n % 4, 0);
    assert_int_equal(nom_cpio_next(archive, n, &at, &e), 1);
    assert_string_equal(e.name, "d");
    assert_int_equal(e.mode, 0040755);
    assert_int_equal(e.bytes, 0);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(nom_cpio_next(archive, n, &at, &e), 1);
        assert_int_equal(strlen(e.name), 2 + i + 1);
        assert_memory_equal(e.name, "d/abcdefghij", 2 + i + 1);
        assert_int_equal(e.mode, NOM_CPIO_TYPE_FILE | 0640);
        assert_int_equal(e.bytes, i);
        assert_memory_equal(e.data, "0123456789", i);
    }
    assert_int_equal(nom_cpio_next(archive, n, &at, &e), 0);
}

static void same_bytes(void **state) {
    (void)state;
    size_t n = write_archive(archive);
    assert_int_equal(write_archive(again), n);
    assert_memory_equal(archive, again, n);
}

/* GNU cpio is of another mind than we about nothing. */
static void cpio_reads_it(void **state) {
    (void)state;
    char path[] = "/tmp/nom-cpio.XXXXXX", command[100], line[64];
    size_t n = write_archive(archive), lines = 0;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, archive, n), n);
    close(fd);
    snprintf(command, sizeof command, "cpio --quiet -it <%s 2>&1", path);
    FILE *out = popen(command, "r");
    assert_non_null(out);
    while (fgets(line, sizeof line, out)) {
        assert_int_equal(line[0], 'd');
        lines++;
    }
    assert_int_equal(pclose(out), 0);
    unlink(path);
    assert_int_equal(lines, 11);
}

static void copies(void **state) {
    (void)state;
    struct profiler_cpio c;
    struct nom_cpio_entry e;
    char path[] = "/tmp/nom-cpio.XXXXXX";
    uint64_t at = 0;
    int fd = memfd_create("cpio", MFD_CLOEXEC), file = mkstemp(path);
    assert_true(fd >= 0 && file >= 0);
    assert_int_equal(write(file, "content", 7), 7);
    close(file);
    profiler_cpio_begin(&c, fd);
    profiler_cpio_copy(&c, "it", 0755, path);
    unlink(path);
    assert_int_equal(profiler_cpio_end(&c), 0);
    size_t n = contents(fd, archive);
    assert_int_equal(nom_cpio_next(archive, n, &at, &e), 1);
    assert_string_equal(e.name, "it");
    assert_int_equal(e.bytes, 7);
    assert_memory_equal(e.data, "content", 7);
    close(fd);
}

/* The first error is told at the end. */
static void errors(void **state) {
    (void)state;
    struct profiler_cpio c;
    int fd = memfd_create("cpio", MFD_CLOEXEC);
    profiler_cpio_begin(&c, fd);
    profiler_cpio_copy(&c, "none", 0644, "/nonexistent/file");
    profiler_cpio_folder(&c, "d");
    assert_int_equal(profiler_cpio_end(&c), -ENOENT);
    close(fd);
    fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    profiler_cpio_begin(&c, fd);
    profiler_cpio_folder(&c, "d");
    assert_int_equal(profiler_cpio_end(&c), -ENOSPC);
    close(fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_back), cmocka_unit_test(same_bytes), cmocka_unit_test(cpio_reads_it),
        cmocka_unit_test(copies),    cmocka_unit_test(errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
