/* Which floors work here, which one is taken where nobody says, and what is recorded of each. */
#include "profiler/internal.h"
#include "tests/unit/fake_qemu.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define FAST "says-selfcheck: ring0_ps=200 ring3_ps=200"
#define SLOW "says-selfcheck: ring0_ps=900000 ring3_ps=900000"
#define SELF "/proc/self/exe"

static struct profiler_paths paths;
static struct profiler_probe veth;
static bool has_kvm;

static void install(const char *behaviour) {
    char why[256];

    fake_qemu_install(behaviour);
    assert_int_equal(profiler_paths("nhttpd", &paths, why, sizeof why), 0);
}

static int teardown(void **state) {
    (void)state;
    fake_qemu_clean();
    return 0;
}

static void test_table(void **state) {
    (void)state;
    assert_null(profiler_floor_find("xen"));
    assert_null(profiler_floor_find(""));
    for (size_t i = 0; i < profiler_floor_count; i++) {
        const struct profiler_floor *floor = &profiler_floors[i];
        assert_ptr_equal(profiler_floor_find(floor->name), floor);
        assert_true(strlen(floor->name) < TRIAL_NAME_BYTES && floor->summary[0]);
    }
}

static struct profiler_floor_check check(const char *floor) {
    struct profiler_floor_check c;

    memset(&c, 0xff, sizeof c);
    profiler_floor_check(&paths, profiler_floor_find(floor), &c);
    assert_true(c.detail[0] && !strchr(c.detail, '\n'));
    return c;
}

static void test_check(void **state) {
    char why[200];

    (void)state;
    install(FAST);
    struct profiler_floor_check c = check("nom");
    assert_true(c.works);
    assert_string_equal(c.network, profiler_network(why, sizeof why));
    for (int i = 0; i < 2; i++) {
        c = check(i ? "host" : "hosted");
        assert_string_equal(c.network, "veth");
        assert_int_equal(c.works, veth.works && (i || veth.packet));
        if (c.works)
            assert_non_null(strstr(c.detail, veth.user_namespace ? "in a user namespace"
                                                                 : "as root in a network"));
    }
    c = check("osv");
    assert_false(c.works);
    assert_non_null(strstr(c.detail, "no image"));
}

static void test_check_missing(void **state) {
    char why[256];

    (void)state;
    install(FAST);
    fake_qemu_remove();
    struct profiler_floor_check c = check("nom");
    assert_false(c.works);
    assert_non_null(strstr(c.detail, "qemu-system-x86"));
    fake_qemu_remove_processes();
    assert_int_equal(profiler_paths("nhttpd", &paths, why, sizeof why), 0);
    assert_string_equal(paths.hosted, "");
    assert_string_equal(paths.sockets, "");
    c = check("hosted");
    assert_false(c.works);
    assert_non_null(strstr(c.detail, "lib/nom/hosted/APP"));
    c = check("host");
    assert_false(c.works);
    assert_non_null(strstr(c.detail, "lib/nom/sockets/APP"));
}

/* What is chosen must be this. */
static void chooses(const char *accel_wanted, const char *floor, const char *accel,
                    const char *words) {
    const struct profiler_floor *chosen = NULL;
    char under[TRIAL_NAME_BYTES] = "", reason[256] = "", why[256] = "";

    if (profiler_floor_choose(&paths, accel_wanted, &chosen, under, reason, sizeof reason, why,
                              sizeof why) != 0)
        fail_msg("nothing chosen: %s", why);
    assert_string_equal(chosen->name, floor);
    assert_string_equal(under, accel);
    if (!strstr(reason, words))
        fail_msg("expected '%s' in: %s", words, reason);
}

static void test_choose(void **state) {
    const struct profiler_floor *chosen;
    char accel[TRIAL_NAME_BYTES], reason[256], why[256] = "";
    bool hosted = veth.works && veth.packet;

    (void)state;
    install(FAST);
    chooses("tcg", "nom", "tcg", "as asked");
    if (has_kvm)
        chooses("auto", "nom", "kvm", "nom under kvm: both rings run natively");
    install(SLOW);
    if (hosted) {
        chooses("auto", "hosted", "none", "no accelerator runs nom at speed (kvm: ");
        fake_qemu_remove();
        chooses("auto", "hosted", "none", "qemu-system-x86");
        install(SLOW);
    }
    paths.hosted[0] = '\0';
    chooses("auto", "nom", "tcg", "and hosted does not work: ");
    fake_qemu_remove();
    assert_int_equal(profiler_floor_choose(&paths, "auto", &chosen, accel, reason, sizeof reason,
                                           why, sizeof why),
                     -1);
    assert_non_null(strstr(why, "qemu-system-x86"));
}

static struct trial_settings settings_of(const char *floor) {
    struct trial_settings s;

    profiler_settings_default(&paths, "nhttpd", profiler_floor_find(floor), "tcg", &s);
    assert_string_equal(s.target, floor);
    assert_true(s.delay_us <= 0 && s.kick == NOM_KICK_NATURAL);
    return s;
}

static void test_settings(void **state) {
    static const struct {
        const char *floor;
        size_t binary; /* offset of the path in struct profiler_paths */
        bool guest;
    } floors[] = {{"nom", offsetof(struct profiler_paths, app_elf), true},
                  {"hosted", offsetof(struct profiler_paths, hosted), false},
                  {"host", offsetof(struct profiler_paths, sockets), false},
                  {"linux", offsetof(struct profiler_paths, linux_guest), true}};

    (void)state;
    install(FAST);
    for (size_t i = 0; i < sizeof floors / sizeof *floors; i++) {
        memset(&paths, 0, sizeof paths); /* the one that runs has an id, and no other file */
        snprintf((char *)&paths + floors[i].binary, sizeof paths.app_elf, SELF);
        struct trial_settings s = settings_of(floors[i].floor);
        assert_int_equal(strlen(s.app_build_id), 40);
        assert_string_equal(s.kernel_build_id, "");
        assert_string_equal(s.accel, floors[i].guest ? "tcg" : "none");
        assert_int_equal(s.memory_mib > 0, floors[i].guest);
        assert_int_equal(s.qemu_version[0] != '\0', floors[i].guest);
        if (floors[i].guest) {
            assert_int_equal(s.rps_core, -1);
        } else {
            assert_string_equal(s.network, "veth");
            assert_int_equal(s.rps_core, veth.rps ? s.client_core : -1);
            assert_int_equal(s.user_namespace, veth.user_namespace);
        }
        snprintf(paths.kernel, sizeof paths.kernel, SELF);
        s = settings_of(floors[i].floor);
        assert_int_equal(s.kernel_build_id[0] != '\0', strcmp(floors[i].floor, "nom") == 0);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test_teardown(test_check, teardown),
        cmocka_unit_test_teardown(test_check_missing, teardown),
        cmocka_unit_test_teardown(test_choose, teardown),
        cmocka_unit_test_teardown(test_settings, teardown),
    };

    fake_qemu_hook(argc, argv);
    profiler_probe("veth", &veth);
    has_kvm = access("/dev/kvm", R_OK | W_OK) == 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
