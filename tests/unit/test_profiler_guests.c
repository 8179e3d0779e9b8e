/* What the profiler hands to QEMU for Linux and OSv guests, from folders made here: no kernel and
 * no QEMU is needed. */
#include "profiler/internal.h"
#include "runtime/abi/cpio.h"
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define BYTES_MAX (1u << 20)
#define RELEASE   "6.1.0-56-cloud-amd64"

static char folder[] = "/tmp/nom-guests.XXXXXX";
static struct profiler_paths paths;
static struct trial_settings settings;
static char why[300];

static void put(const char *name, const void *bytes, size_t n) {
    char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

static void put_text(const char *name, const char *text) {
    put(name, text, strlen(text));
}

static void drop(const char *name) {
    char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(unlink(path), 0);
}

/* As much of a bzImage as is looked at. */
static void put_kernel(void) {
    static char image[4096];
    memset(image, 0, sizeof image);
    memcpy(image + 0x202, "HdrS", 4);
    image[0x20e] = 0;
    image[0x20f] = 4; /* 0x400 + 0x200 */
    strcpy(image + 0x600, RELEASE " (someone) #1 SMP");
    put("linux/vmlinuz", image, sizeof image);
}

static void put_program(const char *name, uint32_t segment_type) {
    struct {
        Elf64_Ehdr header;
        Elf64_Phdr segment;
    } program = {
        .header = {.e_machine = EM_X86_64,
                   .e_phoff = sizeof(Elf64_Ehdr),
                   .e_phnum = 1,
                   .e_phentsize = sizeof(Elf64_Phdr)},
        .segment = {.p_type = segment_type},
    };
    memcpy(program.header.e_ident, ELFMAG, SELFMAG);
    put(name, &program, sizeof program);
}

static void put_modules(void) {
    put_text("linux/modules.dep", "kernel/other.ko: kernel/more.ko\n"
                                  "kernel/virtio_pci.ko: kernel/b.ko kernel/a.ko\n"
                                  "kernel/net/virtio_net.ko: kernel/net/c.ko kernel/a.ko\n");
    put_text("linux/kernel/virtio_pci.ko", "virtio_pci");
    put_text("linux/kernel/a.ko", "a");
    put_text("linux/kernel/b.ko", "b");
    put_text("linux/kernel/net/c.ko", "c");
    put_text("linux/kernel/net/virtio_net.ko", "virtio_net");
}

static int setup(void **state) {
    (void)state;
    char linux_folder[600];
    if (!mkdtemp(folder))
        return -1;
    put_kernel();
    put_modules();
    put_program("linux/busybox", PT_LOAD);
    put_text("nom.elf", "kernel");
    put_text("initrd.cpio", "files");
    put_text("linux-guest/nhttpd", "the app");
    snprintf(paths.kernel, sizeof paths.kernel, "%s/nom.elf", folder);
    snprintf(paths.initrd, sizeof paths.initrd, "%s/initrd.cpio", folder);
    snprintf(paths.linux_guest, sizeof paths.linux_guest, "%s/linux-guest/nhttpd", folder);
    snprintf(settings.app, sizeof settings.app, "nhttpd");
    snprintf(settings.network, sizeof settings.network, "tap");
    snprintf(linux_folder, sizeof linux_folder, "%s/linux", folder);
    return setenv("NOM_LINUX", linux_folder, 1);
}

static int teardown(void **state) {
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

/* Composes and reads the archive. */
static size_t archive_of(unsigned char *bytes) {
    struct profiler_guest guest = {.fd = -1};
    char named[64];
    assert_int_equal(profiler_linux_compose(&paths, &settings, &guest, why, sizeof why), 0);
    snprintf(named, sizeof named, "/proc/self/fd/%d", guest.fd);
    assert_string_equal(guest.initrd, named);
    assert_non_null(strstr(guest.append, "console=ttyS0"));
    assert_string_equal(guest.image, "");
    ssize_t n = pread(guest.fd, bytes, BYTES_MAX, 0);
    close(guest.fd);
    assert_true(n > 0 && n < (ssize_t)BYTES_MAX);
    return (size_t)n;
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

static void linux_archive(void **state) {
    (void)state;
    static unsigned char bytes[BYTES_MAX], again[BYTES_MAX];
    static char init[8192];
    size_t n = archive_of(bytes);
    assert_int_equal(archive_of(again), n);
    assert_memory_equal(bytes, again, n);
    struct nom_cpio_entry e = entry_of(bytes, n, "app/nhttpd");
    assert_int_equal(e.mode, NOM_CPIO_TYPE_FILE | 0755);
    assert_memory_equal(e.data, "the app", 7);
    assert_memory_equal(entry_of(bytes, n, "initrd.cpio").data, "files", 5);
    assert_memory_equal(entry_of(bytes, n, "modules/c.ko").data, "c", 1);
    e = entry_of(bytes, n, "init");
    assert_int_equal(e.mode, NOM_CPIO_TYPE_FILE | 0755);
    assert_true(e.bytes < sizeof init);
    memcpy(init, e.data, e.bytes);
    /* Each module once, after all that it needs. */
    const char *at = init;
    static const char *const order[] = {"a", "b", "virtio_pci", "c", "virtio_net"};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        char load[64];
        snprintf(load, sizeof load, "insmod /modules/%s.ko ", order[i]);
        const char *found = strstr(at, load);
        assert_non_null(found);
        assert_null(strstr(found + 1, load));
        at = found;
    }
    assert_non_null(strstr(at, "ip addr add 10.77.0.2/24"));
    assert_non_null(strstr(at, "/app/nhttpd --initrd /initrd.cpio -- --ip 10.77.0.2 --port 80\n"));
}

static void linux_user_network(void **state) {
    (void)state;
    static unsigned char bytes[BYTES_MAX];
    static char init[8192];
    snprintf(settings.network, sizeof settings.network, "user");
    size_t n = archive_of(bytes);
    snprintf(settings.network, sizeof settings.network, "tap");
    struct nom_cpio_entry e = entry_of(bytes, n, "init");
    memcpy(init, e.data, e.bytes);
    assert_non_null(strstr(init, "ip addr add 10.0.2.15/24"));
    assert_non_null(strstr(init, "ip route add default via 10.0.2.2"));
    assert_non_null(strstr(init, "--ip 10.0.2.15 --port 80"));
}

static void linux_is_found(void **state) {
    (void)state;
    char release[TRIAL_TEXT_BYTES];
    assert_int_equal(profiler_linux_find(&paths, release, why, sizeof why), 0);
    assert_string_equal(release, RELEASE);
    assert_non_null(strstr(why, "vmlinuz"));
    /* Beside the guest files, as fetch-linux --link has it. */
    char *set = strdup(getenv("NOM_LINUX"));
    unsetenv("NOM_LINUX");
    assert_int_equal(profiler_linux_find(&paths, release, why, sizeof why), 0);
    assert_string_equal(release, RELEASE);
    /* In the cache. */
    struct profiler_paths elsewhere = paths;
    snprintf(elsewhere.kernel, sizeof elsewhere.kernel, "/nonexistent/nom.elf");
    setenv("NOM_CACHE", folder, 1);
    assert_int_equal(profiler_linux_find(&elsewhere, release, why, sizeof why), 0);
    unsetenv("NOM_CACHE");
    setenv("NOM_LINUX", set, 1);
    free(set);
}

static void refused(const char *text) {
    struct profiler_guest guest = {.fd = -1};
    char release[TRIAL_TEXT_BYTES] = "x";
    assert_int_equal(profiler_linux_find(&paths, release, why, sizeof why), -1);
    assert_string_equal(release, "");
    if (!strstr(why, text))
        fail_msg("\"%s\" is not in: %s", text, why);
    assert_int_equal(profiler_linux_compose(&paths, &settings, &guest, why, sizeof why), -1);
    assert_non_null(strstr(why, text));
    assert_int_equal(guest.fd, -1);
}

static void linux_lacks_something(void **state) {
    (void)state;
    put_text("linux/vmlinuz", "no kernel at all");
    refused("is no Linux kernel (a bzImage); tools/fetch-linux gets");
    drop("linux/vmlinuz");
    refused("vmlinuz cannot be read: No such file");
    put_kernel();

    drop("linux/kernel/a.ko");
    refused("kernel/a.ko is missing, which modules.dep names");
    put_text("linux/modules.dep", "kernel/virtio_pci.ko:\n");
    refused("names no module virtio_net");
    put_text("linux/modules.dep", "kernel/virtio_pci.ko.xz:\nkernel/net/virtio_net.ko.xz:\n");
    refused("are compressed");
    drop("linux/modules.dep");
    refused("names no module virtio_pci");
    put_modules();

    put_program("linux/busybox", PT_INTERP);
    refused("is not static");
    put_text("linux/busybox", "#!/bin/sh\n");
    refused("is not static");
    drop("linux/busybox");
    char *path = strdup(getenv("PATH"));
    setenv("PATH", folder, 1);
    refused("no busybox for the Linux guest (Debian package busybox-static");
    setenv("PATH", path, 1);
    free(path);
    put_program("linux/busybox", PT_LOAD);

    struct profiler_paths whole = paths;
    paths.linux_guest[0] = '\0';
    refused("run make");
    paths = whole;
}

/* What is built in needs no file. */
static void linux_modules_built_in(void **state) {
    (void)state;
    static unsigned char bytes[BYTES_MAX];
    struct nom_cpio_entry e;
    uint64_t at = 0;
    put_text("linux/modules.dep", "");
    put_text("linux/modules.builtin", "kernel/drivers/virtio/virtio_pci.ko\n"
                                      "kernel/drivers/net/virtio-net.ko\n");
    size_t n = archive_of(bytes);
    while (nom_cpio_next(bytes, n, &at, &e) > 0)
        assert_null(strstr(e.name, ".ko"));
    drop("linux/modules.builtin");
    put_modules();
}

static void osv_refused(const char *text) {
    struct profiler_guest guest = {.fd = -1};
    char file[TRIAL_TEXT_BYTES];
    assert_int_equal(profiler_osv_find(&paths, file, why, sizeof why), -1);
    if (!strstr(why, text))
        fail_msg("\"%s\" is not in: %s", text, why);
    assert_int_equal(profiler_osv_compose(&paths, &settings, &guest, why, sizeof why), -1);
    assert_int_equal(guest.fd, -1);
}

static void osv(void **state) {
    (void)state;
    struct profiler_guest guest = {.fd = -1};
    char file[TRIAL_TEXT_BYTES], image[600];
    osv_refused("no image: give --kernel FILE and --image FILE");
    snprintf(paths.osv_kernel, sizeof paths.osv_kernel, "%s/osv.elf", folder);
    osv_refused("no image: ");
    snprintf(paths.osv_image, sizeof paths.osv_image, "%s/a,b.img", folder);
    osv_refused("osv.elf: No such file");
    put_text("osv.elf", "none");
    osv_refused("not an ELF file");
    put_program("osv.elf", PT_LOAD);
    osv_refused("a,b.img: No such file");
    put_text("a,b.img", "");
    osv_refused("the file is empty");

    put_text("a,b.img", "QFI\xfb and more");
    assert_int_equal(profiler_osv_find(&paths, file, why, sizeof why), 0);
    assert_non_null(strstr(file, "/osv.elf"));
    assert_int_equal(profiler_osv_compose(&paths, &settings, &guest, why, sizeof why), 0);
    assert_string_equal(guest.kernel, paths.osv_kernel);
    assert_string_equal(guest.image_format, "qcow2");
    snprintf(image, sizeof image, "%s/a,,b.img", folder);
    assert_string_equal(guest.image, image);
    assert_string_equal(guest.append, "--ip=eth0,10.77.0.2,255.255.255.0 --defaultgw=10.77.0.1 "
                                      "/nhttpd --initrd /initrd.cpio -- --ip 10.77.0.2 --port 80");
    put_text("a,b.img", "a disk");
    assert_int_equal(profiler_osv_compose(&paths, &settings, &guest, why, sizeof why), 0);
    assert_string_equal(guest.image_format, "raw");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linux_archive),          cmocka_unit_test(linux_user_network),
        cmocka_unit_test(linux_is_found),         cmocka_unit_test(linux_lacks_something),
        cmocka_unit_test(linux_modules_built_in), cmocka_unit_test(osv),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
