/* Names, the files packed with the app, /tmp, devices, and what is mapped of them. */
#include "runtime/abi/cpio.h"
#include "runtime/platform/shared/shared.h"
#include "runtime/posix/tree.h"
#include "tests/posix/world.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define CWD         ((long)AT_FDCWD)
#define ARCHIVE_MAX 4096
#define BIG         10000

static char archive[ARCHIVE_MAX];
static size_t archive_bytes;
static char big[BIG];

static void pad(void) {
    while (archive_bytes % 4)
        archive[archive_bytes++] = '\0';
}

static void pack(const char *name, const char *data, unsigned mode) {
    archive_bytes += (size_t)sprintf(archive + archive_bytes,
                                     "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
                                     0u, mode, 0u, 0u, 1u, 0u, (unsigned)strlen(data), 0u, 0u, 0u,
                                     0u, (unsigned)strlen(name) + 1, 0u);
    strcpy(archive + archive_bytes, name);
    archive_bytes += strlen(name) + 1;
    pad();
    memcpy(archive + archive_bytes, data, strlen(data));
    archive_bytes += strlen(data);
    pad();
}

void world_prepare(void) {
    pack("www/index.html", "<p>hello</p>", NOM_CPIO_TYPE_FILE | 0444);
    pack("www/deep/er/x", "x", NOM_CPIO_TYPE_FILE | 0444);
    pack("./etc/hosts", "10.0.0.1 us\n", NOM_CPIO_TYPE_FILE | 0444);
    pack("../escape", "no", NOM_CPIO_TYPE_FILE | 0444);
    pack("www", "a file where a directory is", NOM_CPIO_TYPE_FILE | 0444);
    pack("TRAILER!!!", "", 0);
    plat_files_start(archive, archive_bytes);
}

static long open_at(const char *path, long flags) {
    return CALL(openat, CWD, TEXT(path), flags, 0644);
}

static const char *content(const char *path) {
    static char text[256];
    long fd = open_at(path, O_RDONLY);
    assert_true(fd >= 0);
    long got = CALL(read, fd, (long)text, sizeof text - 1);
    assert_true(got >= 0);
    text[got] = '\0';
    CALL(close, fd);
    return text;
}

static long size_of(const char *path) {
    struct stat s;
    long error = CALL(newfstatat, CWD, TEXT(path), (long)&s, 0);
    return error ? error : s.st_size;
}

static void put(const char *path, const char *text) {
    long fd = open_at(path, O_WRONLY | O_CREAT | O_TRUNC);
    assert_true(fd >= 0);
    assert_int_equal(CALL(write, fd, TEXT(text), (long)strlen(text)), strlen(text));
    CALL(close, fd);
}

static void packed_files_are_there_for_reading(void **state) {
    (void)state;
    assert_string_equal(content("/www/index.html"), "<p>hello</p>");
    assert_string_equal(content("www/deep/er/x"), "x");
    assert_string_equal(content("/etc/hosts"), "10.0.0.1 us\n"); /* instead of ours */
    assert_non_null(strstr(content("/etc/passwd"), "nobody"));
    assert_int_equal(open_at("/www/index.html", O_RDWR), -EROFS);
    assert_int_equal(open_at("/www/new", O_WRONLY | O_CREAT), -EROFS);
    assert_int_equal(open_at("/www/none", O_RDONLY), -ENOENT);
    assert_int_equal(open_at("/escape", O_RDONLY), -ENOENT);
    assert_int_equal(open_at("/www", O_RDWR), -EISDIR);
    assert_int_equal(CALL(unlinkat, CWD, TEXT("/www/index.html"), 0), -EROFS);
    assert_int_equal(CALL(fchmodat, CWD, TEXT("/www/index.html"), 0600), -EROFS);
    assert_int_equal(CALL(faccessat, CWD, TEXT("/www/index.html"), R_OK, 0), 0);
    assert_int_equal(CALL(faccessat, CWD, TEXT("/www/index.html"), W_OK, 0), -EROFS);
    assert_int_equal(CALL(readlinkat, CWD, TEXT("/www"), (long)big, BIG), -EINVAL);
}

static void paths_lead_where_they_should(void **state) {
    (void)state;
    static char longest[POSIX_PATH_BYTES_MAX + 10];
    assert_int_equal(size_of("/www/deep/../index.html"), 12);
    assert_int_equal(size_of("/../..//www/./deep/../../www/index.html"), 12);
    assert_int_equal(size_of("/www/index.html/"), -ENOTDIR);
    assert_int_equal(size_of("/www/index.html/x"), -ENOTDIR);
    assert_int_equal(size_of("/none/x"), -ENOENT);
    assert_int_equal(size_of(""), -ENOENT);
    memset(longest, 'a', sizeof longest - 1);
    assert_int_equal(size_of(longest), -ENAMETOOLONG);
    longest[300] = '\0';
    assert_int_equal(size_of(longest), -ENAMETOOLONG);
    longest[255] = '\0';
    assert_int_equal(size_of(longest), -ENOENT);
    assert_int_equal(CALL(getcwd, (long)big, BIG), 2);
    assert_string_equal(big, "/");
    assert_int_equal(CALL(chdir, TEXT("/www/deep")), 0);
    assert_int_equal(CALL(getcwd, (long)big, BIG), 10);
    assert_string_equal(big, "/www/deep");
    assert_int_equal(CALL(getcwd, (long)big, 9), -ERANGE);
    assert_string_equal(content("../index.html"), "<p>hello</p>");
    assert_string_equal(content("er/x"), "x");
    assert_int_equal(CALL(chdir, TEXT("../index.html")), -ENOTDIR);
    assert_int_equal(CALL(chdir, TEXT("/")), 0);
    long www = open_at("/www", O_RDONLY | O_DIRECTORY);
    long fd = CALL(openat, www, TEXT("deep/er/x"), O_RDONLY, 0);
    assert_true(fd > www);
    assert_int_equal(CALL(openat, fd, TEXT("x"), O_RDONLY, 0), -ENOTDIR);
    assert_int_equal(CALL(openat, 999, TEXT("x"), O_RDONLY, 0), -EBADF);
    assert_int_equal(open_at("/www/index.html", O_RDONLY | O_DIRECTORY), -ENOTDIR);
    assert_int_equal(CALL(read, www, (long)big, 1), -EISDIR);
    CALL(close, fd);
    CALL(close, www);
}

static void a_file_is_written_read_and_cut(void **state) {
    (void)state;
    char back[BIG];
    struct stat s;
    for (int i = 0; i < BIG; i++)
        big[i] = (char)(i % 251 + 1);
    long fd = open_at("/tmp/a", O_RDWR | O_CREAT | O_EXCL);
    assert_true(fd >= 0);
    assert_int_equal(open_at("/tmp/a", O_RDWR | O_CREAT | O_EXCL), -EEXIST);
    assert_int_equal(CALL(write, fd, (long)big, BIG), BIG);
    assert_int_equal(CALL(pwrite64, fd, (long)big, BIG, 3l * BIG), BIG); /* leaves a hole */
    assert_int_equal(CALL(fstat, fd, (long)&s), 0);
    assert_int_equal(s.st_size, 4 * BIG);
    assert_int_equal(s.st_mode, S_IFREG | 0644);
    assert_int_equal(CALL(pread64, fd, (long)back, BIG, 2l * BIG), BIG);
    assert_true(back[0] == 0 && memcmp(back, back + 1, BIG - 1) == 0);
    assert_int_equal(CALL(lseek, fd, -BIG, SEEK_END), 3 * BIG);
    assert_int_equal(CALL(read, fd, (long)back, BIG), BIG);
    assert_memory_equal(back, big, BIG);
    assert_int_equal(CALL(read, fd, (long)back, BIG), 0);
    assert_int_equal(CALL(ftruncate, fd, 100), 0);
    assert_int_equal(CALL(ftruncate, fd, BIG), 0);
    assert_int_equal(CALL(pread64, fd, (long)back, BIG, 0), BIG);
    assert_memory_equal(back, big, 100);
    assert_true(back[100] == 0 && memcmp(back + 100, back + 101, BIG - 101) == 0);
    assert_int_equal(CALL(lseek, fd, -1, SEEK_SET), -EINVAL);
    long more = open_at("/tmp/a", O_WRONLY | O_APPEND);
    assert_int_equal(CALL(write, more, TEXT("end"), 3), 3);
    assert_int_equal(size_of("/tmp/a"), BIG + 3);
    assert_int_equal(CALL(read, more, (long)back, 1), -EBADF);
    CALL(close, more);
    CALL(close, fd);
    put("/tmp/a", "short");
    assert_string_equal(content("/tmp/a"), "short");
    assert_int_equal(CALL(unlinkat, CWD, TEXT("/tmp/a"), 0), 0);
    assert_int_equal(size_of("/tmp/a"), -ENOENT);
}

static void a_file_without_a_name_stays_while_it_is_open(void **state) {
    (void)state;
    put("/tmp/gone", "still here");
    long fd = open_at("/tmp/gone", O_RDONLY);
    assert_int_equal(CALL(unlinkat, CWD, TEXT("/tmp/gone"), 0), 0);
    put("/tmp/gone", "another");
    assert_int_equal(CALL(read, fd, (long)big, BIG), 10);
    assert_memory_equal(big, "still here", 10);
    struct stat s;
    CALL(fstat, fd, (long)&s);
    assert_int_equal(s.st_nlink, 0);
    CALL(close, fd);
    CALL(unlinkat, CWD, TEXT("/tmp/gone"), 0);
}

static void directories_and_names_change(void **state) {
    (void)state;
    assert_int_equal(CALL(mkdirat, CWD, TEXT("/tmp/d"), 0777), 0);
    assert_int_equal(CALL(mkdirat, CWD, TEXT("/tmp/d"), 0777), -EEXIST);
    assert_int_equal(CALL(mkdirat, CWD, TEXT("/tmp/d/e/"), 0700), 0);
    assert_int_equal(CALL(mkdirat, CWD, TEXT("/tmp/n/e"), 0700), -ENOENT);
    assert_int_equal(CALL(mkdirat, CWD, TEXT("/new"), 0700), -EROFS);
    put("/tmp/d/f", "f");
    put("/tmp/g", "g");
    assert_int_equal(CALL(unlinkat, CWD, TEXT("/tmp/d"), AT_REMOVEDIR), -ENOTEMPTY);
    assert_int_equal(CALL(unlinkat, CWD, TEXT("/tmp/d"), 0), -EISDIR);
    assert_int_equal(CALL(unlinkat, CWD, TEXT("/tmp/g"), AT_REMOVEDIR), -ENOTDIR);
    assert_int_equal(CALL(unlinkat, CWD, TEXT("/"), AT_REMOVEDIR), -EBUSY);
    assert_int_equal(CALL(unlinkat, CWD, TEXT("/tmp"), AT_REMOVEDIR), -EROFS);
    assert_int_equal(CALL(renameat, CWD, TEXT("/tmp/d"), CWD, TEXT("/tmp/d/e/x")), -EINVAL);
    assert_int_equal(CALL(renameat, CWD, TEXT("/tmp/g"), CWD, TEXT("/tmp/d")), -EISDIR);
    assert_int_equal(CALL(renameat, CWD, TEXT("/tmp/d/e"), CWD, TEXT("/tmp/g")), -ENOTDIR);
    assert_int_equal(CALL(renameat, CWD, TEXT("/tmp/g"), CWD, TEXT("/www/g")), -EROFS);
    assert_int_equal(CALL(renameat, CWD, TEXT("/tmp/no"), CWD, TEXT("/tmp/x")), -ENOENT);
    assert_int_equal(CALL(renameat, CWD, TEXT("/tmp/g"), CWD, TEXT("/tmp/g")), 0);
    assert_int_equal(CALL(renameat, CWD, TEXT("/tmp/g"), CWD, TEXT("/tmp/d/f")), 0);
    assert_string_equal(content("/tmp/d/f"), "g");
    assert_int_equal(size_of("/tmp/g"), -ENOENT);
    assert_int_equal(CALL(renameat, CWD, TEXT("/tmp/d"), CWD, TEXT("/tmp/dd")), 0);
    assert_string_equal(content("/tmp/dd/e/../f"), "g");
    assert_int_equal(CALL(chdir, TEXT("/tmp/dd/e")), 0);
    assert_int_equal(CALL(unlinkat, CWD, TEXT("/tmp/dd/e"), AT_REMOVEDIR), 0);
    assert_int_equal(CALL(getcwd, (long)big, BIG), -ENOENT);
    assert_int_equal(open_at("x", O_CREAT | O_WRONLY), -ENOENT);
    assert_int_equal(open_at("../f", O_RDONLY), -ENOENT);
    assert_int_equal(CALL(chdir, TEXT("/")), 0);
    CALL(unlinkat, CWD, TEXT("/tmp/dd/f"), 0);
    assert_int_equal(CALL(unlinkat, CWD, TEXT("/tmp/dd"), AT_REMOVEDIR), 0);
}

/* The names of a directory, each followed by a space, read in pieces of so many bytes. */
static const char *names(const char *path, long bytes) {
    static char list[4096];
    char entries[1024];
    long fd = open_at(path, O_RDONLY | O_DIRECTORY), got;
    assert_true(fd >= 0);
    list[0] = '\0';
    while ((got = CALL(getdents64, fd, (long)entries, bytes)) > 0)
        for (long at = 0; at < got;) {
            uint16_t entry_bytes;
            memcpy(&entry_bytes, entries + at + 16, sizeof entry_bytes);
            strcat(strcat(list, entries + at + 19), " ");
            at += entry_bytes;
        }
    assert_int_equal(got, 0);
    CALL(close, fd);
    return list;
}

static void directories_are_listed(void **state) {
    (void)state;
    assert_string_equal(names("/www", 1024), ". .. index.html deep ");
    assert_string_equal(names("/", 1024), ". .. tmp www etc dev ");
    put("/tmp/1", "");
    put("/tmp/2", "");
    put("/tmp/3", "");
    assert_string_equal(names("/tmp", 32), ". .. 1 2 3 "); /* one at a time */
    long fd = open_at("/tmp", O_RDONLY);
    assert_int_equal(CALL(getdents64, fd, (long)big, 8), -EINVAL);
    assert_int_equal(CALL(getdents64, fd, (long)big, 3 * 24), 3 * 24);
    for (int i = '1'; i <= '3'; i++) {
        char name[] = {'/', 't', 'm', 'p', '/', (char)i, '\0'};
        assert_int_equal(CALL(unlinkat, CWD, TEXT(name), 0), 0);
    }
    assert_int_equal(CALL(getdents64, fd, (long)big, BIG), 0);
    assert_int_equal(CALL(lseek, fd, 0, SEEK_SET), 0);
    assert_int_equal(CALL(getdents64, fd, (long)big, BIG), 2 * 24);
    CALL(close, fd);
    fd = open_at("/www/index.html", O_RDONLY);
    assert_int_equal(CALL(getdents64, fd, (long)big, BIG), -ENOTDIR);
    CALL(close, fd);
}

static void permissions_are_the_owners(void **state) {
    (void)state;
    assert_int_equal(CALL(umask, 077), 022);
    put("/tmp/p", "p");
    assert_int_equal(CALL(umask, 022), 077);
    struct stat s;
    CALL(newfstatat, CWD, TEXT("/tmp/p"), (long)&s, AT_SYMLINK_NOFOLLOW);
    assert_int_equal(s.st_mode & 0777, 0600);
    assert_int_equal(CALL(fchmodat, CWD, TEXT("/tmp/p"), 0400), 0);
    assert_int_equal(open_at("/tmp/p", O_WRONLY), -EACCES);
    assert_int_equal(CALL(faccessat, CWD, TEXT("/tmp/p"), W_OK, 0), -EACCES);
    assert_int_equal(CALL(faccessat, CWD, TEXT("/tmp/p"), R_OK, 0), 0);
    long fd = open_at("/tmp/p", O_RDONLY);
    assert_int_equal(CALL(fchmod, fd, 0), 0);
    assert_int_equal(open_at("/tmp/p", O_RDONLY), -EACCES);
    CALL(close, fd);
    CALL(unlinkat, CWD, TEXT("/tmp/p"), 0);
}

static void devices_do_what_they_are_for(void **state) {
    (void)state;
    long null = open_at("/dev/null", O_RDWR), zero = open_at("/dev/zero", O_RDONLY);
    long random = open_at("/dev/urandom", O_RDONLY);
    assert_int_equal(CALL(write, null, TEXT("x"), 1), 1);
    assert_int_equal(CALL(read, null, (long)big, BIG), 0);
    memset(big, 1, BIG);
    assert_int_equal(CALL(read, zero, (long)big, BIG), BIG);
    assert_true(big[0] == 0 && memcmp(big, big + 1, BIG - 1) == 0);
    assert_int_equal(CALL(read, random, (long)big, BIG), BIG);
    assert_false(big[0] == 0 && memcmp(big, big + 1, BIG - 1) == 0);
    assert_int_equal(open_at("/dev/tty", O_RDWR), -ENXIO);
    struct stat s;
    CALL(fstat, null, (long)&s);
    assert_true(S_ISCHR(s.st_mode));
    CALL(close, null);
    CALL(close, zero);
    CALL(close, random);
}

static void a_file_is_mapped_as_a_copy(void **state) {
    (void)state;
    long fd = open_at("/www/index.html", O_RDONLY);
    long p = CALL(mmap, 0, 12, PROT_READ, MAP_SHARED, fd, 0);
    assert_true(p > 0);
    assert_memory_equal((char *)p, "<p>hello</p>\0", 13);
    assert_int_equal(CALL(munmap, p, 12), 0);
    CALL(close, fd);
    put("/tmp/m", "mapped");
    fd = open_at("/tmp/m", O_RDWR);
    assert_int_equal(CALL(mmap, 0, 6, PROT_READ, MAP_SHARED, fd, 0), -ENODEV);
    p = CALL(mmap, 0, 6, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    assert_memory_equal((char *)p, "mapped", 7);
    ((char *)p)[0] = 'M';
    assert_string_equal(content("/tmp/m"), "mapped");
    CALL(munmap, p, 6);
    CALL(close, fd);
    CALL(unlinkat, CWD, TEXT("/tmp/m"), 0);
}

static void limits_are_kept_and_all_comes_back(void **state) {
    (void)state;
    for (int round = 0; round < 3; round++) {
        long fd = open_at("/tmp/huge", O_RDWR | O_CREAT);
        assert_int_equal(CALL(ftruncate, fd, (long)POSIX_TMP_BYTES_MAX + 1), -EFBIG);
        assert_int_equal(CALL(ftruncate, fd, (long)POSIX_TMP_BYTES_MAX), 0);
        assert_int_equal(CALL(pwrite64, fd, TEXT("x"), 1, (long)POSIX_TMP_BYTES_MAX), -EFBIG);
        long other = open_at("/tmp/other", O_WRONLY | O_CREAT);
        assert_int_equal(CALL(write, other, TEXT("x"), 1), -ENOSPC);
        CALL(close, other);
        CALL(close, fd);
        assert_int_equal(CALL(unlinkat, CWD, TEXT("/tmp/huge"), 0), 0);
        put("/tmp/other", "fits again");
        CALL(unlinkat, CWD, TEXT("/tmp/other"), 0);
    }
    char name[32];
    long error = 0;
    int made = 0;
    for (; made <= POSIX_NODES_MAX && !error; made++) {
        sprintf(name, "/tmp/%d", made);
        error = CALL(mkdirat, CWD, TEXT(name), 0700);
    }
    assert_int_equal(error, -ENOSPC);
    for (int i = 0; i < made - 1; i++) {
        sprintf(name, "/tmp/%d", i);
        assert_int_equal(CALL(unlinkat, CWD, TEXT(name), AT_REMOVEDIR), 0);
    }
    assert_string_equal(names("/tmp", 1024), ". .. ");
}

int world_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packed_files_are_there_for_reading),
        cmocka_unit_test(paths_lead_where_they_should),
        cmocka_unit_test(a_file_is_written_read_and_cut),
        cmocka_unit_test(a_file_without_a_name_stays_while_it_is_open),
        cmocka_unit_test(directories_and_names_change),
        cmocka_unit_test(directories_are_listed),
        cmocka_unit_test(permissions_are_the_owners),
        cmocka_unit_test(devices_do_what_they_are_for),
        cmocka_unit_test(a_file_is_mapped_as_a_copy),
        cmocka_unit_test(limits_are_kept_and_all_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
