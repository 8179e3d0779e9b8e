/* What the profiler reads and did not write: ELF files, folders, a guest's console. */
#include "profiler/internal.h"
#include "runtime/abi/start.h"
#include "tests/unit/fake_qemu.h"
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct image {
    Elf64_Ehdr header;
    Elf64_Phdr segment[2];
    Elf64_Nhdr other;
    char other_name[4];
    unsigned char other_data[8];
    Elf64_Nhdr note;
    char name[4];
    unsigned char id[20];
};

static struct image good_image(void) {
    struct image i = {
        .header = {.e_phoff = offsetof(struct image, segment),
                   .e_phnum = 2,
                   .e_phentsize = sizeof(Elf64_Phdr)},
        .segment = {{.p_type = PT_LOAD, .p_offset = ~0ull, .p_filesz = ~0ull},
                    {.p_type = PT_NOTE,
                     .p_offset = offsetof(struct image, other),
                     .p_filesz = sizeof i - offsetof(struct image, other)}},
        .other = {.n_namesz = 4, .n_descsz = 5, .n_type = 18},
        .other_name = "Xen",
        .note = {.n_namesz = 4, .n_descsz = 20, .n_type = NT_GNU_BUILD_ID},
        .name = "GNU",
    };
    memcpy(i.header.e_ident, ELFMAG, SELFMAG);
    i.header.e_ident[EI_CLASS] = ELFCLASS64;
    i.header.e_ident[EI_DATA] = ELFDATA2LSB;
    for (size_t k = 0; k < sizeof i.id; k++)
        i.id[k] = (unsigned char)(0xa0 + k);
    return i;
}

static int build_id_of(const void *bytes, size_t n, char id[64]) {
    char path[] = "/tmp/nom-elf.XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    close(fd);
    int result = profiler_build_id(path, id);
    unlink(path);
    return result;
}

static void test_build_id(void **state) {
    struct image image = good_image();
    char id[64];

    (void)state;
    assert_int_equal(build_id_of(&image, sizeof image, id), 0);
    assert_string_equal(id, "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3");
    assert_int_equal(profiler_build_id("/nonexistent", id), -ENOENT);
    assert_int_equal(profiler_build_id("/tmp", id), -ENOEXEC);
    assert_int_equal(profiler_build_id("/proc/self/exe", id), 0);
    assert_int_equal(strlen(id), 40);
}

static void test_build_id_cut_short(void **state) {
    struct image image = good_image();
    char id[64];

    (void)state;
    for (size_t n = 0; n < sizeof image; n++) {
        assert_true(build_id_of(&image, n, id) < 0);
        assert_string_equal(id, "");
    }
}

/* Every byte of the image set to every extreme: no crash, and an id of ours or none. */
static void test_build_id_damaged(void **state) {
    static const unsigned char values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    char id[64];

    (void)state;
    for (size_t at = 0; at < offsetof(struct image, id); at++)
        for (size_t v = 0; v < sizeof values; v++) {
            struct image image = good_image();
            ((unsigned char *)&image)[at] = values[v];
            int result = build_id_of(&image, sizeof image, id);
            assert_int_equal(result == 0, strlen(id) > 0);
        }
    struct image image = good_image();
    image.note.n_descsz = 0xfffffffe; /* rounds up to 0 in 32 bits */
    assert_true(build_id_of(&image, sizeof image, id) < 0);
    image = good_image();
    image.header.e_phoff = ~0ull - 8;
    assert_int_equal(build_id_of(&image, sizeof image, id), -ENOEXEC);
}

static void test_paths(void **state) {
    struct profiler_paths paths;
    char why[256];

    (void)state;
    fake_qemu_install("mute");
    assert_int_equal(profiler_paths("nhttpd", &paths, why, sizeof why), 0);
    assert_non_null(strstr(paths.kernel, "/nom.elf"));
    assert_non_null(strstr(paths.app_elf, "/nhttpd.elf"));
    assert_int_equal(profiler_paths(NULL, &paths, why, sizeof why), 0);
    static const char *const bad[] = {"nginx", "nom", "", "../nhttpd", "-h", "nhttpd/", "NHTTPD"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(profiler_paths(bad[i], &paths, why, sizeof why), -1);
        assert_non_null(strstr(why, "there is: nhttpd"));
    }
    fake_qemu_clean();
    setenv("NOM_HOME", "/nonexistent", 1);
    assert_int_equal(profiler_paths("nhttpd", &paths, why, sizeof why), -1);
    assert_non_null(strstr(why, "/nonexistent/nom.elf"));
    unsetenv("NOM_HOME");
}

static void test_serial_last(void **state) {
    static const struct {
        const char *log, *last;
    } cases[] = {
        {"", ""},
        {"\n\n\r\n", ""},
        {"one", "one"},
        {"one\ntwo\r\n", "two"},
        {"one\n \t \n\x1b\n", "one"},
        {"a\x07"
         "b\n",
         "ab"},
        {"0123456789abcdef", "0123456"},
    };
    char line[8];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        profiler_serial_last(cases[i].log, line, sizeof line);
        assert_string_equal(line, cases[i].last);
    }
}

static void test_serial_find(void **state) {
    (void)state;
    assert_null(profiler_serial_find("", "x: ready"));
    assert_null(profiler_serial_find("not x: ready\n", "x: ready"));
    assert_null(profiler_serial_find("x: ready", "x: ready")); /* the line is not whole */
    assert_non_null(profiler_serial_find("x: ready\n", "x: ready"));
    assert_string_equal(profiler_serial_find("a\n\nx: ready 1\nb\n", "x: ready"),
                        "x: ready 1\nb\n");
}

static enum profiler_accel_kind kind_of(const char *accel, const char *line) {
    struct profiler_accel_check check = {0};

    snprintf(check.name, sizeof check.name, "%s", accel);
    return profiler_accel_parse(line, &check) ? check.kind : PROFILER_ACCEL_ABSENT;
}

static void test_accel_parse(void **state) {
    (void)state;
    assert_int_equal(kind_of("kvm", "selfcheck: ring0_ps=484000 ring3_ps=240 tsc_hz=2000000000\n"),
                     PROFILER_ACCEL_KVM_RING3);
    assert_int_equal(kind_of("kvm", "selfcheck: ring0_ps=250 ring3_ps=240\n"), PROFILER_ACCEL_KVM);
    assert_int_equal(kind_of("kvm", "selfcheck: ring0_ps=484000 ring3_ps=484000\n"),
                     PROFILER_ACCEL_SLOW);
    assert_int_equal(kind_of("tcg", "selfcheck: ring0_ps=900 ring3_ps=900\n"), PROFILER_ACCEL_TCG);
    static const char *const bad[] = {
        "selfcheck:\n",
        "selfcheck: ring0_ps=1\n",
        "selfcheck: ring0_ps=x ring3_ps=1\n",
        "selfcheck: ring0_ps=0 ring3_ps=1\n",
        "selfcheck: ring0_ps=1 ring3_ps=-1\n",
        "selfcheck: ring0_ps=nan ring3_ps=1\n",
        "selfcheck: ring0_ps=1\nring3_ps=1\n",
        "selfcheck: bring0_ps=1 ring3_ps=1\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(kind_of("kvm", bad[i]), PROFILER_ACCEL_ABSENT);
}

static void test_exit_text(void **state) {
    char text[128];

    (void)state;
    profiler_qemu_exit_text(NOM_EXIT_HOST_STATUS(NOM_EXIT_PANIC) << 8, text, sizeof text);
    assert_non_null(strstr(text, "panicked"));
    profiler_qemu_exit_text(NOM_EXIT_HOST_STATUS(NOM_EXIT_APP_FAULT) << 8, text, sizeof text);
    assert_non_null(strstr(text, "exception"));
    profiler_qemu_exit_text(NOM_EXIT_HOST_STATUS(NOM_EXIT_BAD_COMMAND) << 8, text, sizeof text);
    assert_non_null(strstr(text, "command line"));
    profiler_qemu_exit_text(NOM_EXIT_HOST_STATUS(NOM_EXIT_BASE + 63) << 8, text, sizeof text);
    assert_non_null(strstr(text, "the app ended with status 63"));
    profiler_qemu_exit_text(1 << 8, text, sizeof text);
    assert_non_null(strstr(text, "QEMU failed"));
    profiler_qemu_exit_text(9, text, sizeof text);
    assert_non_null(strstr(text, "signal 9"));
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_build_id),         cmocka_unit_test(test_build_id_cut_short),
        cmocka_unit_test(test_build_id_damaged), cmocka_unit_test(test_paths),
        cmocka_unit_test(test_serial_last),      cmocka_unit_test(test_serial_find),
        cmocka_unit_test(test_accel_parse),      cmocka_unit_test(test_exit_text),
    };

    fake_qemu_hook(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
